"""`ser-data summary`: what a data directory holds, as tables or JSON."""

import csv
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ser_pcq.data import directory as datadir
from ser_pcq.data.directory import DataDir

if TYPE_CHECKING:
    from ser_pcq.data.summary import Summary

Row = list[str]


class Format(StrEnum):
    """How `summary` prints."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def register(app: typer.Typer) -> None:
    """Add the command to `ser-data`."""
    app.command()(summary)


def summary(
    data_dir: Annotated[
        Path, typer.Argument(metavar="DATA_DIR", help="The data directory to sum up.")
    ],
    output: Annotated[
        Format, typer.Option("--format", help="How to print it.", case_sensitive=False)
    ] = Format.TABLE,
) -> None:
    """Print utterances by emotion and speaker, and durations in seconds."""
    from ser_pcq.data import summary as summaries

    data = datadir.read(data_dir)
    result = summaries.summary(data, _durations(data))
    if output is Format.JSON:
        typer.echo(json.dumps(asdict(result), indent=2, ensure_ascii=False))
    elif output is Format.CSV:
        csv.writer(sys.stdout, lineterminator="\n").writerows(_csv_rows(result))
    else:
        for line in (*_aligned(_count_rows(result)), "", *_aligned(_duration_rows(result))):
            typer.echo(line)


def _durations(data: DataDir) -> dict[str, float]:
    """Read the length of each utterance, with a progress bar for a person who waits for it."""
    from rich.console import Console
    from rich.progress import track

    from ser_pcq.data.summary import utterance_duration

    utterances = track(
        data.utterances,
        description="reading durations",
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    return {u.utterance_id: utterance_duration(u) for u in utterances}


def _count_rows(result: "Summary") -> list[Row]:
    """Return utterances by emotion and speaker with their sums, as cells."""
    speakers = list(next(iter(result.counts.values())))
    rows = [["emotion", *speakers, "all"]]
    for emotion, by_speaker in result.counts.items():
        n = result.durations[emotion].n_utterances
        rows.append([emotion, *map(str, by_speaker.values()), str(n)])
    sums = [str(sum(counts[s] for counts in result.counts.values())) for s in speakers]
    return [*rows, ["all", *sums, str(result.total.n_utterances)]]


def _duration_rows(result: "Summary") -> list[Row]:
    """Return durations in s by emotion, as cells."""
    rows = [["emotion", "total_s", "min_s", "mean_s", "max_s"]]
    for emotion, d in (*result.durations.items(), ("all", result.total)):
        values = (d.total, d.shortest, d.mean, d.longest)
        rows.append([emotion, *(f"{value:.3f}" for value in values)])
    return rows


def _csv_rows(result: "Summary") -> list[Row]:
    """Return both tables side by side; the columns of speakers are named `speaker:<id>`."""
    header, *counts = _count_rows(result)
    named = ["emotion", *(f"speaker:{s}" for s in header[1:-1]), "utterances"]
    rows = zip([named, *counts], _duration_rows(result), strict=True)
    return [count + duration[1:] for count, duration in rows]


def _aligned(rows: Iterable[Row]) -> list[str]:
    """Set cells in columns: names to the left, numbers to the right."""
    table = list(rows)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in table
    ]
