"""Folds in files: `split.json` of an experiment, and frozen lists that come with a recipe.

One format serves both. An entry lists utterances, or speakers, sessions or sentences where `by`
says so; a hash over the content shows every change::

    {"protocol": "leave-one-session-out", "by": "speaker",
     "folds": [{"fold": 1, "held_out": "1", "train": [...], "valid": [...], "test": [...]}, ...],
     "sha256": "..."}

The file that an experiment keeps lists utterances, and adds what is known of each of them
(`utterances`: speaker, session, sentence, original, and `audio`, the hash of its samples), so that
it can be checked by itself, and other recordings under the same names are another split.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict, cast

from ser_pcq.config import ProtocolConfig
from ser_pcq.data.directory import DataDir
from ser_pcq.errors import DataError, SerError
from ser_pcq.files import write_text
from ser_pcq.protocols.rules import (
    PROTOCOLS,
    Fold,
    Groups,
    Kind,
    UtteranceGroups,
    group_of,
    keeps_mates_out,
    protocol_name,
)

SPLIT = "split.json"
SIDES = ("train", "valid", "test")

Listed = Literal["utterance", "speaker", "session", "sentence"]
"""What lists of folds name."""


class SplitError(DataError):
    """A file with folds that is damaged, changed, or not of this data."""


class FoldRecord(TypedDict):
    """A fold in a JSON file."""

    fold: int
    held_out: str
    train: list[str]
    valid: list[str]
    test: list[str]


class SplitRecord(TypedDict):
    """A file with folds, in the order of its lines."""

    protocol: str
    name: str
    by: str
    adapted: NotRequired[bool]
    session_mates: NotRequired[str]
    folds: list[FoldRecord]
    utterances: NotRequired[dict[str, dict[str, str]]]
    sha256: str


@dataclass(frozen=True)
class Split:
    """What a file with folds says.

    Attributes:
        protocol: Name in `PROTOCOLS`.
        name: As scores name it, with adaptation and a choice on the test fold.
        adapted: Whether features are normalised by speaker.
        session_mates: `out` or `in`, as in the configuration.
        by: What the folds list.
        folds: The folds; ids are those of what `by` says.
        groups: The groups of each utterance; None for lists that are frozen or edited.
        sha256: Hash over everything else.
    """

    protocol: str
    name: str
    adapted: bool
    session_mates: str
    by: Listed
    folds: tuple[Fold, ...]
    groups: Groups | None
    sha256: str

    def to_record(self) -> SplitRecord:
        """Return the split as it is written to a file."""
        content = _content(self)
        content["sha256"] = self.sha256
        return cast(SplitRecord, content)


def _content(split: Split) -> dict[str, Any]:
    """Return everything but the hash, as it is written to a file."""
    content: dict[str, Any] = {"protocol": split.protocol, "name": split.name, "by": split.by}
    if split.adapted:
        content["adapted"] = True
    if split.session_mates == "in":
        content["session_mates"] = "in"
    content["folds"] = [
        FoldRecord(
            fold=f.number,
            held_out=f.held_out,
            train=list(f.train),
            valid=list(f.valid),
            test=list(f.test),
        )
        for f in split.folds
    ]
    if split.groups is not None:
        content["utterances"] = {i: groups.to_record() for i, groups in split.groups.items()}
    return content


def _digest(content: Mapping[str, Any]) -> str:
    """Return the hash over everything but the hash itself."""
    rest = {key: value for key, value in content.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def make_split(
    folds: Sequence[Fold],
    config: ProtocolConfig,
    groups: Groups | None = None,
    by: Listed = "utterance",
) -> Split:
    """Return folds with what a file says beside them.

    Args:
        folds: The folds, listing what `by` says.
        config: The protocol.
        groups: The groups of each utterance; None for lists that are frozen or edited.
        by: `utterance`, `speaker`, `session` or `sentence`.
    """
    mates_in = keeps_mates_out(config.name) and config.session_mates == "in"
    split = Split(
        protocol=config.name,
        name=protocol_name(config),
        adapted=config.adapt == "speaker",
        session_mates="in" if mates_in else "out",
        by=by,
        folds=tuple(folds),
        groups=groups,
        sha256="",
    )
    return replace(split, sha256=_digest(_content(split)))


def as_groups(folds: Sequence[Fold], data: DataDir, by: Kind) -> list[Fold]:
    """Return folds that list speakers, sessions or sentences instead of their utterances.

    Raises:
        DataError: When a fold splits a group.
    """
    group = {u.utterance_id: group_of(u, by) for u in data.utterances}
    listed = []
    for fold in folds:
        sides = [tuple(sorted({group[i] for i in ids})) for ids in fold.sides.values()]
        if split := sorted(
            n for n, times in Counter(n for s in sides for n in s).items() if times > 1
        ):
            raise DataError(
                f"the folds cannot be listed by {by}",
                given=f"{split[0]} is on two sides of fold {fold.number}",
                accepted="a kind of group that the protocol keeps whole, or utterance",
            )
        listed.append(Fold(fold.number, fold.held_out, *sides))
    return listed


def write_split_file(path: Path, split: Split) -> None:
    """Write folds readably: one line for each side of a fold and for each utterance."""

    def dumps(value: object) -> str:
        return json.dumps(value, ensure_ascii=False)

    record, lines = split.to_record(), []
    for key, value in record.items():
        if key == "folds":
            folds = [
                "{" + ",\n   ".join(f"{dumps(k)}: {dumps(v)}" for k, v in fold.items()) + "}"
                for fold in record["folds"]
            ]
            lines.append('"folds": [\n  ' + ",\n  ".join(folds) + "\n ]")
        elif key == "utterances":
            rows = [f"{dumps(i)}: {dumps(groups)}" for i, groups in record["utterances"].items()]
            lines.append('"utterances": {\n  ' + ",\n  ".join(rows) + "\n }")
        else:
            lines.append(f"{dumps(key)}: {dumps(value)}")
    write_text(path, "{" + ",\n ".join(lines) + "}\n")


def read_split(path: Path) -> Split:
    """Read a file with folds and check its hash.

    Raises:
        SplitError: When it cannot be read, is damaged, or was changed after it was written.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SplitError(
            "the file with folds cannot be read", given=f"{path} ({error.strerror})"
        ) from error
    except ValueError as error:
        raise SplitError("the file with folds is damaged", given=f"{path} ({error})") from error
    if isinstance(content, dict) and "folds" in content and "sha256" not in content:
        raise SplitError(
            "the file with folds has no hash",
            given=path,
            do="write it with ser_pcq.write_split_file, which adds one",
        )
    try:
        sha256 = str(content["sha256"])
        folds = tuple(
            Fold(int(f["fold"]), str(f["held_out"]), *(tuple(map(str, f[s])) for s in SIDES))
            for f in content["folds"]
        )
        protocol, by = str(content["protocol"]), str(content["by"])
        name = str(content.get("name", protocol))
        groups = None
        if "utterances" in content:
            known_groups = content["utterances"].items()
            groups = {str(i): UtteranceGroups.from_record(known) for i, known in known_groups}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SplitError(
            "the file with folds is damaged", given=f"{path} ({type(error).__name__}: {error})"
        ) from error
    if protocol not in PROTOCOLS or by not in ("utterance", "speaker", "session", "sentence"):
        raise SplitError("the file with folds is damaged", given=f"{path}: {protocol}, by {by}")
    if len({fold.number for fold in folds}) < len(folds):
        raise SplitError("the file with folds is damaged", given=f"{path}: a fold is there twice")
    if sha256 != _digest(content):
        raise SplitError(
            "the folds in a file were changed after they were written",
            given=f"{path}: its hash does not fit",
            do="take the original file, or write your own with `ser-data split`",
        )
    adapted, mates = bool(content.get("adapted")), str(content.get("session_mates", "out"))
    return Split(protocol, name, adapted, mates, cast(Listed, by), folds, groups, sha256)


def check_split(path: Path, split: Split) -> None:
    """Refuse a `split.json` that says something else.

    Raises:
        SerError: When the experiment folder was made with another split, or its file is damaged.
    """
    if read_split(path).sha256 != split.sha256:
        raise SerError(
            "the experiment folder holds another split",
            given=path,
            do="use a new experiment folder, or the data and protocol it was made with",
        )


def keep_split(path: Path, split: Split) -> None:
    """Write `split.json`; refuse to change one that says something else.

    Raises:
        SerError: When the experiment folder was made with another split.
    """
    if path.exists():
        check_split(path, split)
    else:
        write_split_file(path, split)
