"""Which utterances train, validate and test: every protocol, in one place, as data.

A protocol says what is held out together and what may never be on two sides of a fold. `folds`
splits a corpus by it, `split_file` keeps folds in files, `leakage` checks them before and after
training.

Under *clean* protocols the test speaker (or session) is unseen, and validation speakers are taken
from the training side, so that nothing is ever chosen on the test fold.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from ser_pcq.config import ProtocolConfig
from ser_pcq.data.directory import Utterance
from ser_pcq.errors import DataError

Kind = Literal["speaker", "session", "sentence", "corpus"]
"""What a protocol can hold out whole."""

GroupKind = Literal["speaker", "session", "sentence", "corpus", "original", "audio"]
"""Everything that utterances can have in common."""


@dataclass(frozen=True)
class SplitRule:
    """How folds are made.

    Attributes:
        tested: What is held out whole: a kind of group that the corpus has, `speakers` (several in
            a fold), `part` (utterances drawn at random), what the corpus or lists say, or nothing.
        validated: What validation takes whole from the training side.
        apart: Kinds of group that must not be both in the test set and in training or validation.
            `validated` separates training and validation from each other.
        summary: In a sentence.
    """

    tested: Literal[
        "speaker",
        "session",
        "sentence",
        "corpus",
        "speakers",
        "part",
        "official",
        "lists",
        "nothing",
    ]
    validated: Literal["speaker", "sentence", "corpus", "part"]
    apart: tuple[Kind, ...]
    summary: str

    @property
    def kept_whole(self) -> tuple[Kind, ...]:
        """Return the kinds of group that are not both in training and in validation."""
        return () if self.validated == "part" else (self.validated,)


PROTOCOLS: dict[str, SplitRule] = {
    "leave-one-speaker-out": SplitRule(
        "speaker", "speaker", ("speaker",), "each fold tests one speaker"
    ),
    "leave-one-session-out": SplitRule(
        "session", "speaker", ("speaker", "session"), "each fold tests all speakers of a session"
    ),
    "k-fold-by-speaker": SplitRule(
        "speakers", "speaker", ("speaker",), "each fold tests several speakers"
    ),
    "leave-one-sentence-out": SplitRule(
        "sentence", "sentence", ("sentence",), "each fold tests one sentence; its voices are known"
    ),
    # What is chosen inside the training corpora is chosen by leaving one of them out as well.
    "leave-one-corpus-out": SplitRule(
        "corpus", "corpus", ("speaker", "corpus"), "each fold tests one corpus"
    ),
    # Speakers must be apart here too. A random split cannot keep them so: the guard finds that, and
    # it needs --allow-leakage.
    "random": SplitRule(
        "part", "part", ("speaker",), "utterances are drawn; their voices are known"
    ),
    "official": SplitRule(
        "official", "speaker", ("speaker",), "the partition that the corpus comes with"
    ),
    "fixed": SplitRule("lists", "speaker", ("speaker",), "lists in a file"),
    "all": SplitRule("nothing", "speaker", ("speaker",), "all speakers train, none is tested"),
}
"""Name in the configuration to protocol."""


@dataclass(frozen=True)
class Fold:
    """One split of a corpus, as utterance ids.

    Attributes:
        number: From 1.
        held_out: What is tested, by name; empty for the protocol `all`.
        train: Utterances to learn from.
        valid: Utterances to choose on; may be empty.
        test: Utterances of what is held out; empty for the protocol `all`.
    """

    number: int
    held_out: str
    train: tuple[str, ...]
    valid: tuple[str, ...]
    test: tuple[str, ...]

    @property
    def name(self) -> str:
        """Folder of the fold in an experiment folder."""
        # What tests nothing is a model of everybody, and then the only fold.
        return f"fold_{self.number:02d}" if self.test else "all"

    @property
    def sides(self) -> dict[str, tuple[str, ...]]:
        """Return train, valid and test by their names."""
        return {"train": self.train, "valid": self.valid, "test": self.test}


def keeps_mates_out(name: str) -> bool:
    """Say whether `session_mates` means anything: whole speakers are tested, sessions are not."""
    return PROTOCOLS[name].tested in ("speaker", "speakers")


def rule_of(name: str, session_mates: str) -> SplitRule:
    """Return a protocol with the groups that must be apart under these settings."""
    rule = PROTOCOLS[name]
    if keeps_mates_out(name) and session_mates == "out":
        return replace(rule, apart=(*rule.apart, "session"))
    return rule


def protocol_name(config: ProtocolConfig) -> str:
    """Return the protocol as scores name it, with everything that makes scores incomparable."""
    name: str = config.name
    if keeps_mates_out(config.name) and config.session_mates == "in":
        name += ", session-mates in training"
    if config.valid_from == "test":
        name += ", chosen on the test fold"
    if config.adapt == "speaker":
        name += ", speaker-adapted"
    return name


def plural(kind: str) -> str:
    """Return the plural of a kind of group."""
    return "corpora" if kind == "corpus" else f"{kind.removesuffix('s')}s"


def group_of(utterance: Utterance, kind: Kind) -> str:
    """Return the speaker, session, sentence or corpus of an utterance.

    Raises:
        DataError: When the data directory does not say.
    """
    group = {
        "speaker": utterance.speaker,
        "session": utterance.session,
        "sentence": utterance.sentence,
        "corpus": utterance.corpus,
    }[kind]
    if group is None and kind == "corpus":
        raise DataError(
            "the protocol needs to know the corpus of each utterance",
            given=f"no utt2corpus entry for {utterance.utterance_id}",
            do="combine data directories of several corpora: ser-data combine A B OUT",
        )
    if group is None:
        raise DataError(
            f"the protocol needs {plural(kind)}",
            given=f"no utt2{kind} entry for {utterance.utterance_id}",
            do=f'use protocol.name = "leave-one-speaker-out", or add utt2{kind}',
        )
    return group


@dataclass(frozen=True, slots=True)
class UtteranceGroups:
    """What an utterance has in common with others; None where it is not known.

    Attributes:
        speaker: Who speaks.
        session: The recording session.
        sentence: Id of the sentence, where a corpus has a fixed set.
        original: The utterance that this one is an augmented copy of; itself for an original.
        audio: Hash of the samples.
        corpus: The corpus, where there are several.
    """

    speaker: str | None = None
    session: str | None = None
    sentence: str | None = None
    original: str | None = None
    audio: str | None = None
    corpus: str | None = None

    def name_of(self, kind: GroupKind) -> str | None:
        """Return the group of a kind."""
        name: str | None = getattr(self, kind)
        return name

    def to_record(self) -> dict[str, str]:
        """Return what is known, as it is written to a file."""
        named = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {kind: name for kind, name in named if name is not None}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "UtteranceGroups":
        """Build from what a file holds.

        Raises:
            TypeError: When a kind is unknown, or a name is not text.
        """
        if not all(isinstance(name, str) for name in record.values()):
            raise TypeError(f"a group without a name: {dict(record)}")
        return cls(**record)


Groups = Mapping[str, UtteranceGroups]
"""Utterance id to its groups."""


def groups_of(
    utterances: Iterable[Utterance], audio: Mapping[str, str] | None = None
) -> dict[str, UtteranceGroups]:
    """Return the groups of each utterance.

    Args:
        utterances: With what the data directory says of them.
        audio: Utterance id to the hash of its samples; None when they have not been read.
    """
    of = list(utterances)
    several = len({u.corpus for u in of}) > 1
    return {
        u.utterance_id: UtteranceGroups(
            u.speaker,
            u.session,
            u.sentence,
            u.original,
            (audio or {}).get(u.utterance_id),
            u.corpus if several else None,
        )
        for u in of
    }
