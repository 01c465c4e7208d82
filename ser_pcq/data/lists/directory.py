"""The utterances of a data directory, as far as predicting needs them."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from ser_pcq.data.directory.values import WHOLE_RECORDING, parse_segment
from ser_pcq.data.lists.entry import found, refused
from ser_pcq.data.lists.text import decoded, each_scp, id_and_rest, opened_list
from ser_pcq.errors import DataError
from ser_pcq.inference.inputs import NamedFile
from ser_pcq.inference.span import Span

RECORDINGS, SEGMENTS = "wav.scp", "segments"


def names_of(folder: Path) -> Path:
    """Return the file of a data directory that has a line for each utterance.

    Raises:
        DataError: When it is no data directory.
    """
    if not (folder / RECORDINGS).is_file():
        raise DataError(
            "this folder is no data directory, as it has no wav.scp",
            given=folder,
            do="name a folder of recordings without --list",
        )
    segments = folder / SEGMENTS
    return segments if segments.is_file() else folder / RECORDINGS


def each_utterance(folder: Path) -> Iterator[NamedFile]:
    """Yield the utterances: those of `segments` where it is there, else those of `wav.scp`.

    Raises:
        DataError: When it is no data directory, or cannot be read.
    """
    names = names_of(folder)
    with decoded(opened_list(folder / RECORDINGS)) as recordings:
        each = each_scp(recordings, folder, RECORDINGS)
        yield from each if names.name == RECORDINGS else _parts(names, each)


def _parts(names: Path, recordings: Iterator[NamedFile]) -> Iterator[NamedFile]:
    """Yield the parts that `segments` names.

    Recordings come in another order than their parts: they wait in a database on the disk.
    """
    with closing(sqlite3.connect("")) as known, decoded(opened_list(names)) as lines:
        known.execute("create table recording (id blob primary key, path blob, refusal text)")
        known.executemany(
            "insert or ignore into recording values (?, ?, ?)",
            (
                (_bytes(o.utterance), _bytes(o.entry), o.refused and o.refused.sentence)
                for o in recordings
            ),
        )
        for number, line in enumerate(lines, start=1):
            utterance, rest = id_and_rest(line)
            if not utterance:
                continue
            place = f"line {number} of segments"
            try:
                recording, start, end = parse_segment(rest)
            except ValueError:
                why = "it is not: id, recording, start and end in s, start before end"
                yield refused(place, why, utterance)
                continue
            query = "select path, refusal from recording where id = ?"
            row = known.execute(query, (_bytes(recording),)).fetchone()
            path, refusal = row or (b"", "there is none")
            if refusal is not None:
                why = f"recording {recording} of wav.scp: {refusal}"
                yield refused(place, why, utterance)
                continue
            span = Span(start, None if end == WHOLE_RECORDING else end)
            yield found(os.fsdecode(path), names.parent, utterance, span)


def _bytes(text: str | None) -> bytes:
    """Return what a name is on the disk, as a database takes nothing that is not valid text."""
    return os.fsencode(text or "")
