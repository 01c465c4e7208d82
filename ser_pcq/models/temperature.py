"""The one place that applies a temperature to logits; `evaluation.calibration` fits it."""

from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Logits = TypeVar("Logits", "Tensor", NDArray[np.float64])


def calibrated(logits: Logits, temperature: float) -> Logits:
    """Return the logits whose softmax are the calibrated probabilities.

    The order of the classes stays as it is, and so does the decision.

    Args:
        logits: Logits or log-probabilities, which give the same.
        temperature: Above 0; above 1 the probabilities become more alike, below 1 less, and 1
            changes nothing.

    Shape:
        logits (..., class) to the same.

    Source:
        Guo et al., On Calibration of Modern Neural Networks, ICML 2017, section 4.2.
    """
    return logits / temperature
