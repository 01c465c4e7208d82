"""The data directory: what a corpus becomes before anything is trained on it.

A Kaldi-style folder of text files, one line per utterance, sorted by id (`LC_ALL=C`), UTF-8::

    wav.scp       utterance id, path of its audio (with `segments`: recording id, path)
    utt2spk       utterance id, speaker
    utt2emo       utterance id, emotion
    spk2gender    speaker, m | f | o                          optional
    utt2session   utterance id, session                       optional
    utt2sentence  utterance id, id of what is said            optional
    utt2uniq      utterance id, utterance it is a copy of     optional
    utt2split     utterance id, train | valid | test          optional
    text          utterance id, what is said                  optional
    utt2vad       utterance id, valence, activation, dominance           optional, of some
    utt2ratings   utterance id, <rater>:<label>[,<label>] or <rater>:<v>/<a>/<d> ...  likewise
    segments      utterance id, recording id, start s, end s  optional
    labels        the accepted emotions, one per line         optional
    corpus        the name of the corpus                      optional
    utt2corpus    utterance id, its corpus, instead of `corpus` where there are several

A relative path is looked for in the data directory, then in the current directory. In a directory
of several corpora an optional file may be of some of them only.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from ser_pcq.data.directory.lines import Problem, Table, audio_path
from ser_pcq.data.directory.tables import read_tables
from ser_pcq.data.directory.values import WHOLE_RECORDING, parse_ratings, parse_segment, parse_vad
from ser_pcq.data.directory.write import refusal, write
from ser_pcq.data.utterance import UNKNOWN_SPEAKER, Split, Utterance

__all__ = [
    "UNKNOWN_SPEAKER",
    "DataDir",
    "Problem",
    "Utterance",
    "read",
    "validate",
    "write",
]


@dataclass(frozen=True)
class DataDir:
    """The content of a data directory.

    Attributes:
        path: Where it was read from.
        utterances: In the order of their ids.
    """

    path: Path
    utterances: tuple[Utterance, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions that occur, sorted."""
        return tuple(sorted({u.emotion for u in self.utterances}))

    @property
    def speakers(self) -> tuple[str, ...]:
        """The speakers, sorted."""
        return tuple(sorted({u.speaker for u in self.utterances}))

    @property
    def corpora(self) -> tuple[str, ...]:
        """The corpora that utterances are known to be of, sorted."""
        return tuple(sorted({u.corpus for u in self.utterances if u.corpus is not None}))

    @property
    def corpus(self) -> str | None:
        """The corpus that all utterances are of; None where it is not known, or not one."""
        found = {u.corpus for u in self.utterances}
        return next(iter(found)) if len(found) == 1 else None


def validate(
    path: str | os.PathLike[str], *, check_audio: bool = True, labels: Sequence[str] | None = None
) -> list[Problem]:
    """List everything that is wrong with a data directory; an empty list means that it is sound.

    Args:
        path: The data directory.
        check_audio: Whether to look at every recording too: that it is there, is audio, and is as
            long as its segments say.
        labels: Accepted emotions; those of the file `labels` when None, and any without that file.
    """
    return read_tables(Path(path), check_audio=check_audio, labels=labels)[1]


def read(
    path: str | os.PathLike[str], *, labels: Sequence[str] | None = None, check_audio: bool = False
) -> DataDir:
    """Read a data directory.

    Args:
        path: The data directory.
        labels: Accepted emotions, as for `validate`.
        check_audio: Whether to look at every recording too.

    Raises:
        DataError: When anything is wrong with it; the message names the first few problems.
    """
    path = Path(path)
    tables, problems = read_tables(path, check_audio=check_audio, labels=labels)
    if problems:
        raise refusal("the data directory is not sound", path, problems)
    utterances = tuple(_utterance(path, tables, name) for name in tables["utt2spk"])
    return DataDir(path, utterances)


def _utterance(path: Path, tables: Mapping[str, Table], utterance_id: str) -> Utterance:
    """Bring together what the files say of an utterance."""

    def said(name: str) -> str | None:
        return tables.get(name, {}).get(utterance_id)

    recording, start, end = _segment(tables, utterance_id)
    speaker = tables["utt2spk"][utterance_id]
    vad, ratings = said("utt2vad"), said("utt2ratings")
    return Utterance(
        utterance_id,
        audio_path(path, tables["wav.scp"][recording]),
        speaker,
        tables["utt2emo"][utterance_id],
        gender=tables.get("spk2gender", {}).get(speaker),
        session=said("utt2session"),
        sentence=said("utt2sentence"),
        original=said("utt2uniq"),
        text=said("text"),
        split=cast(Split | None, said("utt2split")),
        vad=None if vad is None else parse_vad(vad),
        ratings=() if ratings is None else parse_ratings(ratings),
        start=start,
        end=end,
        corpus=said("utt2corpus") or next(iter(tables.get("corpus", {})), None),
    )


def _segment(
    tables: Mapping[str, Table], utterance_id: str
) -> tuple[str, float | None, float | None]:
    """Return the recording of an utterance, and its start and end in it (s), None at the edges."""
    if "segments" not in tables:
        return utterance_id, None, None
    recording, start, end = parse_segment(tables["segments"][utterance_id])
    return recording, start or None, None if end == WHOLE_RECORDING else end
