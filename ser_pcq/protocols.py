"""Which utterances train, validate and test: every protocol, in one place, as data.

A protocol says what is held out together and what may never stand on two sides of a fold. How
folds are kept in files stands in `splits`; what is checked before and after training in `leakage`.

Under *clean* protocols the test speaker (or session) is unseen, and validation speakers are taken
from the training side, so that nothing is ever chosen on the test fold.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ser_pcq.config import ProtocolConfig
from ser_pcq.datadir import DataDir, Utterance
from ser_pcq.errors import DataError

Kind = Literal["speaker", "session", "sentence"]


@dataclass(frozen=True)
class Protocol:
    """How folds are made.

    Attributes:
        tested: What is held out whole: a kind of group that the corpus has, `speakers` (several in
            a fold), `part` (utterances drawn at random), or nothing.
        validated: What validation takes whole from the training side.
        apart: Kinds of group of which none may be tested that is known from training or validation.
            Training and validation themselves are kept apart by `validated`.
        summary: In a sentence.
    """

    tested: Literal["speaker", "session", "sentence", "speakers", "part", "lists", "nothing"]
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


def protocol_name(config: ProtocolConfig) -> str:
    """Return the protocol as scores name it, with everything that makes scores incomparable."""
    name: str = config.name
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


def _speaker_parts(data: DataDir, n_parts: int) -> dict[str, str]:
    """Deal speakers into parts of about as many utterances: the largest first, to the smallest."""
    counts = Counter(u.speaker for u in data.utterances)
    sizes = [0] * n_parts
    part_of = {}
    for speaker in sorted(counts, key=lambda s: (-counts[s], s)):
        part = sizes.index(min(sizes))
        sizes[part] += counts[speaker]
        part_of[speaker] = _part_name(part, n_parts)
    return part_of


def _random_parts(data: DataDir, n_parts: int, seed: int) -> dict[str, str]:
    """Deal the utterances of each emotion into parts, in an order that hashing gives.

    A hash is the same with every version of every library, which a random generator is not.
    """

    def drawn(utterance: Utterance) -> tuple[str, str]:
        text = f"{seed} {utterance.utterance_id}"
        return utterance.emotion, hashlib.sha256(text.encode()).hexdigest()

    dealt = sorted(data.utterances, key=drawn)
    part_of = {u.utterance_id: _part_name(i % n_parts, n_parts) for i, u in enumerate(dealt)}
    # In the order of the data: training depends on it, and lists in a file keep to it.
    return {u.utterance_id: part_of[u.utterance_id] for u in data.utterances}


def _part_name(part: int, n_parts: int) -> str:
    """Return the name of a part, numbered from 1, so that names sort by number."""
    return f"part_{part + 1:0{len(str(n_parts))}d}"


def _tested_groups(data: DataDir, config: ProtocolConfig) -> dict[str, str]:
    """Return utterance id to the name of what is tested with it."""
    tested = PROTOCOLS[config.name].tested
    if tested == "nothing":
        return {u.utterance_id: "" for u in data.utterances}
    if tested == "part":
        return _random_parts(data, config.folds, config.seed)
    if tested == "speakers":
        parts = _speaker_parts(data, config.folds)
        return {u.utterance_id: parts[u.speaker] for u in data.utterances}
    if tested == "lists":
        raise DataError(
            'protocol.name = "fixed" needs lists',
            do="name the file: --set protocol.split=FILE, made by `ser-data split` or by hand",
        )
    return {u.utterance_id: group_of(u, tested) for u in data.utterances}


def make_folds(data: DataDir, config: ProtocolConfig) -> list[Fold]:
    """Split a data directory by the protocol's rule.

    The validation groups of a fold are those that follow what it tests in sorted order, round the
    end: every one validates as often as every other, and no random number is needed.

    Raises:
        DataError: When the data directory has too few groups for the protocol.
    """
    protocol = PROTOCOLS[config.name]
    test_group = _tested_groups(data, config)
    groups = sorted(set(test_group.values()))
    if protocol.tested != "nothing" and len(groups) < (n_least := _least_groups(config)):
        raise DataError(
            f"{config.name} needs {'two' if n_least == 2 else n_least} "
            f"{protocol.tested.removesuffix('s')}s or more",
            given=f"{len(groups)} in {data.path}",
        )
    valid_group = {
        u.utterance_id: test_group[u.utterance_id]
        if protocol.validated == "part"
        else group_of(u, protocol.validated)
        for u in data.utterances
    }
    return [
        _make_fold(number, group, test_group, valid_group, config)
        for number, group in enumerate(groups, start=1)
    ]


def _least_groups(config: ProtocolConfig) -> int:
    """Return how many groups the folds need."""
    return config.folds if PROTOCOLS[config.name].tested in ("speakers", "part") else 2


def _make_fold(
    number: int,
    group: str,
    test_group: dict[str, str],
    valid_group: dict[str, str],
    config: ProtocolConfig,
) -> Fold:
    """Split by the names of the tested and the validating groups of each utterance."""
    test = [i for i, name in test_group.items() if group and name == group]
    rest = [i for i, name in test_group.items() if not group or name != group]
    if config.valid_from == "test":
        return Fold(number, group, tuple(rest), tuple(test), tuple(test))
    order = sorted(set(valid_group.values()))
    tested = {valid_group[i] for i in test}
    start = max((order.index(name) for name in tested), default=-1) + 1
    others = [name for name in order[start:] + order[:start] if name not in tested]
    # A model that is shipped learns from everybody; with refitting it still does in the end.
    n_valid = config.valid_speakers if group or config.refit else 0
    if n_valid >= len(others):
        kind = PROTOCOLS[config.name].validated
        raise DataError(
            f"too few {kind}s for training and validation",
            given=f"{len(others)} beside what is tested, {n_valid} of them for validation",
            do="lower protocol.valid_speakers",
        )
    validating, training = set(others[:n_valid]), set(others[n_valid:])
    return Fold(
        number,
        group,
        train=tuple(i for i in rest if valid_group[i] in training),
        valid=tuple(i for i in rest if valid_group[i] in validating),
        test=tuple(test),
    )


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
