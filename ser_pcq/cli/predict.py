"""`ser-predict PATH…`."""

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ser_pcq.cli.app import VERSION_OPTION, end_tidily, new_app, progress, quiet_libraries, run, say
from ser_pcq.cli.predict_more import print_stream, refuse_with_stream, with_plots
from ser_pcq.errors import SerError
from ser_pcq.inference import formats
from ser_pcq.inference.formats import FORMATS
from ser_pcq.inference.stream import PcmFormat

if TYPE_CHECKING:
    from ser_pcq.cli.predict_output import Job

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
    from ser_pcq.audio.find import find_audio

    files = find_audio(paths, foreign=True)
    for path in paths:
        # Not Path.is_dir(), which raises for names that are too long.
        if os.path.isdir(path) and not find_audio([path], foreign=True):  # noqa: PTH112
            say(f"ser-predict: warning: no recording in the folder {path}")
    if not files:
        raise SerError(
            "no recording there",
            given=", ".join(map(str, paths)),
            do="name files, or folders that hold wav, flac, ogg, mp3 or aiff files",
        )
    return files


Paths = Annotated[list[str] | None, typer.Argument(metavar="PATH...", help="Files and folders.")]
Model = Annotated[
    str | None,
    typer.Option(help="Embedded name or path of a model.", show_default="emodb-large"),
]
OutputFormat = Annotated[
    Format | None,
    typer.Option("--format", help="How to print; by default as --output ends, else a table."),
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
Output = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Write all results into a file, whole or not at all."),
]
OutputDir = Annotated[
    Path | None,
    typer.Option(help="For textgrid, srt and audacity: the folder for a file per recording."),
]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Go on with --output or --output-dir after an interruption."),
]
Jobs = Annotated[
    int, typer.Option(min=1, help="Processes that work on files side by side; needs many files.")
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
    output_format: OutputFormat = None,
    min_confidence: MinConfidence = 0.0,
    segments: Segments = False,
    speech: Annotated[
        Speech, typer.Option(help="What finds the pauses between segments.")
    ] = Speech.auto,
    output: Output = None,
    output_dir: OutputDir = None,
    resume: Resume = False,
    jobs: Jobs = 1,
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
    chosen = output_format or _by_name(output)
    if stream:
        others = (paths, segments, output, output_dir, resume, plot, min_confidence, jobs > 1)
        refuse_with_stream(any(others) or chosen not in (Format.table, Format.jsonl))
        pcm_format = PcmFormat(encoding, rate, channels)
        as_json = chosen is Format.jsonl
        print_stream(model, pcm_format, speech.value, device, as_json=as_json)
        return
    if not paths:
        raise typer.BadParameter("name files or folders, or use --stream", param_hint="PATH...")
    kind = _kind(chosen, output, output_dir, resume=resume)
    if "" in paths:
        # A path would take it for the folder that one stands in.
        raise typer.BadParameter("a path is empty", param_hint="PATH...")
    files = _recordings(list(map(Path, paths)))
    timed = segments or plot is not None or kind.one_recording or chosen is Format.rttm
    with progress("loading the model"):
        job = _load(files, jobs, model, device, min_confidence, timed, speech)
    if output_dir is not None:
        _into_folder(job, kind, output_dir, plot, resume=resume)
    elif output is not None:
        _into_file(job, chosen.value, output, plot, resume=resume, segments=segments)
    else:
        _to_terminal(job, chosen.value, plot, segments=segments)
    if job.n_failed:
        say(f"ser-predict: {job.n_failed} of {len(files)} files could not be judged")
        raise typer.Exit(1)


def _by_name(output: Path | None) -> Format:
    """Return the format that the name of an output asks for."""
    suffixes = {kind.suffix: name for name, kind in FORMATS.items() if not kind.one_recording}
    return Format(suffixes.get("" if output is None else output.suffix.lower(), "table"))


def _load(
    files: list[Path],
    jobs: int,
    model: str | None,
    device: str,
    min_confidence: float,
    segments: bool,
    speech: Speech,
) -> "Job":
    """Load the model that is named, or the default."""
    from ser_pcq.cli.predict_output import Job
    from ser_pcq.inference.predictor import load
    from ser_pcq.models.folder import DEFAULT_MODEL

    predictor = load(
        model or DEFAULT_MODEL,
        device=device,
        min_confidence=min_confidence,
        segments=segments,
        speech=speech.value,
    )
    return Job(predictor, files, jobs)


def _kind(
    output_format: Format, output: Path | None, output_dir: Path | None, *, resume: bool
) -> formats.Format:
    """Return the format; refuse one recording per file without a folder, and a folder otherwise."""
    kind = FORMATS[output_format.value]
    if kind.one_recording != (output_dir is not None):
        needs = "needs" if kind.one_recording else "does not take"
        raise typer.BadParameter(f"--format {output_format.value} {needs} --output-dir")
    if output is not None and output_dir is not None:
        raise typer.BadParameter(f"--format {output_format.value} does not take --output")
    if resume and output is None and output_dir is None:
        raise typer.BadParameter("--resume needs --output or --output-dir")
    return kind


def _to_terminal(job: "Job", name: str, plot: Path | None, *, segments: bool) -> None:
    """Print results as they come."""
    import sys

    from ser_pcq.cli.predict_output import print_lines

    # Where lines are seen as they come they are progress enough; into a file they are not.
    seen = job.counted(job.predictions(job.files), quiet=sys.stdout.isatty())
    print_lines(with_plots(seen, job.files, plot), job, name, segments=segments)


def _into_file(
    job: "Job", name: str, output: Path, plot: Path | None, *, resume: bool, segments: bool
) -> None:
    """Write all results into one file, which an interrupted job can complete later."""
    from ser_pcq.cli.predict_output import interruptible, open_journal, write_output

    journal = open_journal(job, output, resume=resume)
    if journal is None:
        say(f"ser-predict: {output} is complete; nothing is left to do")
        return
    seen = job.counted(journal.completed(job.files, job.predictions), quiet=False)
    with interruptible(journal):
        write_output(with_plots(seen, job.files, plot), job, name, output, segments=segments)


def _into_folder(
    job: "Job", kind: formats.Format, output_dir: Path, plot: Path | None, *, resume: bool
) -> None:
    """Write a file for each recording, which an interrupted job can complete later."""
    from ser_pcq.cli.predict_output import interruptible, open_folder_journal, write_files
    from ser_pcq.inference.formats.folder import output_names

    names = output_names(job.files, kind.suffix)
    journal = open_folder_journal(job, names, output_dir, resume=resume)
    if journal is None:
        say(f"ser-predict: {output_dir} is complete; nothing is left to do")
        return
    seen = job.counted(journal.completed(job.files, job.predictions), quiet=False)
    with interruptible(journal):
        write_files(with_plots(seen, job.files, plot), names, kind, output_dir)


def main() -> None:
    """Entry point of `ser-predict`."""
    quiet_libraries()
    end_tidily()
    run(app, "ser-predict")


if __name__ == "__main__":
    main()
