"""A part of a data directory: what is asked for, and where less is wanted, a random draw of it.

What Kaldi's `subset_data_dir.sh` does. A draw goes by the hash of seed and id, which is the same
with every version of every library; with the same seed, a smaller draw is part of a larger one.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ser_pcq.data.directory import DataDir
from ser_pcq.data.utterance import Utterance
from ser_pcq.errors import DataError, few, suggest

Kind = Literal["speaker", "emotion", "corpus"]
"""What utterances are chosen by, beside their ids."""

Names = Mapping[Kind, Collection[str]]


@dataclass(frozen=True)
class Choice:
    """Which utterances are wanted.

    Attributes:
        only: Kind to the names that are wanted; any name of a kind that is missing.
        without: Kind to the names that are not wanted.
        ids: The utterances to choose from; all when None.
    """

    only: Names = field(default_factory=dict)
    without: Names = field(default_factory=dict)
    ids: Collection[str] | None = None

    def __str__(self) -> str:
        parts = [f"{kind} {few(names)}" for kind, names in self.only.items() if names]
        parts += [f"no {kind} {few(names)}" for kind, names in self.without.items() if names]
        return "; ".join(parts + ([] if self.ids is None else [f"{len(self.ids)} listed ids"]))


@dataclass(frozen=True)
class Limits:
    """How many utterances are wanted at most; None for all.

    Attributes:
        all: Altogether.
        speaker: Of each speaker; unknown ones are counted as one in each corpus.
        emotion: Of each emotion.
    """

    all: int | None = None
    speaker: int | None = None
    emotion: int | None = None


def choose(data: DataDir, choice: Choice) -> tuple[Utterance, ...]:
    """Return the utterances that are wanted, in their order.

    Raises:
        DataError: When a name or an id is not there, or nothing is left.
    """
    for names in (choice.only, choice.without):
        for kind, wanted in names.items():
            _check_names(data, kind, wanted)
    ids = None if choice.ids is None else set(choice.ids)
    if ids is not None and (missing := ids - {u.utterance_id for u in data.utterances}):
        raise DataError(
            "the list names utterances that the data directory does not have",
            given=f"{len(missing)} of {len(ids)}: {few(sorted(missing))}",
            accepted=f"ids as in {data.path / 'utt2spk'}, such as "
            f"{data.utterances[0].utterance_id}, each at the beginning of a line",
        )
    chosen = tuple(
        u
        for u in data.utterances
        if (ids is None or u.utterance_id in ids)
        and all(not names or _name(u, kind) in names for kind, names in choice.only.items())
        and not any(_name(u, kind) in names for kind, names in choice.without.items())
    )
    if not chosen:
        raise DataError(
            "no utterance is left",
            given=choice,
            do=f"ask for less at once: ser-data summary {data.path} counts what is there",
        )
    return chosen


def draw(utterances: Sequence[Utterance], limits: Limits, seed: int) -> tuple[Utterance, ...]:
    """Return as many of the utterances, in their order, as the limits allow, drawn at random.

    No further one could be added without going over a limit.
    """

    def drawn(utterance: Utterance) -> str:
        return hashlib.sha256(f"{seed} {utterance.utterance_id}".encode()).hexdigest()

    taken: Counter[tuple[str, ...]] = Counter()
    ids = set()
    for u in sorted(utterances, key=drawn):
        groups = {
            ("all",): limits.all,
            ("speaker", u.speaker, u.corpus or ""): limits.speaker,
            ("emotion", u.emotion): limits.emotion,
        }
        if all(limit is None or taken[group] < limit for group, limit in groups.items()):
            taken.update(groups.keys())
            ids.add(u.utterance_id)
    return tuple(u for u in utterances if u.utterance_id in ids)


def read_ids(path: Path) -> tuple[str, ...]:
    """Read a list of utterances: the first word of each line, as in every file of Kaldi.

    Raises:
        DataError: When it cannot be read, or is empty.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise DataError(f"the list cannot be read ({error.strerror})", given=path) from error
    except UnicodeDecodeError as error:
        raise DataError("the list is not UTF-8", given=path) from error
    ids = tuple(line.split()[0] for line in lines if line.strip())
    if not ids:
        raise DataError("the list is empty", given=path, accepted="an utterance id in each line")
    return ids


def _name(utterance: Utterance, kind: Kind) -> str | None:
    """Return the speaker, emotion or corpus of an utterance."""
    name: str | None = getattr(utterance, kind)
    return name


def _check_names(data: DataDir, kind: Kind, wanted: Collection[str]) -> None:
    """Refuse a name that no utterance has."""
    known = {name for u in data.utterances if (name := _name(u, kind)) is not None}
    for name in wanted:
        if name not in known:
            raise DataError(
                f"no utterance has this {kind}",
                given=name,
                do=suggest(name, known) if known else f"{data.path} does not name its {kind}",
            )
