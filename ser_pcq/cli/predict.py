"""`ser-predict PATH…`."""

import io
import shutil
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ser_pcq.cli.app import VERSION_OPTION, new_app, progress, run, say
from ser_pcq.errors import SerError
from ser_pcq.formats import csv, jsonl, table
from ser_pcq.prediction import Prediction

app = new_app(help="Tell the emotion in recordings of speech.")


class Format(StrEnum):
    """How predictions are printed."""

    table = "table"
    csv = "csv"
    jsonl = "jsonl"


def _checked(min_confidence: float) -> float:
    """Refuse a threshold that is none; NaN, which an option's own range lets through, too."""
    if not 0 <= min_confidence <= 1:
        raise typer.BadParameter(f"{min_confidence} is not a number from 0 to 1")
    return min_confidence


def _recordings(paths: list[Path]) -> list[Path]:
    """Return the files to judge; warn of a folder without any.

    Raises:
        SerError: When there is no file at all.
    """
    from ser_pcq.audio import find_audio

    files = find_audio(paths)
    for path in paths:
        if path.is_dir() and not find_audio([path]):
            say(f"ser-predict: warning: no recording in the folder {path}")
    if not files:
        raise SerError(
            "no recording there",
            given=", ".join(map(str, paths)),
            do="name files, or folders that hold wav, flac, ogg, mp3 or aiff files",
        )
    return files


@app.command()
def predict(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files and folders.")],
    model: Annotated[
        str | None,
        typer.Option(help="Embedded name or path of a model.", show_default="emodb-large"),
    ] = None,
    output_format: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.table,
    min_confidence: Annotated[
        float,
        typer.Option(
            metavar="X",
            callback=_checked,
            help="Abstain where the confidence is under X, 0 to 1: no label is given.",
        ),
    ] = 0.0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "cpu",
    version: bool = VERSION_OPTION,
) -> None:
    """Print the emotion in each recording.

    Exit code: 0 all well, 1 a file failed, 2 wrong usage. Abstaining is no failure.
    """
    files = _recordings(paths)
    from ser_pcq.model_folder import DEFAULT_MODEL
    from ser_pcq.predict import load_predictor

    with progress("loading the model"):
        predictor = load_predictor(
            model or DEFAULT_MODEL, device=device, min_confidence=min_confidence
        )
    failed = 0
    # A file name may hold bytes that are no text; it is shown with escapes then.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")

    def counted() -> Iterator[Prediction]:
        nonlocal failed
        # Where lines are seen as they come they are progress enough; into a file they are not.
        quiet = nullcontext(lambda done, total: None)
        with quiet if sys.stdout.isatty() else progress("predicting") as advance:
            for done, prediction in enumerate(predictor.predict_all(files), start=1):
                failed += prediction.status not in ("ok", "abstained")
                yield Prediction(**vars(prediction))
                advance(done, len(files))

    if output_format is Format.table:
        # Paths are shown whole, unless a terminal is too narrow for them.
        longest = max(len(str(file)) for file in files)
        room = max(20, shutil.get_terminal_size().columns - 34) if sys.stdout.isatty() else longest
        parts = table.lines(counted(), width=max(4, min(longest, room)))
    elif output_format is Format.csv:
        parts = csv.lines(counted(), predictor.labels)
    else:
        parts = jsonl.lines(counted())
    for part in parts:
        sys.stdout.write(part)
        sys.stdout.flush()  # a line is seen as soon as its file is done
    if failed:
        say(f"ser-predict: {failed} of {len(files)} files could not be judged")
        raise typer.Exit(1)


def main() -> None:
    """Entry point of `ser-predict`."""
    run(app, "ser-predict")


if __name__ == "__main__":
    main()
