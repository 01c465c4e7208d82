"""Which recordings `ser-predict` is asked about: files and folders, or a list."""

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import typer

from ser_pcq.cli.terminal import say, standard_input
from ser_pcq.errors import SerError
from ser_pcq.inference.jobs.earlier import Asked

STANDARD_INPUT = "-"


@dataclass(frozen=True)
class Wanted:
    """The recordings to judge; attributes as in `Job`."""

    recordings: Iterable[Asked]
    total: int | None
    has_utterances: bool = False


def wanted_recordings(
    paths: list[str], list_file: str | None, column: str | None, command: str = "ser-predict"
) -> Wanted:
    """Return the recordings that the arguments of a command name.

    Raises:
        BadParameter: When they name none, or name them twice.
        SerError: When there is none, or a list cannot be read.
    """
    if paths and list_file:
        raise typer.BadParameter("takes the place of PATH", param_hint="--list")
    if column is not None and not list_file:
        raise typer.BadParameter("goes with --list only", param_hint="--column")
    if list_file:
        return _of_list(list_file, column)
    if not paths:
        accepted = "name files or folders, or use --list or --stream"
        raise typer.BadParameter(accepted, param_hint="PATH...")
    if "" in paths:
        # A path would take it for the current folder.
        raise typer.BadParameter("a path is empty", param_hint="PATH...")
    return _of_paths(list(map(Path, paths)), command)


def _of_paths(paths: list[Path], command: str) -> Wanted:
    """Return the files to judge; warn of a folder without any.

    Raises:
        SerError: Without any file.
    """
    from ser_pcq.audio.find import find_audio

    files = find_audio(paths)
    for path in paths:
        # Not Path.is_dir(), which raises for names that are too long.
        if os.path.isdir(path) and not find_audio([path]):  # noqa: PTH112
            say(f"{command}: warning: no recording in the folder {path}")
    if not files:
        raise SerError(
            "no recording found",
            given=", ".join(map(str, paths)),
            do="name files, or folders that hold wav, flac, ogg, mp3, m4a or other recordings",
        )
    return Wanted(files, len(files))


def _of_list(name: str, column: str | None) -> Wanted:
    """Return the recordings of a list, or of standard input.

    Raises:
        SerError: When it cannot be read, or names none.
    """
    from ser_pcq.data.lists import ACCEPTED, read_list, read_stream_list

    if name == STANDARD_INPUT:
        listed = read_stream_list(standard_input("names from the terminal"), column)
    else:
        listed = read_list(name, column)
    each = iter(listed)
    first = next(each, None)
    if first is None:
        raise SerError("the list names no recording", given=name, accepted=ACCEPTED)
    if listed.is_pipe:
        return Wanted(chain([first], each), None)
    # Counting reads the whole list, and only who watches wants to know.
    total = listed.count() if sys.stderr.isatty() else None
    return Wanted(listed, total, listed.has_utterances)
