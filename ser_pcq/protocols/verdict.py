"""What the guard found: leaks, as facts that are kept in files, and the verdict that they make."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypedDict

from ser_pcq.errors import SerError


class LeakageError(SerError):
    """A split, or a fitted model, that knows something of what it is tested on."""


class LeakKind(StrEnum):
    """The stable words for the ways in which folds leak."""

    SHARED_SPEAKER = "shared-speaker"
    UNKNOWN_SPEAKER = "unknown-speaker"
    SHARED_SESSION = "shared-session"
    SHARED_SENTENCE = "shared-sentence"
    SHARED_CORPUS = "shared-corpus"
    SAME_UTTERANCE = "same-utterance"
    AUGMENTED_COPY = "augmented-copy"
    COPIED_AUDIO = "copied-audio"
    CHOSEN_ON_TEST = "chosen-on-test"
    FITTED_ON_TEST = "fitted-on-test"
    STATISTICS_OUTSIDE_TRAINING = "statistics-outside-training"


class LeakRecord(TypedDict):
    """A leak in a JSON file."""

    kind: str
    sentence: str
    fold: int
    names: list[str]


@dataclass(frozen=True)
class Leak:
    """One way in which a fold leaks.

    Attributes:
        kind: In a word.
        sentence: What is wrong, without folds and names.
        fold: Number of the fold.
        names: The speakers, utterances and so on that leak.
    """

    kind: LeakKind
    sentence: str
    fold: int
    names: tuple[str, ...]

    def to_record(self) -> LeakRecord:
        """Return the leak as it is written to a file."""
        return LeakRecord(
            kind=self.kind.value, sentence=self.sentence, fold=self.fold, names=list(self.names)
        )

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Leak":
        """Build from what a file holds.

        Raises:
            KeyError, TypeError, ValueError: When the record is damaged.
        """
        names = tuple(str(name) for name in record["names"])
        return cls(LeakKind(record["kind"]), str(record["sentence"]), int(record["fold"]), names)


@dataclass(frozen=True)
class Verdict:
    """What was checked, and what did not hold.

    Attributes:
        leaks: Everything that leaks; empty for a clean run.
        verified: What was checked and holds, a word to a sentence.
    """

    leaks: tuple[Leak, ...]
    verified: dict[str, str]

    @property
    def leaky(self) -> list[str]:
        """Return one line for each kind of leak."""
        return describe(self.leaks)

    def refuse(self) -> None:
        """Stop unless nothing leaks.

        Raises:
            LeakageError: With the ids that leak, and what to do.
        """
        if self.leaks:
            raise LeakageError(
                "this would leak the test set",
                given="; ".join(self.leaky),
                do="correct the data or the split; --allow-leakage continues anyway, and marks "
                "every score and model that comes of it as leaky",
            )


def describe(leaks: Iterable[Leak]) -> list[str]:
    """Return one line for each kind and sentence, with the folds and the first few names."""
    lines: dict[tuple[LeakKind, str], tuple[set[int], dict[str, None]]] = {}
    for leak in leaks:
        folds, names = lines.setdefault((leak.kind, leak.sentence), (set(), {}))
        folds.add(leak.fold)
        names.update(dict.fromkeys(leak.names))
    described = []
    for (kind, sentence), (folds, names) in lines.items():
        where = (
            "fold " + ", ".join(map(str, sorted(folds)))
            if len(folds) < 5
            else f"{len(folds)} folds"
        )
        listed = ", ".join(list(names)[:8])
        more = f" and {len(names) - 8} more" if len(names) > 8 else ""
        described.append(f"{kind}: {sentence} ({where}): {listed}{more}")
    return described
