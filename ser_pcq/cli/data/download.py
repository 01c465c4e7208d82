"""`ser-data download`: a corpus from its official record, where its owner allows that."""

import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from ser_pcq.cli.terminal import say

NAME = "ser-data"
_EVERY = 15.0  # s between lines where no bar can be drawn


def register(app: typer.Typer) -> None:
    """Add the command to `ser-data`."""
    app.command()(download)


def download(
    corpus: Annotated[
        str | None, typer.Argument(metavar="CORPUS", help="Its name, as --list shows it.")
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="Where to: the corpus is unpacked to DIR/CORPUS."),
    ] = None,
    keep_archive: Annotated[
        bool, typer.Option("--keep-archive", help="Keep the archive in DIR after unpacking.")
    ] = False,
    show: Annotated[
        bool, typer.Option("--list", help="Print what can be downloaded, and stop.")
    ] = False,
) -> None:
    """Download a corpus from its official record, where its owner allows that.

    Run again after an interruption, it continues where it stopped. Sizes and checksums are those
    of the publisher. Prints the folder of the corpus on stdout. Needs the package pooch, which
    'ser-pcq[download]' brings.
    """
    from ser_pcq.data.corpora import CORPORA
    from ser_pcq.data.download.download import download as fetch
    from ser_pcq.data.download.releases import RELEASES
    from ser_pcq.errors import suggest

    if show:
        for line in _table():
            typer.echo(line)
        return
    if corpus is None or folder is None:
        raise typer.BadParameter("give CORPUS and DIR, or --list", param_hint="CORPUS DIR")
    if corpus not in RELEASES:
        message = f"unknown corpus {corpus!r}; {suggest(corpus, RELEASES)}"
        raise typer.BadParameter(message, param_hint="CORPUS")
    try:
        corpus_dir = fetch(
            CORPORA[corpus],
            RELEASES[corpus],
            folder,
            say=_say,
            progress=_progress,
            keep_archive=keep_archive,
        )
    except KeyboardInterrupt:
        say(f"\n{NAME}: interrupted; what has come is kept in {folder}: the same command resumes")
        raise typer.Exit(130) from None
    typer.echo(corpus_dir)
    say(f"{NAME}: next: ser-data prepare {corpus} {shlex.quote(str(corpus_dir))} DATA_DIR")


def _say(line: str) -> None:
    """Write a line for the person at the terminal, above the bar where there is one."""
    # Rich puts itself in the place of `sys.stderr` while it draws; `typer.echo` passes it by.
    sys.stderr.write(f"{NAME}: {line}\n")
    sys.stderr.flush()


def _table() -> list[str]:
    """Return the corpora as aligned lines."""
    from ser_pcq.data.corpora import CORPORA
    from ser_pcq.data.download.connection import readable
    from ser_pcq.data.download.releases import RELEASES

    rows = [("corpus", "size", "licence", "how", "from")]
    for name, release in sorted(RELEASES.items()):
        how = "by hand" if release.by_hand else "git" if release.checkout else "download"
        size = "-" if release.size is None else readable(release.size)
        rows.append((name, size, release.licence or CORPORA[name].licence, how, release.page))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


@contextmanager
def _progress(title: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Yield a function of the bytes done: a bar at a terminal, else a line now and then."""
    if not sys.stderr.isatty():
        yield _lines(title, total)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda done: bar.update(task, completed=done)


def _lines(title: str, total: int | None) -> Callable[[int], None]:
    """Return a function that reports progress, at most every 15 s."""
    from ser_pcq.data.download.connection import readable

    last = time.monotonic()
    whole = "" if total is None else f" of {readable(total)}"

    def update(done: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _EVERY:
            last = time.monotonic()
            say(f"{NAME}: {title}: {readable(done)}{whole}")

    return update
