"""What every trained model is to the code that predicts with it, whatever computes it."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Classifier(Protocol):
    """Waveforms to probabilities.

    Attributes:
        name: What predictions call it.
        labels: The emotions, in the order of the probabilities.
    """

    name: str
    labels: tuple[str, ...]

    def probabilities(self, waveforms: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score recordings of one length; none of them depends on the others.

        Shape:
            waveforms (batch, time) at 16 kHz, to (batch, class), each row summing to 1.

        Raises:
            RuntimeError, MemoryError: When it cannot be computed, for want of memory for example.
        """
        ...
