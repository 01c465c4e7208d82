"""What leaving the least confident utterances unanswered gains: risk against coverage."""

import math
from dataclasses import dataclass

import numpy as np

from ser_pcq.errors import ScoreError
from ser_pcq.evaluation.calibration import ONE, answers_of
from ser_pcq.evaluation.table import Predictions

# Coverages at which a report gives the accuracy.
REPORTED_COVERAGES = (0.9, 0.8, 0.7)


@dataclass(frozen=True)
class CoveragePoint:
    """What is left when only answers from one confidence upwards are kept.

    Attributes:
        min_confidence: The lowest confidence that is kept, 0 to 1.
        n_kept: Number of utterances kept, 1 or more.
        coverage: Share of the utterances that is kept, above 0 to 1.
        risk: Share of wrong answers among the kept ones, 0 to 1.
    """

    min_confidence: float
    n_kept: int
    coverage: float
    risk: float

    @property
    def accuracy(self) -> float:
        """Share of right answers among the kept ones: their WA."""
        return 1 - self.risk


@dataclass(frozen=True)
class RiskCoverage:
    """The risk at every coverage that a threshold on the confidence can reach.

    Utterances of equal confidence are kept or dropped together: no threshold separates them.

    Attributes:
        points: One per distinct confidence, from the highest to the lowest; the last keeps all.
    """

    points: tuple[CoveragePoint, ...]

    @property
    def n_utterances(self) -> int:
        """Number of utterances."""
        return self.points[-1].n_kept

    @property
    def area(self) -> float:
        """Area under the curve (AURC), 0 to 1, the lower the better.

        For each utterance the risk among those that are at least as confident, averaged over the
        utterances. A confidence that says nothing gives about the risk at full coverage.

        Source:
            Geifman, Uziel, El-Yaniv, Bias-Reduced Uncertainty Estimation for Deep Neural
            Classifiers, ICLR 2019.
        """
        before = [0, *(point.n_kept for point in self.points)]
        groups = zip(self.points, before, strict=False)
        return math.fsum((p.n_kept - n) * p.risk for p, n in groups) / self.n_utterances

    def at_coverage(self, coverage: float) -> CoveragePoint:
        """Return the point that keeps the fewest utterances, but at least this share of them.

        Args:
            coverage: Share that is wanted, 0 to 1.

        Raises:
            ScoreError: When the share is out of range.
        """
        if not 0 <= coverage <= 1:
            raise ScoreError("the coverage is out of range", given=coverage, accepted="0 to 1")
        return next(point for point in self.points if point.coverage >= coverage)


def risk_coverage_of(predictions: Predictions) -> RiskCoverage:
    """Return the risk at every coverage of a table, all folds together.

    Raises:
        ScoreError: Without rows, with an unknown label, or with invalid probabilities.

    Source:
        El-Yaniv and Wiener, On the Foundations of Noise-free Selective Classification, JMLR 11,
        2010.
    """
    answers = answers_of(predictions)
    levels, places = np.unique(answers.confidence, return_inverse=True)
    kept = np.bincount(places)[::-1].cumsum().tolist()
    wrong = np.bincount(places[~answers.right], minlength=len(levels))[::-1].cumsum().tolist()
    n = len(answers.right)
    return RiskCoverage(
        tuple(
            CoveragePoint(level / ONE, n_kept, n_kept / n, n_wrong / n_kept)
            for level, n_kept, n_wrong in zip(levels[::-1].tolist(), kept, wrong, strict=True)
        )
    )
