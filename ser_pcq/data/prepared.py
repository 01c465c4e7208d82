"""What was read from a corpus or from a user's own data, and what the user should know of it."""

import os
from dataclasses import dataclass
from pathlib import Path

from ser_pcq.data import directory
from ser_pcq.data.labels import Relabelling, suggested_map
from ser_pcq.data.utterance import UNKNOWN_SPEAKER, Utterance
from ser_pcq.errors import DataError


@dataclass(frozen=True)
class Prepared:
    """What was read.

    Attributes:
        utterances: Sorted by id.
        notes: What a user should know, a line each: what was left out or corrected, and how a
            corpus differs from the complete release.
    """

    utterances: list[Utterance]
    notes: tuple[str, ...] = ()


def store(
    prepared: Prepared, data_dir: Path, relabelling: Relabelling, *, corpus: str | None
) -> directory.DataDir:
    """Relabel what was read, write it as a data directory, and read that back.

    Args:
        prepared: What was read.
        data_dir: Where to.
        relabelling: Emotions to rename and to leave out.
        corpus: Its name; None where it has none.

    Raises:
        DataError: When a label is unknown or nothing is left, or the data directory cannot be
            written.
    """
    directory.write(data_dir, relabelling.of(prepared.utterances), corpus=corpus)
    return directory.read(data_dir)


def refuse_existing(data_dir: Path) -> None:
    """Refuse a place for a new data directory where something is already.

    Raises:
        DataError: When there is.
    """
    if os.path.lexists(data_dir):
        raise DataError(
            "there is something already where the data directory is to be made",
            given=data_dir,
            accepted="a folder that does not exist yet",
            do="name another one as OUT, which comes last",
        )


def remarks(data: directory.DataDir) -> list[str]:
    """Return what a user should know of a data directory before the next steps, a line each."""
    lines = []
    unknown = sum(u.speaker == UNKNOWN_SPEAKER for u in data.utterances)
    if unknown:
        left = "only protocol.name=random is left, and scores will say that they leak"
        if len(data.corpora) > 1:
            left = "protocol.name=leave-one-corpus-out is left, and random, which leaks"
        lines.append(
            f"warning: the speaker of {unknown} of {len(data.utterances)} utterances is not "
            f"known: they cannot be held out, so that of the protocols for folds {left}"
        )
    if suggested := suggested_map(data.labels):
        lines.append(f"note: other corpora call these emotions otherwise: --map {suggested}")
    return lines
