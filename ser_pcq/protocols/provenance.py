"""What was fitted or chosen, and on which utterances: the facts that a score is proved with.

Training enters the utterances that it really handed to each step, not those it meant to; the guard
in `leakage` judges them, before the test fold is scored and again whenever it is scored from files.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ser_pcq.errors import DataError
from ser_pcq.files import write_json
from ser_pcq.protocols.rules import Fold

PROVENANCE = "provenance.json"


class Provenance:
    """The utterances behind each fitted or chosen thing of one fold.

    Things are named in plain words: `weights`, `normalisation`, `epoch`, `hyper-parameters`,
    `temperature`, `speaker statistics`, `encoder` (a slim one, fitted to their sound).

    Attributes:
        seen: Thing to the utterances that it was fitted or chosen on.
        leaky: What the guard found when the fold was trained, a line each.
    """

    def __init__(
        self, seen: Mapping[str, Iterable[str]] | None = None, leaky: Iterable[str] = ()
    ) -> None:
        self.seen: dict[str, set[str]] = {thing: set(ids) for thing, ids in (seen or {}).items()}
        self.leaky = tuple(leaky)

    def record(self, thing: str, utterance_ids: Iterable[str]) -> None:
        """Enter that `thing` has seen these utterances; copies carry the id of their original."""
        self.seen.setdefault(thing, set()).update(utterance_ids)

    def forget(self, thing: str) -> None:
        """Drop a thing that was fitted and is no part of the model in the end."""
        self.seen.pop(thing, None)

    def to_dict(self, fold: Fold, split_sha256: str) -> dict[str, Any]:
        """Return plain values; whole sides of the fold in this split stand for utterances."""
        plain = {}
        for thing, ids in sorted(self.seen.items()):
            rest, sides = set(ids), []
            for name, side in fold.sides.items():
                if side and set(side) <= ids:
                    sides.append(name)
                    rest -= set(side)
            plain[thing] = {"sides": sides, "others": sorted(rest)}
        return {
            "fold": fold.number,
            "split_sha256": split_sha256,
            "leaky": list(self.leaky),
            "seen": plain,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], fold: Fold, split_sha256: str) -> "Provenance":
        """Build from the values of `to_dict`.

        Raises:
            DataError: When they are damaged, or of another fold or split.
        """
        try:
            if content["fold"] != fold.number:
                raise ValueError(f"fold {content['fold']} instead of {fold.number}")
            if content["split_sha256"] != split_sha256:
                raise ValueError(f"fold {fold.number} was trained with another split")
            seen = {
                thing: {*about["others"], *(i for s in about["sides"] for i in fold.sides[s])}
                for thing, about in content["seen"].items()
            }
            leaky = [str(line) for line in content["leaky"]]
            if not (seen.get("weights") and seen.get("normalisation")):
                raise ValueError(f"fold {fold.number} does not say what was trained on")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"{PROVENANCE} does not fit", given=error) from error
        return cls(seen, leaky)


def write_provenance(folder: Path, provenance: Provenance, fold: Fold, split_sha256: str) -> None:
    """Write `provenance.json` of a fold folder."""
    write_json(folder / PROVENANCE, provenance.to_dict(fold, split_sha256))


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
    return Provenance.from_dict(content, fold, split_sha256)
