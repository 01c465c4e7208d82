"""Experiment folders as training leaves them, without training."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from ser_pcq.config import ProtocolConfig
from ser_pcq.evaluation.table import Predictions, UtterancePrediction, write_predictions
from ser_pcq.protocols.rules import Fold
from ser_pcq.protocols.split_file import SPLIT, make_split, write_split_file

LABELS = ("anger", "joy", "neutral")


def predictions(
    n_speakers: int = 4,
    *,
    n_utterances: int = 10,
    accuracy: float = 0.7,
    seed: int = 0,
    labels: tuple[str, ...] = LABELS,
) -> Predictions:
    """One fold for each speaker; what is said is the same for every seed and accuracy."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(1, n_speakers + 1):
        for i in range(n_utterances):
            target = i % len(labels)
            answer = target if rng.random() < accuracy else int(rng.integers(len(labels)))
            shares = np.full(len(labels), 0.3 / (len(labels) - 1))
            shares[answer] = 0.7
            rows.append(
                UtterancePrediction(
                    f"{number:02d}_{i:02d}",
                    f"s{number}",
                    number,
                    labels[target],
                    labels[answer],
                    tuple(shares.tolist()),
                )
            )
    return Predictions(labels, tuple(rows))


def write_split(
    folder: Path, tests: dict[int, list[str]], protocol: str = "leave-one-speaker-out"
) -> None:
    """Write the folds that test these utterances; each trains on the rest."""
    folds = [
        Fold(n, f"s{n}", tuple(i for m in tests if m != n for i in tests[m]), (), tuple(tests[n]))
        for n in tests
    ]
    content = make_split(folds, replace(ProtocolConfig(), name=protocol))
    write_split_file(folder / SPLIT, content)


def write_experiment(
    folder: Path,
    table: Predictions,
    *,
    split: bool = True,
    protocol: str = "leave-one-speaker-out",
) -> Path:
    """Write the fold folders, and what they were meant to test; return the folder."""
    folds = table.by_fold()
    for number, part in folds.items():
        write_predictions(folder / f"fold_{number:02d}" / "predictions.csv", part)
    if split:
        tests = {n: [row.utterance_id for row in part.rows] for n, part in folds.items()}
        write_split(folder, tests, protocol)
    return folder
