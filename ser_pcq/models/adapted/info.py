"""What the package of an adapted model says: all of `adapted.json`, typed."""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ser_pcq.errors import CheckpointError
from ser_pcq.models.data_info import Plain, name_labels_licence
from ser_pcq.models.folder import ADAPTED

FORMAT = "ser-pcq-adapted/1"
"""What the JSON says it is."""

OWN_VOICE = "own-voice/1"
"""The method of `ser_pcq.models.linear.own_voice`."""

LABELLED = "labelled/1"
"""The method of `ser_pcq.models.linear.labelled`."""


@dataclass(frozen=True)
class BaseInfo:
    """The model that was adapted.

    Attributes:
        name: What it is called.
        is_embedded: Whether it comes with the toolkit; else its package is in the folder `base`.
        sha256: Of its weights.
    """

    name: str
    is_embedded: bool
    sha256: str

    @classmethod
    def from_json(cls, plain: Plain) -> "BaseInfo":
        """Read the object `base`.

        Raises:
            KeyError, TypeError: When something is missing, or is not what it should be.
        """
        is_embedded = plain["is_embedded"]
        if not isinstance(is_embedded, bool):
            raise TypeError(f"is_embedded is neither true nor false: {is_embedded!r}")
        return cls(str(plain["name"]), is_embedded, str(plain["sha256"]))


@dataclass(frozen=True)
class Step:
    """One adaptation; there may have been others before.

    Attributes:
        method: How.
        recordings: How many counted.
        seconds: How long they are in all.
        spread: How much they differ; 1 is as much as recordings of one emotion do. None where the
            base does not say how much that is, and for labelled ones.
        emotions: How many are of each emotion; None for recordings without labels.
    """

    method: str
    recordings: int
    seconds: float
    spread: float | None = None
    emotions: dict[str, int] | None = None

    @classmethod
    def from_json(cls, plain: Plain) -> "Step":
        """Read one of the objects in `steps`.

        Raises:
            KeyError, TypeError, ValueError, AttributeError: When something is missing, or is not
                what it should be.
        """
        spread, seconds = plain.get("spread"), float(plain["seconds"])
        spread = None if spread is None else float(spread)
        if not all(map(math.isfinite, (seconds, 0.0 if spread is None else spread))):
            raise ValueError("seconds or spread are not finite")  # a card could not be written
        emotions = plain.get("emotions")
        if emotions is not None:
            emotions = {str(emotion): int(n) for emotion, n in emotions.items()}
        return cls(str(plain["method"]), int(plain["recordings"]), seconds, spread, emotions)


@dataclass(frozen=True)
class AdaptedInfo:
    """All of `adapted.json`.

    Attributes:
        name: What predictions call the model.
        labels: The emotions, in the order of the outputs.
        base: What was adapted.
        steps: How, the first one first.
        licence: SPDX expression of the licence of the base; None where it states none.
    """

    name: str
    labels: tuple[str, ...]
    base: BaseInfo
    steps: tuple[Step, ...]
    licence: str | None = None

    @classmethod
    def from_json(cls, plain: Plain) -> "AdaptedInfo":
        """Read the content of `adapted.json`.

        Raises:
            KeyError, TypeError, ValueError, AttributeError: When something is missing, or is not
                what it should be.
        """
        name, labels, licence = name_labels_licence(plain)
        return cls(
            name=name,
            labels=labels,
            base=BaseInfo.from_json(plain["base"]),
            steps=tuple(Step.from_json(one) for one in plain["steps"]),
            licence=licence,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the content of `adapted.json`."""
        return {"format": FORMAT, **asdict(self)}


def read_adapted(folder: Path) -> AdaptedInfo:
    """Read the `adapted.json` of a package.

    Raises:
        CheckpointError: When it is damaged, or of a foreign format.
    """
    try:
        plain = json.loads((folder / ADAPTED).read_text(encoding="utf-8"))
        if plain.get("format") != FORMAT:
            raise CheckpointError(
                "foreign format of an adapted model",
                given=f"{plain.get('format')}, of {folder}",
                accepted=FORMAT,
                do="install the version of ser-pcq that wrote it, or adapt the model again",
            )
        return AdaptedInfo.from_json(plain)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged_adapted(folder, error) from error


def damaged_adapted(folder: Path, error: Exception) -> CheckpointError:
    """Return what to raise for a package that cannot be read."""
    return CheckpointError(
        "damaged adapted model", given=folder, do=f"adapt or copy it again ({error})"
    )
