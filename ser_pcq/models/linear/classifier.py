"""Linear classifiers over one vector of features per utterance."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.integer[Any]]

ABSENT_LOGIT = -1e4
"""Logit of a class without a training utterance: never the answer, and finite in half precision."""


_AT_ONCE = 1024  # utterances whose features are held once more


@dataclass(frozen=True, eq=False)
class LinearClassifier:
    """One linear map per class on standardised features.

    Attributes:
        mean: Mean of each feature over the training utterances, (feature,).
        scale: Their deviation, 1 where a feature is constant, (feature,).
        weight: (class, feature).
        bias: (class,).
    """

    mean: Floats
    scale: Floats
    weight: Floats
    bias: Floats

    def logits(self, features: Floats) -> Floats:
        """Return one score per class: the higher, the likelier; not calibrated.

        Shape:
            features (utterance, feature) to (utterance, class).
        """
        (values,) = logits_of([self], features)
        return values


def logits_of(classifiers: Sequence[LinearClassifier], features: Floats) -> list[Floats]:
    """Return the logits of classifiers with one standardisation: of one fit with several settings.

    Shape:
        features (utterance, feature) to (utterance, class) for each classifier.
    """
    logits: list[Floats] = [np.empty((len(features), len(one.bias))) for one in classifiers]
    for begin in range(0, len(features), _AT_ONCE):
        rows = slice(begin, begin + _AT_ONCE)
        standardised = features[rows] - classifiers[0].mean
        standardised /= classifiers[0].scale
        for values, one in zip(logits, classifiers, strict=True):
            values[rows] = standardised @ one.weight.T + one.bias
    return logits
