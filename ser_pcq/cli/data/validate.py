"""`ser-data validate`: check a data directory; with `--decode`, all of its audio too."""

import csv
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ser_pcq.cli.data.prepare import describe, number
from ser_pcq.cli.terminal import progress, say, waiting
from ser_pcq.data import directory as datadir
from ser_pcq.processes import TIMEOUT

if TYPE_CHECKING:
    from ser_pcq.data.recording_faults import Finding

NAME = "ser-data"


class FindingFormat(StrEnum):
    """How findings are printed."""

    TSV = "tsv"
    TABLE = "table"
    CSV = "csv"
    JSON = "json"


Decode = Annotated[
    bool,
    typer.Option(
        "--decode",
        help="Decode every recording; list the damaged, cut off, silent, clipped and repeated.",
    ),
]
Timeout = Annotated[
    float | None,
    typer.Option(
        metavar="S",
        min=1,
        help="Give up a recording on which nothing has happened for S seconds.",
        show_default=f"{TIMEOUT:g}",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command to `ser-data`."""
    app.command()(validate)


def validate(
    data_dir: Annotated[
        Path, typer.Argument(metavar="DATA_DIR", help="The data directory to check.")
    ],
    audio: Annotated[
        bool, typer.Option("--audio/--no-audio", help="Whether to look at the recordings too.")
    ] = True,
    decode: Decode = False,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Processes that decode.", show_default="the usable cores"),
    ] = None,
    timeout: Timeout = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="With --decode: exit 1 for any finding.")
    ] = False,
    output: Annotated[
        FindingFormat | None,
        typer.Option(
            "--format",
            help="With --decode: how findings are printed.",
            show_default="tsv",
            case_sensitive=False,
        ),
    ] = None,
) -> None:
    """Check a data directory. Each problem is a line on stderr; any problem exits 1.

    With --decode, findings are lines on stdout; those that stop training exit 1, the others do
    with --strict.
    """
    if decode and not audio:
        raise typer.BadParameter("--no-audio leaves nothing to decode", param_hint="--decode")
    given = {
        "--jobs": jobs is not None,
        "--timeout": timeout is not None,
        "--strict": strict,
        "--format": output is not None,
    }
    for option in [name for name, is_given in given.items() if is_given and not decode]:
        raise typer.BadParameter("goes with --decode only", param_hint=option)
    # Decoding says more of each recording than its header.
    with waiting("checking"):
        problems = datadir.validate(data_dir, check_audio=audio and not decode)
    for problem in problems:
        say(f"{NAME}: {problem.kind}: {problem.message}")
    if problems:
        if decode:
            say(f"{NAME}: nothing was decoded: the files above come first")
        raise typer.Exit(1)
    data = datadir.read(data_dir)
    if decode:
        _decode(data, jobs, timeout or TIMEOUT, strict, output or FindingFormat.TSV)
    else:
        typer.echo(f"ok: {describe(data)}")


def _decode(
    data: datadir.DataDir, jobs: int | None, timeout: float, strict: bool, output: FindingFormat
) -> None:
    """Decode all recordings, print what was found, and exit 1 where it is grave."""
    from ser_pcq.data.decode_check import check_recordings

    with progress("decoding") as advance:
        findings = check_recordings(data, jobs=jobs, timeout=timeout, on_progress=advance)
    _print(findings, output)
    for kind, count in sorted(Counter(f.kind for f in findings).items()):
        stops = "; stops training" if any(f.stops for f in findings if f.kind == kind) else ""
        say(f"{NAME}: {kind}: {number(count, 'utterance')}{stops}")
    recordings = number(len({u.audio for u in data.utterances}), "recording")
    verdict = "" if findings else ", nothing found"
    say(f"{NAME}: decoded {recordings}{verdict}: {describe(data)}")
    if any(strict or f.stops for f in findings):
        raise typer.Exit(1)


def _print(findings: Sequence["Finding"], output: FindingFormat) -> None:
    """Print findings on stdout."""
    if output is FindingFormat.JSON:
        records = [asdict(f) | {"stops": f.stops} for f in findings]
        typer.echo(json.dumps(records, indent=2, ensure_ascii=False))
        return
    if output is FindingFormat.CSV:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(["kind", "utterance_id", "other", "differs", "stops", "detail"])
        for f in findings:
            flags = [f.other or "", " ".join(f.differs), int(f.stops)]
            writer.writerow([f.kind, f.utterance_id, *flags, f.detail])
        return
    # A detail may quote a path, and that may hold a tab.
    rows = [(f.kind, f.utterance_id, f.detail.translate(_BLANKS)) for f in findings]
    if output is FindingFormat.TSV:
        lines = ["\t".join(row) for row in rows]
    else:
        widths = [max(len(row[k]) for row in rows) for k in (0, 1)] if rows else [0, 0]
        lines = [f"{kind:{widths[0]}}  {name:{widths[1]}}  {detail}" for kind, name, detail in rows]
    for line in lines:
        typer.echo(line)


_BLANKS = str.maketrans("\t\r\n", "   ")
