"""What was fitted or chosen, and on which utterances: the facts that a score is proved with.

Training enters the utterances that it really handed to each step, not those it meant to; the guard
in `leakage` judges them, before the test fold is scored and again whenever it is scored from files.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypedDict

from ser_pcq.errors import DataError
from ser_pcq.files import write_json
from ser_pcq.protocols.rules import Fold
from ser_pcq.protocols.verdict import Leak, LeakKind, LeakRecord

PROVENANCE = "provenance.json"


class SeenRecord(TypedDict):
    """Utterances in a JSON file: whole sides of the fold, and single ids beside them."""

    sides: list[str]
    others: list[str]


class ProvenanceRecord(TypedDict):
    """`provenance.json` of one fold."""

    fold: int
    split_sha256: str
    leaks: list[LeakRecord]
    seen: dict[str, SeenRecord]


class Provenance:
    """The utterances behind each fitted or chosen thing of one fold.

    Things are named in plain words: `weights`, `normalisation`, `epoch`, `hyper-parameters`,
    `temperature`, `speaker statistics`, `encoder` (a slim one, fitted to their sound).

    Attributes:
        seen: Thing to the utterances that it was fitted or chosen on.
        leaks: What the guard found in this fold when it was trained.
    """

    def __init__(
        self, seen: Mapping[str, Iterable[str]] | None = None, leaks: Iterable[Leak] = ()
    ) -> None:
        self.seen: dict[str, set[str]] = {thing: set(ids) for thing, ids in (seen or {}).items()}
        self.leaks = tuple(leaks)

    def record(self, thing: str, utterance_ids: Iterable[str]) -> None:
        """Enter that `thing` has seen these utterances; copies carry the id of their original."""
        self.seen.setdefault(thing, set()).update(utterance_ids)

    def forget(self, thing: str) -> None:
        """Drop a thing that was fitted but is not part of the final model."""
        self.seen.pop(thing, None)

    def to_record(self, fold: Fold, split_sha256: str) -> ProvenanceRecord:
        """Return what is written; whole sides of the fold are written by their names."""
        seen: dict[str, SeenRecord] = {}
        for thing, ids in sorted(self.seen.items()):
            rest, sides = set(ids), []
            for name, side in fold.sides.items():
                if side and set(side) <= ids:
                    sides.append(name)
                    rest -= set(side)
            seen[thing] = {"sides": sides, "others": sorted(rest)}
        return {
            "fold": fold.number,
            "split_sha256": split_sha256,
            "leaks": [leak.to_record() for leak in self.leaks],
            "seen": seen,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any], fold: Fold, split_sha256: str) -> "Provenance":
        """Build from what a file holds.

        Raises:
            DataError: When the record is damaged, or of another fold or split.
        """
        try:
            if record["fold"] != fold.number:
                raise ValueError(f"fold {record['fold']} instead of {fold.number}")
            if record["split_sha256"] != split_sha256:
                raise ValueError(f"fold {fold.number} was trained with another split")
            seen = {
                thing: {*ids["others"], *(i for s in ids["sides"] for i in fold.sides[s])}
                for thing, ids in record["seen"].items()
            }
            leaks = _read_leaks(record, fold)
            if not (seen.get("weights") and seen.get("normalisation")):
                raise ValueError(f"fold {fold.number} does not say what was trained on")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"{PROVENANCE} does not fit", given=error) from error
        return cls(seen, leaks)


def _read_leaks(record: Mapping[str, Any], fold: Fold) -> list[Leak]:
    """Return the leaks of a record.

    Older files hold printed lines instead, under `leaky`; each begins with the word of its kind.
    """
    if "leaks" not in record and "leaky" not in record:
        raise KeyError("leaks")
    leaks = [Leak.from_record(one) for one in record.get("leaks", [])]
    for line in record.get("leaky", []):
        kind = LeakKind(line.partition(":")[0])
        leaks.append(Leak(kind, "found when it was trained", fold.number, (line,)))
    return leaks


def write_provenance(folder: Path, provenance: Provenance, fold: Fold, split_sha256: str) -> None:
    """Write `provenance.json` of a fold folder."""
    write_json(folder / PROVENANCE, provenance.to_record(fold, split_sha256))


def read_provenance(path: Path, fold: Fold, split_sha256: str) -> Provenance:
    """Read what `write_provenance` wrote, or one fold's entry of an experiment's list of them.

    Args:
        path: The file.
        fold: The fold that it is about.
        split_sha256: Hash of the split that the fold is of.

    Raises:
        DataError: When the file is damaged or lacks the fold.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(content, list):
            content = next((c for c in content if c["fold"] == fold.number), {"fold": None})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{PROVENANCE} is damaged", given=f"{path} ({error})") from error
    return Provenance.from_record(content, fold, split_sha256)
