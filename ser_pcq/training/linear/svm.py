"""Linear support vector machines: one for every pair of classes, joined to one map per class."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar

import numpy as np

from ser_pcq.errors import SerError
from ser_pcq.models.linear.classifier import ABSENT_LOGIT, Floats, LinearClassifier
from ser_pcq.training.linear.method import Method
from ser_pcq.training.linear.sample import Sample


def _class_duals(gram: Floats, sample: Sample, c: float) -> tuple[Floats, Floats]:
    """Fit a machine per pair of classes and join them to one linear map per class.

    The score of a class is the mean of its signed distances from its borders to the other classes;
    a distance is a machine's margin over the length of its weight vector (Vapnik 1995). Bare
    margins must not be added: a pair that is hard to separate has a long weight vector and would
    outweigh all others. Votes (Knerr et al. 1990) are not a linear map, and not better on EMO-DB.

    Shape:
        gram, inner products of standardised utterances, (utterance, utterance) to the weights of
        the utterances in the maps, (class, utterance), and bias, (class,).
    """
    from sklearn.svm import SVC

    targets, weights, present = sample.targets, sample.weights, np.flatnonzero(sample.present)
    maps = np.zeros((sample.n_classes, len(targets) + 1))  # the bias is last
    maps[~sample.present, -1] = ABSENT_LOGIT
    if len(present) > 1:
        # Weights say how much utterances count beside one another; without, classes count alike.
        balanced = "balanced" if weights is None else None
        scaled = None if weights is None else weights / weights.mean()
        machines = SVC(
            C=c, kernel="precomputed", class_weight=balanced, decision_function_shape="ovo"
        ).fit(gram, targets, sample_weight=scaled)
        # Margins are affine in the products with the training utterances: unit vectors and zeros
        # give the coefficients, and do not depend on the order of the library's support vectors.
        probes = np.eye(len(targets) + 1, len(targets))
        margins = machines.decision_function(probes).reshape(len(probes), -1).T  # (pair, probe)
        duals, offset = margins[:, :-1] - margins[:, -1:], margins[:, -1:]
        lengths = np.sqrt(((duals @ gram) * duals).sum(axis=1).clip(min=0))  # (pair,)
        # Of two classes the library calls the second one positive, of more the first of each pair.
        sign = -1.0 if len(present) == 2 else 1.0
        for pair, (first, second) in enumerate(combinations(present, 2)):
            # Without a length the two classes look the same, and have no border between them.
            if lengths[pair] > 1e-9:
                machine = np.concatenate([duals[pair], offset[pair]]) * sign / lengths[pair]
                maps[first] += machine / (len(present) - 1)
                maps[second] -= machine / (len(present) - 1)
    return maps[:, :-1], maps[:, -1]


@dataclass(frozen=True)
class SupportVectorMachine(Method):
    """Fits linear support vector machines, classes weighted to count alike.

    The inner products of all utterances are held at once: 8 bytes for each pair of utterances.

    Args:
        settings: Costs of an error, C, to choose from, each above 0; the best is about 1 to 10 over
            the number of features. They are kept in rising order.

    Raises:
        SerError: Without a cost, or when one is not above 0.
    """

    setting: ClassVar[str] = "cost"

    def __post_init__(self) -> None:
        """Check the costs."""
        if not len(self.settings) or not all(0 < c < np.inf for c in self.settings):
            given = list(self.settings)
            raise SerError("costs are out of range", given=given, accepted="one or more above 0")
        object.__setattr__(self, "settings", tuple(sorted(self.settings)))

    def fit_each(self, sample: Sample, settings: Sequence[float]) -> list[LinearClassifier]:
        """Fit with each cost, through one matrix of inner products."""
        standardised, mean, scale = sample.standardised()
        gram = standardised @ standardised.T
        fits = [_class_duals(gram, sample, cost) for cost in settings]
        return [LinearClassifier(mean, scale, duals @ standardised, bias) for duals, bias in fits]
