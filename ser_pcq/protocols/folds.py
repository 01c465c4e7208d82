"""The folds of a data directory: by the rule of a protocol, or from the lists in a file."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from ser_pcq.config import ProtocolConfig
from ser_pcq.data.directory import UNKNOWN_SPEAKER, DataDir, Utterance
from ser_pcq.errors import DataError, few
from ser_pcq.protocols.rules import (
    PROTOCOLS,
    Fold,
    Kind,
    group_of,
    keeps_mates_out,
    plural,
    protocol_name,
)
from ser_pcq.protocols.split_file import Listed, SplitError, read_split


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
    return {u.utterance_id: group_of(u, cast(Kind, tested)) for u in data.utterances}


def make_folds(data: DataDir, config: ProtocolConfig) -> list[Fold]:
    """Split a data directory by the protocol's rule.

    The validation groups of a fold are those that follow what it tests in sorted order, round the
    end: each of them validates equally often, and no random number is needed.

    Raises:
        DataError: When the data directory has too few groups for the protocol, or does not say
            what belongs to which group, or who speaks.
    """
    protocol = PROTOCOLS[config.name]
    _check_speakers(data, config)
    if protocol.tested == "official":
        return [_official_fold(data, config)]
    test_group = _tested_groups(data, config)
    groups = sorted(set(test_group.values()))
    if protocol.tested != "nothing" and len(groups) < (n_least := _least_groups(config)):
        raise DataError(
            f"{config.name} needs {'two' if n_least == 2 else n_least} "
            f"{plural(protocol.tested)} or more",
            given=f"{len(groups)} in {data.path}",
        )
    valid_group = {
        u.utterance_id: test_group[u.utterance_id]
        if protocol.validated == "part"
        else group_of(u, protocol.validated)
        for u in data.utterances
    }
    session = {}
    if keeps_mates_out(config.name) and config.session_mates == "out":
        session = {u.utterance_id: u.session for u in data.utterances if u.session is not None}
    if protocol.tested == "corpus":
        _check_emotions(data)
    return [
        _make_fold(number, group, test_group, valid_group, session, config)
        for number, group in enumerate(groups, start=1)
    ]


def _check_emotions(data: DataDir) -> None:
    """Refuse a corpus that shares no two emotions with the others: nothing could be scored."""
    emotions: dict[str | None, set[str]] = defaultdict(set)
    for u in data.utterances:
        emotions[u.corpus].add(u.emotion)
    for corpus, own in emotions.items():
        others = set().union(*(of for name, of in emotions.items() if name != corpus))
        if len(own & others) < 2:
            raise DataError(
                "a corpus needs two emotions in common with the others",
                given=f"{corpus} has {few(sorted(own))}; the others {few(sorted(others))}",
                do="rename emotions, or leave the corpus out: ser-data combine --map OLD=NEW",
            )


def _check_speakers(data: DataDir, config: ProtocolConfig) -> None:
    """Refuse to hold out unknown speakers."""
    unknown = [u.utterance_id for u in data.utterances if u.speaker == UNKNOWN_SPEAKER]
    protocol = PROTOCOLS[config.name]
    needs = "speaker" in protocol.apart and protocol.tested in ("speaker", "speakers", "session")
    if unknown and (needs or config.adapt == "speaker"):
        raise DataError(
            f"{protocol_name(config)} needs to know who speaks",
            given=f"{len(unknown)} utterances of an unknown speaker, such as {unknown[0]}",
            do="name the speakers when the data directory is prepared, or leave these utterances "
            "out; with them only protocol.name=random is possible, with --allow-leakage, and the "
            "score says so",
        )


def _official_fold(data: DataDir, config: ProtocolConfig) -> Fold:
    """Return the fold that the corpus comes with."""
    sides: dict[str | None, list[str]] = defaultdict(list)
    for u in data.utterances:
        sides[u.split].append(u.utterance_id)
    if sides[None] or not (sides["train"] and sides["test"]):
        raise DataError(
            "the protocol needs the corpus' own partition",
            given=f"no utt2split in {data.path} for {few(sides[None])}"
            if sides[None]
            else "no train or no test side",
            do='use another protocol.name, such as "leave-one-speaker-out"',
        )
    test = tuple(sides["test"])
    valid = test if config.valid_from == "test" else tuple(sides["valid"])
    return Fold(1, "test", tuple(sides["train"]), valid, test)


def _least_groups(config: ProtocolConfig) -> int:
    """Return how many groups the folds need."""
    return config.folds if PROTOCOLS[config.name].tested in ("speakers", "part") else 2


def _too_few(
    kind: str, others: list[str], n_valid: int, *, is_tested: bool, has_mates: bool
) -> DataError:
    """Build the error for too few groups beside what is tested."""
    least = "--set protocol.valid_speakers=" + str(len(others) - 1)
    without = "--set protocol.valid_speakers=0 --set protocol.refit=false --set train.select=last"
    beside = " beside what is tested" if is_tested else ""
    if UNKNOWN_SPEAKER in others:
        beside += ", unknown ones counted as one"
    mates = ", or --set protocol.session_mates=in" if has_mates else ""
    return DataError(
        f"too few {plural(kind)} for training and validation",
        given=f"{len(others)}{beside}, {n_valid} for validation",
        accepted=f"{n_valid + 1} or more, so that one is left to train on",
        do=f"add {plural(kind)}, or "
        + (least if len(others) > 1 else f"train without any: {without}")
        + mates,
    )


def _make_fold(
    number: int,
    group: str,
    test_group: dict[str, str],
    valid_group: dict[str, str],
    session: dict[str, str],
    config: ProtocolConfig,
) -> Fold:
    """Split by the names of the tested and the validating groups, and the session, of each."""
    test = [i for i, name in test_group.items() if group and name == group]
    sessions = {session[i] for i in test if i in session}
    rest = [
        i
        for i, name in test_group.items()
        if not (group and name == group) and session.get(i) not in sessions
    ]
    if not rest:
        raise DataError(
            "nothing is left for training",
            given=f"{group} is tested, and every other utterance is of its sessions",
            do='correct utt2session, or set protocol.session_mates = "in"',
        )
    if config.valid_from == "test":
        return Fold(number, group, tuple(rest), tuple(test), tuple(test))
    order = sorted(set(valid_group.values()))
    tested = {valid_group[i] for i in test}
    free = {valid_group[i] for i in rest} - tested
    start = max((order.index(name) for name in tested), default=-1) + 1
    others = [name for name in order[start:] + order[:start] if name in free]
    # A model that is shipped learns from everybody; with refitting it still does in the end.
    n_valid = config.valid_speakers if group or config.refit else 0
    if n_valid >= len(others):
        raise _too_few(
            PROTOCOLS[config.name].validated,
            others,
            n_valid,
            is_tested=bool(group),
            has_mates=bool(sessions),
        )
    validating, training = set(others[:n_valid]), set(others[n_valid:])
    return Fold(
        number,
        group,
        train=tuple(i for i in rest if valid_group[i] in training),
        valid=tuple(i for i in rest if valid_group[i] in validating),
        test=tuple(test),
    )


def folds_of(data: DataDir, config: ProtocolConfig) -> list[Fold]:
    """Return the folds of a configuration: from its lists where it names a file, else by rule.

    Raises:
        SplitError: When the lists do not fit the data or the configuration.
        DataError: When the data does not fit the protocol.
    """
    if not config.split:
        return make_folds(data, config)
    path = Path(config.split).expanduser()
    split = read_split(path)
    if config.name not in ("fixed", split.protocol):
        raise SplitError(
            "the lists were made for another protocol",
            given=f"{split.protocol} in {path}",
            do=f'set protocol.name = "{split.protocol}" or "fixed"',
        )
    if config.valid_from == "test":
        folds = tuple(Fold(f.number, f.held_out, f.train, f.test, f.test) for f in split.folds)
    else:
        folds = split.folds
    listed = _as_utterances(data, folds, split.by, path)
    _check_lists(listed, path)
    return listed


def _check_lists(folds: Sequence[Fold], path: Path) -> None:
    """Refuse lists that cannot be trained on or scored."""
    tested = Counter(i for fold in folds for i in fold.test)
    twice = [i for i, times in tested.items() if times > 1]
    for holds, wrong in (
        (folds, "the lists hold no fold"),
        (all(fold.number > 0 for fold in folds), "folds are numbered from 1"),
        (all(fold.train for fold in folds), "a fold has nothing to train on"),
        (
            all(fold.test for fold in folds) or len(folds) == 1,
            "a fold tests nothing, which only a single fold may",
        ),
        (not twice, f"utterances are tested in two folds: {', '.join(twice[:3])}"),
    ):
        if not holds:
            raise SplitError(wrong, given=path, do="correct the lists")


def _as_utterances(data: DataDir, folds: Sequence[Fold], by: Listed, path: Path) -> list[Fold]:
    """Turn lists of groups into lists of utterances."""
    members: dict[str, list[str]] = {}
    for u in data.utterances:
        key = u.utterance_id if by == "utterance" else group_of(u, by)
        members.setdefault(key, []).append(u.utterance_id)
    missing = sorted({k for f in folds for ids in f.sides.values() for k in ids} - set(members))
    if missing:
        raise SplitError(
            f"the lists name {by}s that the data directory does not have",
            given=f"{len(missing)} of them, such as {', '.join(missing[:3])}, in {path}",
            do=f"use the complete corpus, or lists of your own ({data.path})",
        )
    # In the order of the data, not that of the lists: training depends on it.
    place = {u.utterance_id: i for i, u in enumerate(data.utterances)}

    def utterances(keys: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted({i for key in keys for i in members[key]}, key=place.__getitem__))

    return [Fold(f.number, f.held_out, *map(utterances, f.sides.values())) for f in folds]
