"""A linear map from a model's embedding to whether that is speech, and what predictions do with it.

The encoders of embedded models were trained on speech and hear more than emotions. So one more dot
product with the embedding tells speech from music, animals or traffic. A package without this head
predicts as it would otherwise.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

SPEECH = "speech"
"""Name of the graph's output, (batch, 1)."""

WEIGHT, BIAS = "speech.weight", "speech.bias"
"""Names of the tensors in a package, (1, width) and (1,)."""

DOUBTFUL = 0.0
"""A lower score is doubtful: one in a hundred recordings of speech that the head was fitted with
lay under it, when others had fitted it."""

NONE = -1.0
"""A lower score is no speech: one in a thousand of these recordings lay under it."""


@dataclass(frozen=True, eq=False)
class SpeechHead:
    """A fitted head.

    Attributes:
        weight: (width,).
        bias: Such that `DOUBTFUL` and `NONE` are where they are.
    """

    weight: NDArray[np.float32]
    bias: float

    def scores(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return how much recordings are like speech, (recording, width) to (recording,)."""
        return np.asarray(embeddings @ self.weight + np.float32(self.bias), np.float32)

    def tensors(self) -> dict[str, NDArray[np.float32]]:
        """Return what a package stores."""
        return {
            WEIGHT: self.weight[np.newaxis].astype(np.float32),
            BIAS: np.array([self.bias], np.float32),
        }

    @classmethod
    def of(cls, tensors: dict[str, Any]) -> "SpeechHead | None":
        """Take the head out of the tensors of a package; None where they have none."""
        weight, bias = tensors.pop(WEIGHT, None), tensors.pop(BIAS, None)
        if weight is None or bias is None:
            return None
        return cls(np.asarray(weight, np.float32)[0], float(np.asarray(bias)[0]))


class Judged(NamedTuple):
    """What a model says of recordings.

    Attributes:
        probabilities: (recording, class).
        speech: (recording,); NaN where the model has no head, so that nothing is under a threshold.
        embeddings: (recording, width); None where they were not asked for.
    """

    probabilities: NDArray[np.float64]
    speech: NDArray[np.float32]
    embeddings: NDArray[np.float32] | None = None
