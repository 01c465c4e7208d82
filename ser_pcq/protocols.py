"""Which utterances train, validate and test: folds, and the proof that they are disjoint.

Protocol *clean*: the test speaker (or session) is unseen, and validation speakers are taken from
the training side, so that nothing is ever chosen on the test fold.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ser_pcq.config import ProtocolConfig
from ser_pcq.datadir import DataDir, Utterance
from ser_pcq.errors import DataError
from ser_pcq.files import write_json


@dataclass(frozen=True)
class Fold:
    """One split of a corpus, as utterance ids.

    Attributes:
        number: From 1.
        held_out: The speaker or session that is tested; empty for the protocol `all`.
        train: Utterances to learn from.
        valid: Utterances of validation speakers; may be empty.
        test: Utterances of the held-out speakers; empty for the protocol `all`.
    """

    number: int
    held_out: str
    train: tuple[str, ...]
    valid: tuple[str, ...]
    test: tuple[str, ...]

    @property
    def name(self) -> str:
        """Folder of the fold in an experiment folder."""
        return f"fold_{self.number:02d}" if self.test else "all"


def _unit(utterance: Utterance, protocol: str) -> str:
    """Return what is held out together."""
    if protocol == "leave-one-speaker-out":
        return utterance.speaker
    if utterance.session is None:
        raise DataError(
            "the protocol needs sessions",
            given=f"no utt2session entry for {utterance.utterance_id}",
            do='use protocol.name = "leave-one-speaker-out", or add utt2session',
        )
    return utterance.session


def _ids(utterances: Iterable[Utterance]) -> tuple[str, ...]:
    return tuple(u.utterance_id for u in utterances)


def make_folds(data: DataDir, config: ProtocolConfig) -> list[Fold]:
    """Split a data directory.

    The validation speakers of a fold are those that follow its held-out speakers in sorted order,
    round the end: every speaker validates as often as every other, and no random number is needed.

    Raises:
        DataError: When there are too few speakers or sessions for the protocol.
    """
    speakers = sorted({u.speaker for u in data.utterances})
    if config.name == "all":
        units: list[str] = [""]
    else:
        units = sorted({_unit(u, config.name) for u in data.utterances})
        if len(units) < 2:
            raise DataError(
                f"{config.name} needs two speakers or sessions",
                given=f"{len(units)} in {data.path}",
            )
    folds = []
    for number, unit in enumerate(units, start=1):
        test = [u for u in data.utterances if unit and _unit(u, config.name) == unit]
        tested = {u.speaker for u in test}
        start = max((speakers.index(s) for s in tested), default=-1) + 1
        others = [s for s in speakers[start:] + speakers[:start] if s not in tested]
        n_valid = 0 if config.name == "all" else config.valid_speakers
        if n_valid >= len(others):
            raise DataError(
                "too few speakers for training and validation",
                given=f"{len(others)} beside the held-out ones, {n_valid} of them for validation",
                do="lower protocol.valid_speakers",
            )
        validating = set(others[:n_valid])
        training = set(others[n_valid:])
        fold = Fold(
            number,
            unit,
            train=_ids(u for u in data.utterances if u.speaker in training),
            valid=_ids(u for u in data.utterances if u.speaker in validating),
            test=_ids(test),
        )
        check_disjoint(fold, data)
        folds.append(fold)
    return folds


def check_disjoint(fold: Fold, data: DataDir) -> None:
    """Prove that no utterance and no speaker stands on two sides of a fold.

    Raises:
        DataError: Naming the speakers that do.
    """
    speaker = {u.utterance_id: u.speaker for u in data.utterances}
    sides = {
        "train": {speaker[i] for i in fold.train},
        "valid": {speaker[i] for i in fold.valid},
        "test": {speaker[i] for i in fold.test},
    }
    for a, b in (("train", "valid"), ("train", "test"), ("valid", "test")):
        both = sorted(sides[a] & sides[b])
        if both:
            raise DataError(
                f"fold {fold.number}: speakers stand in {a} and in {b}", given=", ".join(both)
            )


def split_table(folds: list[Fold], config: ProtocolConfig) -> dict[str, Any]:
    """Return folds as plain values with a hash over them, for `split.json`."""
    entries = [
        {
            "fold": fold.number,
            "held_out": fold.held_out,
            "train": list(fold.train),
            "valid": list(fold.valid),
            "test": list(fold.test),
        }
        for fold in folds
    ]
    digest = hashlib.sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest()
    return {"protocol": config.name, "sha256": digest, "folds": entries}


def check_split(path: Path, folds: list[Fold], config: ProtocolConfig) -> None:
    """Refuse a `split.json` that says something else.

    Raises:
        DataError: When the experiment folder was made with another split.
    """
    try:
        known = json.loads(path.read_text(encoding="utf-8")).get("sha256")
    except (OSError, json.JSONDecodeError, AttributeError):
        known = "damaged"
    if known != split_table(folds, config)["sha256"]:
        raise DataError(
            "the experiment folder holds another split",
            given=path,
            do="use a new experiment folder, or the data and protocol it was made with",
        )


def write_split(path: Path, folds: list[Fold], config: ProtocolConfig) -> None:
    """Write `split.json`; refuse to change one that says something else.

    Raises:
        DataError: When the experiment folder was made with another split.
    """
    if path.exists():
        check_split(path, folds, config)
    else:
        write_json(path, split_table(folds, config))
