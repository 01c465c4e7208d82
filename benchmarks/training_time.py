"""How long an experiment was trained, from what its folds recorded."""

import csv
import json
import math
from dataclasses import dataclass
from pathlib import Path

from ser_pcq.errors import SerError


@dataclass(frozen=True)
class Training:
    """What training an experiment took.

    Attributes:
        seconds: For a network, the sum over all epochs of all folds, with validation and refitting,
            but without reading recordings or running a frozen encoder, because folds share its
            output. For a linear recognizer, everything; its first fold computes the features of
            all.
        n_folds: Number of finished folds.
        devices: Where they were trained, `cpu` or `cuda`, each once.
    """

    seconds: float
    n_folds: int
    devices: tuple[str, ...]


def finished_folds(folder: Path) -> list[Path]:
    """Return the finished folds of an experiment folder, or the folder itself if it is a fold."""
    pattern = "*/finished.json" if (folder / "config.json").is_file() else "finished.json"
    return sorted(path.parent for path in folder.glob(pattern))


def training_of(folder: Path) -> Training | None:
    """Add up what training took in an experiment or fold folder; None without a record of it.

    For a network, the time of its epochs. A linear recognizer has none: the time of the whole fold,
    with its features where they were not in the cache. Folds that are not finished do not count.

    Raises:
        SerError: When a history is damaged.
    """
    records = [record for fold in finished_folds(folder) if (record := _fold_record(fold))]
    if not records:
        return None
    seconds, devices = zip(*records, strict=True)
    return Training(sum(seconds), len(records), tuple(sorted(set(devices))))


def _fold_record(fold: Path) -> tuple[float, str] | None:
    """Return the seconds of a fold and the device; None without a record."""
    histories = [p for p in (fold / "history.csv", fold / "refit/history.csv") if p.is_file()]
    seconds = 0.0
    try:
        about = json.loads((fold / "finished.json").read_text(encoding="utf-8"))
        device = str(about["device"])
        if not histories:
            seconds = float(about.get("seconds", 0.0))
        for path in histories:
            with path.open(encoding="utf-8", newline="") as lines:
                seconds += sum(float(row["seconds"]) for row in csv.DictReader(lines))
        if not math.isfinite(seconds):
            raise ValueError(f"{seconds} s")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SerError("damaged record of a training", given=f"{fold} ({error})") from error
    return (seconds, device) if seconds else None
