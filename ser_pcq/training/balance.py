"""How much utterances count in training, so that no corpus and no emotion outweighs another."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ser_pcq.data.utterance import Utterance


def balanced_weights(utterances: Sequence[Utterance]) -> NDArray[np.float64]:
    """Return weights with which each emotion of each corpus counts alike.

    Returns:
        (utterance,), 1 on average.
    """
    cells = [(u.corpus, u.emotion) for u in utterances]
    counts = Counter(cells)
    return np.array([len(cells) / len(counts) / counts[cell] for cell in cells])
