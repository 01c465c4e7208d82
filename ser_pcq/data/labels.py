"""Renaming and leaving out emotions: what makes the labels of two corpora comparable."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ser_pcq.data.utterance import Utterance
from ser_pcq.errors import DataError, suggest

EMOTIONS = (
    "anger",
    "boredom",
    "calm",
    "contempt",
    "disgust",
    "excitement",
    "fear",
    "frustration",
    "happiness",
    "neutral",
    "other",
    "sadness",
    "surprise",
)
"""The names that corpus modules give to emotions, so that those of two corpora are comparable."""

SYNONYMS = {
    "afraid": "fear",
    "angry": "anger",
    "bored": "boredom",
    "disgusted": "disgust",
    "excited": "excitement",
    "fearful": "fear",
    "frustrated": "frustration",
    "happy": "happiness",
    "joy": "happiness",
    "sad": "sadness",
    "scared": "fear",
    "surprised": "surprise",
}
"""What others call an emotion to its name in the corpora of this package."""


def common_name(label: str) -> str:
    """Return what the corpora of this package call an emotion: `Angry` is `anger`.

    A label that they do not know stays as it is.
    """
    lower = label.lower()
    return SYNONYMS.get(lower, lower if lower in EMOTIONS else label)


def suggested_map(labels: Iterable[str]) -> str:
    """Return the `--map` that gives labels the names of this package's corpora; empty for none.

    It is suggested, not done: two labels that are synonyms here may be two things to whoever chose
    them.
    """
    named = ((label, common_name(label)) for label in sorted(labels))
    return ",".join(f"{label}={name}" for label, name in named if name != label)


def parse_map(entries: Iterable[str]) -> dict[str, str]:
    """Read a label mapping.

    Args:
        entries: `old=new`, or several with commas between them.

    Returns:
        Old label to new one.

    Raises:
        DataError: When an entry is malformed, or a label is mapped twice.
    """
    mapping: dict[str, str] = {}
    for entry in _parts(entries):
        old, sign, new = (part.strip() for part in entry.partition("="))
        if not (old and sign and new) or "=" in new:
            raise DataError(
                "a label mapping cannot be read", given=repr(entry), accepted="old=new,old=new"
            )
        if mapping.get(old, new) != new:
            raise DataError("a label is mapped twice", given=f"{old} to {mapping[old]} and {new}")
        mapping[old] = new
    return mapping


def parse_names(entries: Iterable[str]) -> tuple[str, ...]:
    """Read labels, one by one or several with commas between them."""
    return tuple(_parts(entries))


def _parts(entries: Iterable[str]) -> list[str]:
    return [part.strip() for entry in entries for part in entry.split(",") if part.strip()]


def relabel(
    utterances: Sequence[Utterance], mapping: Mapping[str, str], drop: Iterable[str] = ()
) -> list[Utterance]:
    """Rename emotions, and leave out the utterances of some.

    Args:
        utterances: What is to be relabelled.
        mapping: Old label to new one; every label that is not named stays.
        drop: Labels whose utterances are left out, as they were before mapping.

    Raises:
        DataError: When a label is named that no utterance has, or nothing is left.
    """
    dropped = set(drop)
    known = {u.emotion for u in utterances}
    for label in (*mapping, *sorted(dropped)):
        if label not in known:
            raise DataError("no utterance has this emotion", given=label, do=suggest(label, known))
    kept = [
        replace(u, emotion=mapping.get(u.emotion, u.emotion))
        for u in utterances
        if u.emotion not in dropped
    ]
    if not kept:
        raise DataError(
            "no utterance is left", given=f"every emotion is dropped: {sorted(dropped)}"
        )
    return kept


@dataclass(frozen=True)
class Relabelling:
    """Emotions to rename and to leave out.

    Attributes:
        mapping: Old label to new one; every label that is not named stays.
        drop: Labels whose utterances are left out, as they were before mapping.
    """

    mapping: Mapping[str, str]
    drop: tuple[str, ...] = ()

    @classmethod
    def parse(cls, mapping: Iterable[str] | None, drop: Iterable[str] | None) -> "Relabelling":
        """Read `old=new` and labels, each one by one or several with commas between them."""
        return cls(parse_map(mapping or ()), parse_names(drop or ()))

    def of(self, utterances: Sequence[Utterance]) -> list[Utterance]:
        """Return the utterances with their new labels."""
        return relabel(utterances, self.mapping, self.drop)

    def for_corpora(
        self, labels: Mapping[str, Collection[str]], *, common: bool
    ) -> dict[str, dict[str, str]]:
        """Return the new names of the emotions of several corpora.

        Emotions get their common names, and then those that `mapping` says. `mapping` and `drop`
        may name an emotion as its corpus does, or by its common name.

        Args:
            labels: Corpus to its emotions.
            common: Whether emotions get their common names.

        Returns:
            Corpus to old label to new one; those to be left out are missing.

        Raises:
            DataError: When a label is named that no corpus has, or two emotions of a corpus would
                become one without being asked for.
        """
        shared = {
            label: common_name(label) if common else label for of in labels.values() for label in of
        }
        known = {*shared, *shared.values()}
        for label in (*self.mapping, *sorted(set(self.drop))):
            if label not in known:
                raise DataError("no corpus has this emotion", given=label, do=suggest(label, known))
        new = {
            label: self.mapping.get(label, self.mapping.get(name, name))
            for label, name in shared.items()
            if label not in self.drop and name not in self.drop
        }
        named = {
            corpus: {label: new[label] for label in sorted(of) if label in new}
            for corpus, of in labels.items()
        }
        for corpus, of in named.items():
            _refuse_merged(corpus, of, self.mapping)
        return named


def _refuse_merged(corpus: str, named: Mapping[str, str], mapping: Mapping[str, str]) -> None:
    """Refuse to make two emotions of a corpus one because their common name is the same."""
    for label, name in named.items():
        others = [other for other, new in named.items() if new == name and other != label]
        if others and label not in {*mapping, name} and common_name(label) not in mapping:
            both = sorted((label, *others))
            raise DataError(
                f"emotions of {corpus} have the same common name",
                given=f"{' and '.join(both)}, which would all be {name}",
                do=f"make them one with --map {','.join(f'{one}={name}' for one in both)}, or keep "
                f"one apart with --map {label}={label}",
            )
