"""Whom a trained model knows: its speakers against those of other data.

A person is known by a name and a corpus. Names of a combined directory begin with that of the
corpus: `emodb-03` there and `03` in the corpus emodb itself are one person.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from ser_pcq.data.corpus_names import apart, own_name
from ser_pcq.data.directory import UNKNOWN_SPEAKER, DataDir, Utterance
from ser_pcq.models.data_info import DataInfo


@dataclass(frozen=True)
class Person:
    """A speaker of a corpus.

    Attributes:
        speaker: The name; `UNKNOWN_SPEAKER` for anybody.
        corpus: The corpus; None where it is not known.
    """

    speaker: str
    corpus: str | None

    @property
    def names(self) -> frozenset[str]:
        """The names that the same person may have elsewhere."""
        own = self.speaker if self.corpus is None else own_name(self.corpus, self.speaker)
        return frozenset({self.speaker, own})


def person_of(utterance: Utterance) -> Person:
    """Return who speaks."""
    return Person(utterance.speaker, utterance.corpus)


def persons(data: DataDir) -> list[Person]:
    """Return who speaks in a data directory, sorted by name and corpus."""
    found = {person_of(u) for u in data.utterances}
    return sorted(found, key=lambda person: (person.speaker, person.corpus or ""))


class KnownSpeakers:
    """Whoever a model was trained or chosen on.

    Args:
        info: The data that it was trained on.

    Attributes:
        corpora: Where they are from; with None where that is not known.
    """

    def __init__(self, info: DataInfo) -> None:
        self.corpora: tuple[str | None, ...] = tuple(info.corpora) or (info.corpus,)
        self._corpora_of: dict[str, set[str | None]] = {}
        for person in _known(info):
            for name in person.names:
                self._corpora_of.setdefault(name, set()).add(person.corpus)

    def knows(self, person: Person) -> bool:
        """Say whether somebody may be one of them, by name and corpus."""
        return any(
            not apart(person.corpus, self._corpora_of[name])
            for name in person.names
            if name in self._corpora_of
        )

    def may_know(self, person: Person) -> bool:
        """Say whether somebody may be one of them because one of the two has no name."""
        if person.speaker == UNKNOWN_SPEAKER:
            return not self.is_foreign(person.corpus)
        return not apart(person.corpus, self._corpora_of.get(UNKNOWN_SPEAKER, set()))

    def is_foreign(self, corpus: str | None) -> bool:
        """Say whether a corpus is known to be none of theirs."""
        return apart(corpus, self.corpora)


def _known(info: DataInfo) -> Iterator[Person]:
    """Yield the speakers that a model was trained or chosen on."""
    if not info.corpora:
        yield from (Person(speaker, info.corpus) for speaker in info.known_speakers)
    for corpus, speakers in info.corpora.items():
        yield from (Person(speaker, corpus) for speaker in speakers)
