"""UA and calibration of answers as arrays: thousands of draws are scored."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ser_pcq.evaluation.calibration import N_BINS

FOUR = ("anger", "happiness", "neutral", "sadness")


def among(
    labels: Sequence[str],
    wanted: Sequence[str],
    emotions: NDArray[np.str_],
    probabilities: NDArray[np.float64],
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the answers on utterances of some emotions, among these alone.

    Shape:
        emotions (utterance,) and probabilities (utterance, class) to (kept,), indices into
        `wanted`, and (kept, wanted), summing to 1.
    """
    kept = np.isin(emotions, wanted)
    shares = probabilities[kept][:, [list(labels).index(one) for one in wanted]]
    targets = np.array([list(wanted).index(one) for one in emotions[kept]], dtype=int)
    return targets, shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-300)


def ua(targets: NDArray[np.intp], shares: NDArray[np.float64]) -> float:
    """Return UA in percent, pooled over utterances."""
    right = shares.argmax(axis=1) == targets
    return 100 * float(np.mean([right[targets == k].mean() for k in np.unique(targets)]))


def ece(targets: NDArray[np.intp], shares: NDArray[np.float64]) -> float:
    """Return the expected calibration error in percentage points, with the bins of `ser-eval`."""
    confidence, right = shares.max(axis=1), shares.argmax(axis=1) == targets
    places = np.clip(np.ceil(confidence * N_BINS).astype(int) - 1, 0, N_BINS - 1)
    apart = sum(
        abs(right[places == k].sum() - confidence[places == k].sum()) for k in np.unique(places)
    )
    return 100 * float(apart) / len(right)
