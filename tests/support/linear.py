"""Linear classifiers of one setting."""

import numpy as np

from ser_pcq.models.linear.classifier import LinearClassifier
from ser_pcq.training.linear.method import Method, fit_mean
from ser_pcq.training.linear.sample import SampleSets


def fitted(
    method: Method, features: np.ndarray, targets: np.ndarray, n_classes: int
) -> LinearClassifier:
    """Fit with all settings of a method: (utterance, feature) and (utterance,)."""
    sets = SampleSets({"given": features}, targets, targets, n_classes)
    return fit_mean(sets, method, method.settings)
