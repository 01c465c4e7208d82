"""What a package holds for adapting its model, besides what its JSON says: `voice.safetensors`."""

from pathlib import Path

import numpy as np

from ser_pcq.files import whole_file
from ser_pcq.models.folder import FORMAT, VOICE
from ser_pcq.models.linear.classifier import LinearClassifier

_WEIGHT, _BIAS = "by_voice.weight", "by_voice.bias"


def save_by_voice(folder: Path, by_voice: LinearClassifier) -> None:
    """Write the classifier that takes the model's place where a voice is adapted to.

    Args:
        folder: The package.
        by_voice: See `own_voice.adapt`; over embeddings, without a standardisation of its own.
    """
    from safetensors.numpy import save_file

    tensors = {_WEIGHT: by_voice.weight, _BIAS: by_voice.bias}
    with whole_file(folder / VOICE) as temporary:
        # Bytes are written as they lie, whatever the order of the axes is.
        plain = {name: np.ascontiguousarray(one, np.float32) for name, one in tensors.items()}
        save_file(plain, temporary, metadata={"format": FORMAT})


def load_by_voice(folder: Path) -> LinearClassifier | None:
    """Return that classifier, over embeddings, in double precision; None where there is none.

    Raises:
        OSError, SafetensorError, KeyError, ValueError: When the file is damaged.
    """
    from safetensors.numpy import load_file

    if not (folder / VOICE).is_file():
        return None
    tensors = load_file(folder / VOICE)
    weight, bias = (tensors[name].astype(np.float64) for name in (_WEIGHT, _BIAS))
    if weight.ndim != 2 or bias.shape != weight.shape[:1]:
        raise ValueError("the shapes of weights by voice do not fit")
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        raise ValueError("weights by voice hold values that are not numbers")
    nothing = np.zeros(weight.shape[1])
    return LinearClassifier(nothing, nothing + 1, weight, bias)
