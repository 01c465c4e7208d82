"""Lists of a recording per line: paths, or ids and paths as in a `wav.scp` of Kaldi."""

import codecs
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, TextIO

from ser_pcq.data.lists.entry import found, refused
from ser_pcq.errors import DataError
from ser_pcq.inference.inputs import NamedFile

_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CHUNK = 1 << 20  # bytes


def decoded(content: io.BufferedReader, newline: str | None = None) -> TextIO:
    """Return the text of a list, in UTF-8 or, as some programs of Windows write it, in UTF-16.

    Names of files that are not valid UTF-8 stay what they are.

    Args:
        content: The list.
        newline: As `open` takes it.
    """
    wide = content.peek(2)[:2] in _WIDE
    encoding, errors = ("utf-16", "replace") if wide else ("utf-8-sig", "surrogateescape")
    return io.TextIOWrapper(content, encoding=encoding, errors=errors, newline=newline)


def opened_list(path: Path) -> io.BufferedReader:
    """Open a list.

    Raises:
        DataError: When it cannot be opened.
    """
    try:
        return path.open("rb")
    except OSError as error:
        raise DataError(f"the list cannot be read ({error.strerror})", given=path) from error


def each_path(lines: Iterable[str], folder: Path, name: str = "") -> Iterator[NamedFile]:
    """Yield the recordings of a list of paths; empty lines are left out.

    Args:
        lines: Of the list.
        folder: Where relative paths begin.
        name: Of the list; not needed.
    """
    for line in lines:
        entry = line.rstrip("\n")
        if entry.strip():
            yield found(entry, folder)


def id_and_rest(line: str) -> tuple[str, str]:
    """Return the id that a line of Kaldi begins with, up to a blank or tab, and what follows it."""
    utterance, *rest = line.split(maxsplit=1) or [""]
    return utterance, "".join(rest).strip()


def each_scp(lines: Iterable[str], folder: Path, name: str) -> Iterator[NamedFile]:
    """Yield the recordings of a `wav.scp`; commands, which Kaldi would run, are refused.

    Args:
        lines: Of the list.
        folder: Where relative paths begin.
        name: Of the list, for messages.
    """
    for number, line in enumerate(lines, start=1):
        utterance, entry = id_and_rest(line)
        place = f"line {number} of {name}"
        if entry.startswith("|") or entry.endswith("|"):
            yield refused(place, "it is a command, and commands are never run", utterance)
        elif entry:
            yield found(entry, folder, utterance)
        elif utterance:
            yield refused(place, "no path follows the id", utterance)


def count_lines(file: BinaryIO) -> int:
    """Return how many lines there are, the last with or without a line end."""
    n_lines, last = 0, b"\n"
    for chunk in iter(lambda: file.read(_CHUNK), b""):
        n_lines += chunk.count(b"\n")
        last = chunk
    return n_lines + (not last.endswith((b"\n", b"\n\0")))
