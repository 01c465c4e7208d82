"""The options of `ser-predict`: their names, their help, and what each refuses by itself."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ser_pcq.cli.terminal import choice
from ser_pcq.errors import SerError
from ser_pcq.inference.formats import FORMATS
from ser_pcq.inference.mix import checked_mix
from ser_pcq.models.folder import DEFAULT_MODEL, MODEL_VARIABLE
from ser_pcq.processes import TIMEOUT


class Speech(StrEnum):
    """What finds pauses."""

    auto = "auto"
    energy = "energy"
    silero = "silero"
    off = "off"


def _checked(min_confidence: float) -> float:
    """Refuse a threshold outside of 0 to 1, and NaN, which the range of an option lets through."""
    if not 0 <= min_confidence <= 1:
        raise typer.BadParameter(f"{min_confidence} is not a number from 0 to 1")
    return min_confidence


def _mix(mix: str) -> str:
    """Refuse what names no channels."""
    try:
        return checked_mix(mix)
    except SerError as error:
        raise typer.BadParameter(str(error)) from error


Paths = Annotated[list[str] | None, typer.Argument(metavar="PATH...", help="Files and folders.")]
List = Annotated[
    str | None,
    typer.Option(
        "--list",
        metavar="FILE",
        help="Instead of PATH: a file that names recordings, one a line, or - for standard input; "
        "wav.scp; a data directory; a CSV or Parquet table.",
    ),
]
Column = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="With --list: the column of the table that has the paths."),
]
Model = Annotated[
    str | None,
    typer.Option(
        help=f"Embedded name or path of a model; {MODEL_VARIABLE} sets the default.",
        show_default=DEFAULT_MODEL,
    ),
]
Models = Annotated[
    bool,
    typer.Option(
        "--models", help="List the embedded models, what they learnt from and their licences."
    ),
]
OutputFormat = Annotated[
    str | None,
    choice("--format", FORMATS, "How to print; by default as --output ends, else a table."),
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
    bool, typer.Option("--segments", help="Show how the emotion changes over time as well.")
]
SpeechOption = Annotated[Speech, typer.Option(help="What finds the pauses between segments.")]
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
    typer.Option("--resume", help="Continue --output or --output-dir after an interruption."),
]
Jobs = Annotated[
    int, typer.Option(min=1, help="Processes that work on files side by side; needs many files.")
]
Timeout = Annotated[
    float | None,
    typer.Option(
        metavar="S",
        min=1,
        help="With --jobs: give up a file on which nothing has happened for S seconds.",
        show_default=f"{TIMEOUT:g}",
    ),
]
Plot = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Draw each recording and its segments as PNG into a folder."),
]
Embeddings = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Write a vector for each recording, or with --segments for each segment, into a "
        ".npz or .parquet file, instead of printing.",
    ),
]
Mix = Annotated[
    str,
    typer.Option(
        metavar="all|split|N",
        callback=_mix,
        help="Channels of files: all mixed, each for itself, or only one, from 1.",
    ),
]
OwnVoice = Annotated[
    bool,
    typer.Option(
        "--own-voice",
        help="One speaker speaks in all recordings: adapt the model to the voice, from 10 of them "
        "or more, before judging them; with --stream, while it goes on.",
    ),
]
OwnVoiceBy = Annotated[
    str | None,
    typer.Option(
        metavar="REGEX",
        help="The same for several speakers: a regular expression with a group (?P<speaker>…), "
        "searched in each path below the folder that was named.",
    ),
]
Stream = Annotated[
    bool,
    typer.Option(
        "--stream", help="Judge standard input as it comes: encoded sound, WAV, or raw samples."
    ),
]
Raw = Annotated[
    bool,
    typer.Option("--raw", help="With --stream: these are raw samples, whatever they begin with."),
]
