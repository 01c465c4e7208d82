"""`ser-predict PATH…`."""

import io
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ser_pcq import formats
from ser_pcq.cli.app import VERSION_OPTION, new_app, progress, run, say
from ser_pcq.cli.predict_more import print_stream, refuse_with_stream, with_plots
from ser_pcq.errors import SerError
from ser_pcq.formats import FORMATS, csv, table
from ser_pcq.formats.folder import write_each
from ser_pcq.prediction import Prediction
from ser_pcq.stream import PcmFormat

if TYPE_CHECKING:
    from ser_pcq.predict import Predictor

app = new_app(help="Tell the emotion in recordings of speech.")


class Format(StrEnum):
    """How predictions are printed."""

    table = "table"
    csv = "csv"
    jsonl = "jsonl"
    rttm = "rttm"
    textgrid = "textgrid"
    srt = "srt"
    audacity = "audacity"


class Speech(StrEnum):
    """What finds pauses."""

    auto = "auto"
    energy = "energy"
    silero = "silero"
    off = "off"


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


Paths = Annotated[list[Path] | None, typer.Argument(metavar="PATH...", help="Files and folders.")]
Model = Annotated[
    str | None,
    typer.Option(help="Embedded name or path of a model.", show_default="emodb-large"),
]
MinConfidence = Annotated[
    float,
    typer.Option(
        metavar="X",
        callback=_checked,
        help="Abstain where the confidence is under X, 0 to 1: no label is given.",
    ),
]
Segments = Annotated[
    bool, typer.Option("--segments", help="Tell also how the emotion changes over time.")
]
OutputDir = Annotated[
    Path | None,
    typer.Option(help="For textgrid, srt and audacity: the folder for a file per recording."),
]
Plot = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Draw each recording and its segments as PNG into a folder."),
]
Stream = Annotated[
    bool,
    typer.Option("--stream", help="Read raw samples from standard input, and tell as they come."),
]


@app.command()
def predict(
    paths: Paths = None,
    model: Model = None,
    output_format: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.table,
    min_confidence: MinConfidence = 0.0,
    segments: Segments = False,
    speech: Annotated[
        Speech, typer.Option(help="What finds the pauses between segments.")
    ] = Speech.auto,
    output_dir: OutputDir = None,
    plot: Plot = None,
    stream: Stream = False,
    rate: Annotated[int, typer.Option(help="Hz, of --stream.")] = 16_000,
    channels: Annotated[int, typer.Option(help="Channels, of --stream.")] = 1,
    encoding: Annotated[str, typer.Option(help="Samples of --stream: s16le, f32le, …")] = "s16le",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "cpu",
    version: bool = VERSION_OPTION,
) -> None:
    """Print the emotion in each recording.

    Exit code: 0 all well, 1 a file failed, 2 wrong usage. Abstaining is no failure.
    """
    if stream:
        others = (paths, segments, output_dir, plot, min_confidence)
        refuse_with_stream(any(others) or output_format not in (Format.table, Format.jsonl))
        print_stream(
            model,
            PcmFormat(encoding, rate, channels),
            speech.value,
            device,
            as_json=output_format is Format.jsonl,
        )
        return
    if not paths:
        raise typer.BadParameter("name files or folders, or use --stream", param_hint="PATH...")
    kind = _kind(output_format, output_dir)
    files = _recordings(paths)
    timed = segments or plot is not None or kind.one_recording or output_format is Format.rttm
    with progress("loading the model"):
        predictor = _load(model, device, min_confidence, timed, speech)
    statuses: Counter[str] = Counter()
    # Where lines are seen as they come they are progress enough; into a file they are not.
    lines_seen = sys.stdout.isatty() and output_dir is None
    predictions = _counted(predictor, files, statuses, quiet=lines_seen)
    if plot is not None:
        predictions = with_plots(predictions, files, plot)
    if output_dir is not None:
        _write_files(predictions, files, kind, output_dir)
    else:
        _print(predictions, files, output_format, predictor.labels, segments=segments)
    failed = sum(n for status, n in statuses.items() if status not in ("ok", "abstained"))
    if failed:
        say(f"ser-predict: {failed} of {len(files)} files could not be judged")
        raise typer.Exit(1)


def _load(
    model: str | None, device: str, min_confidence: float, segments: bool, speech: Speech
) -> "Predictor":
    """Load the model that is named, or the default."""
    from ser_pcq.model_folder import DEFAULT_MODEL
    from ser_pcq.predict import load_predictor

    return load_predictor(
        model or DEFAULT_MODEL,
        device=device,
        min_confidence=min_confidence,
        segments=segments,
        speech=speech.value,
    )


def _kind(output_format: Format, output_dir: Path | None) -> formats.Format:
    """Return the format; refuse one recording per file without a folder, and a folder otherwise."""
    kind = FORMATS[output_format.value]
    if kind.one_recording != (output_dir is not None):
        needs = "needs" if kind.one_recording else "does not take"
        raise typer.BadParameter(f"--format {output_format.value} {needs} --output-dir")
    return kind


def _counted(
    predictor: "Predictor", files: list[Path], statuses: Counter[str], *, quiet: bool
) -> Iterator[Prediction]:
    """Yield a prediction for each file, count its status, and show the progress unless `quiet`."""
    shown = nullcontext(lambda done, total: None) if quiet else progress("predicting")
    with shown as advance:
        for done, prediction in enumerate(predictor.predict_all(files), start=1):
            statuses[prediction.status] += 1
            yield prediction
            advance(done, len(files))


def _write_files(
    predictions: Iterator[Prediction], files: list[Path], kind: formats.Format, output_dir: Path
) -> None:
    """Write a file for each recording, and print the names of the files."""
    for prediction, written in write_each(predictions, files, kind, output_dir):
        if written is None:
            say(f"ser-predict: {prediction.path}: {prediction.reason}")
        else:
            typer.echo(str(written).encode(errors="backslashreplace").decode())


def _print(
    predictions: Iterator[Prediction],
    files: list[Path],
    output_format: Format,
    labels: tuple[str, ...],
    *,
    segments: bool,
) -> None:
    """Print each prediction as soon as it is there."""
    # A file name may hold bytes that are no text; it is shown with escapes then.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    if output_format is Format.table:
        # Paths are shown whole, unless a terminal is too narrow for them.
        longest = max(len(str(file)) for file in files)
        room = max(20, shutil.get_terminal_size().columns - 34) if sys.stdout.isatty() else longest
        parts = table.lines(predictions, width=max(4, min(longest, room)))
    elif output_format is Format.csv:
        parts = csv.lines(predictions, labels, segments=segments)
    else:
        lines = FORMATS[output_format.value].lines
        assert lines is not None
        parts = lines(predictions, labels)
    for part in parts:
        sys.stdout.write(part)
        sys.stdout.flush()  # a line is seen as soon as its file is done


def main() -> None:
    """Entry point of `ser-predict`."""
    run(app, "ser-predict")


if __name__ == "__main__":
    main()
