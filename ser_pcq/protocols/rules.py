"""Which utterances train, validate and test: every protocol, in one place, as data.

A protocol says what is held out together and what may never stand on two sides of a fold. How a
corpus is split by it stands in `folds`; how folds are kept in files in `splits`; what is checked
before and after training in `leakage`.

Under *clean* protocols the test speaker (or session) is unseen, and validation speakers are taken
from the training side, so that nothing is ever chosen on the test fold.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from ser_pcq.config import ProtocolConfig
from ser_pcq.data.directory import Utterance
from ser_pcq.errors import DataError

Kind = Literal["speaker", "session", "sentence"]


@dataclass(frozen=True)
class Protocol:
    """How folds are made.

    Attributes:
        tested: What is held out whole: a kind of group that the corpus has, `speakers` (several in
            a fold), `part` (utterances drawn at random), what the corpus or lists say, or nothing.
        validated: What validation takes whole from the training side.
        apart: Kinds of group of which none may be tested that is known from training or validation.
            Training and validation themselves are kept apart by `validated`.
        summary: In a sentence.
    """

    tested: Literal[
        "speaker", "session", "sentence", "speakers", "part", "official", "lists", "nothing"
    ]
    validated: Literal["speaker", "sentence", "part"]
    apart: tuple[Kind, ...]
    summary: str


PROTOCOLS: dict[str, Protocol] = {
    "leave-one-speaker-out": Protocol(
        "speaker", "speaker", ("speaker",), "each fold tests one speaker"
    ),
    "leave-one-session-out": Protocol(
        "session", "speaker", ("speaker", "session"), "each fold tests all speakers of a session"
    ),
    "k-fold-by-speaker": Protocol(
        "speakers", "speaker", ("speaker",), "each fold tests several speakers"
    ),
    "leave-one-sentence-out": Protocol(
        "sentence", "sentence", ("sentence",), "each fold tests one sentence; its voices are known"
    ),
    # Speakers must be apart here too. A random split cannot keep them so: the guard finds that, and
    # it needs --allow-leakage.
    "random": Protocol(
        "part", "part", ("speaker",), "utterances are drawn; their voices are known"
    ),
    "official": Protocol(
        "official", "speaker", ("speaker",), "the partition that the corpus comes with"
    ),
    "fixed": Protocol("lists", "speaker", ("speaker",), "lists in a file"),
    "all": Protocol("nothing", "speaker", ("speaker",), "everybody trains, nobody is tested"),
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


def rule_of(name: str, session_mates: str) -> Protocol:
    """Return a protocol with what must be apart under these settings."""
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


def group_of(utterance: Utterance, kind: Kind) -> str:
    """Return the speaker, session or sentence of an utterance.

    Raises:
        DataError: When the data directory does not tell.
    """
    group = {
        "speaker": utterance.speaker,
        "session": utterance.session,
        "sentence": utterance.sentence,
    }[kind]
    if group is None:
        raise DataError(
            f"the protocol needs {kind}s",
            given=f"no utt2{kind} entry for {utterance.utterance_id}",
            do=f'use protocol.name = "leave-one-speaker-out", or add utt2{kind}',
        )
    return group


def groups_by_kind(utterances: Iterable[Utterance]) -> dict[str, dict[str, str]]:
    """Return utterance id to kind (`speaker`, `session`, `sentence`, `original`) to name.

    What is not known of an utterance is left out.
    """
    table: dict[str, dict[str, str]] = defaultdict(dict)
    for u in utterances:
        for kind in ("speaker", "session", "sentence", "original"):
            if (name := getattr(u, kind)) is not None:
                table[u.utterance_id][kind] = name
    return dict(table)
