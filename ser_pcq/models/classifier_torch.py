"""A checkpoint with weights, run by PyTorch, as a `Classifier`."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ser_pcq.models.checkpoint import Checkpoint


class TorchClassifier:
    """A loaded checkpoint.

    Args:
        checkpoint: The model, on the device where it is to run.

    Attributes:
        name: Name of the model.
        labels: The emotions.
        batch_size: 16 on a GPU; on the CPU recordings go one by one.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._recognizer = checkpoint.recognizer
        self.name = checkpoint.name
        self.labels: tuple[str, ...] = checkpoint.recognizer.labels
        where = next(self._recognizer.parameters()).device
        self.batch_size = 1 if where.type == "cpu" else 16

    def probabilities(self, waveforms: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
        """Score recordings; none of them depends on the others, and nothing is padded.

        Shape:
            waveforms, each (time,) at 16 kHz, to (recording, class).

        Raises:
            AudioError: When the model can make nothing of the audio.
            RuntimeError, MemoryError: When it cannot be computed.
        """
        tensors = [torch.from_numpy(np.ascontiguousarray(one)) for one in waveforms]
        scores = self._recognizer.batch_log_probabilities(tensors)
        return scores.double().softmax(dim=1).numpy()
