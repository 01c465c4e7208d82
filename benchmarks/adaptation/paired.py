"""Whether a gain over speakers could be chance."""

import numpy as np
from numpy.typing import NDArray

_EXACT = 16  # speakers; of more, signs are drawn
_DRAWN = 200_000


def flips(gains: NDArray[np.float64]) -> float:
    """Return the two-sided p-value of a paired test that flips the signs of gains at random.

    If neither system were better, each speaker's gain could as well be a loss.

    Args:
        gains: Of each speaker, (speaker,).
    """
    n = len(gains)
    if n <= _EXACT:
        signs = 1 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
    else:
        signs = np.random.default_rng(0).choice([-1, 1], (_DRAWN, n))
        signs[0] = 1  # what was observed is one of the possibilities
    means = np.abs(signs @ gains)
    return float((means >= abs(gains.sum()) - 1e-9).mean())
