"""A checkpoint with weights, run by PyTorch, as a `Classifier`."""

import numpy as np
import torch
from numpy.typing import NDArray

from ser_pcq.checkpoint import Checkpoint


class TorchClassifier:
    """A loaded checkpoint, one recording after the other.

    Args:
        checkpoint: The model.

    Attributes:
        name: Name of the model.
        labels: The emotions.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._recognizer = checkpoint.recognizer
        self.name = checkpoint.name
        self.labels: tuple[str, ...] = checkpoint.recognizer.labels

    def probabilities(self, waveforms: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score recordings of one length; none of them depends on the others.

        Shape:
            waveforms (batch, time) at 16 kHz, to (batch, class).

        Raises:
            AudioError: When the model can make nothing of the audio.
            RuntimeError, MemoryError: When it cannot be computed.
        """
        scores = [
            self._recognizer.log_probabilities(torch.from_numpy(one)).double().softmax(dim=0)
            for one in np.ascontiguousarray(waveforms)
        ]
        return torch.stack(scores).numpy()
