"""How far a confidence can be believed: its error, and the bins of it.

The *confidence* of an answer is the probability of the label that was answered. Figures are taken
from probabilities of 6 decimals, as `predictions.csv` holds them, and added up as whole millionths:
a stored table gives the same figures as the one that was written, in any order of its rows.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ser_pcq.errors import ScoreError
from ser_pcq.evaluation.table import Predictions

# Equal-width bins of the confidence, as in the experiments of Guo et al. 2017.
N_BINS = 15

# What a probability of 1 is in units of the last decimal of `predictions.csv`.
ONE = 10**6


@dataclass(frozen=True)
class ReliabilityBin:
    """The utterances whose confidence lies in (low, high].

    Attributes:
        low: Lower end, not included.
        high: Upper end, included.
        count: Number of utterances, 1 or more.
        confidence: Mean confidence, 0 to 1.
        accuracy: Share of right answers, 0 to 1.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """How well the confidences agree with how often the answers are right.

    Attributes:
        ece: Expected calibration error, 0 to 1: the distance between accuracy and mean confidence
            of a bin, averaged over the bins by their counts.
        brier: Brier score, 0 to 2: squared distance between the probabilities and the reference,
            summed over the classes, averaged over the utterances.
        nll: Negative log-likelihood of the reference in nats, averaged over the utterances. A
            probability of 0 counts as half of the last decimal, 5e-7, so at most 14.5.
        n_utterances: Number of utterances.
        bins: Those of the 15 bins that hold utterances, from low to high.
    """

    ece: float
    brier: float
    nll: float
    n_utterances: int
    bins: tuple[ReliabilityBin, ...]


@dataclass(frozen=True)
class Answers:
    """Predictions as arrays.

    Attributes:
        shares: Probabilities in millionths, (utterance, class).
        targets: Index of the reference, (utterance,).
        confidence: Probability of the answer in millionths, (utterance,).
        right: Whether the answer is the reference, (utterance,).
    """

    shares: NDArray[np.int64]
    targets: NDArray[np.int64]
    confidence: NDArray[np.int64]
    right: NDArray[np.bool_]


def answers_of(predictions: Predictions) -> Answers:
    """Return the table as arrays.

    Raises:
        ScoreError: Without rows, with an unknown label, or with invalid probabilities.
    """
    if not predictions.rows:
        raise ScoreError("no utterances to score")
    index = {label: i for i, label in enumerate(predictions.labels)}
    shares, targets, answers = [], [], []
    for row in predictions.rows:
        place = f"utterance {row.utterance_id}"
        for label in (row.reference, row.prediction):
            if label not in index:
                raise ScoreError(
                    f"{place}: unknown label", given=repr(label), accepted=", ".join(index)
                )
        # Rounded as the table is written. NaN fails the comparison.
        rounded = [round(share, 6) for share in row.probabilities]
        if len(rounded) != len(index) or not all(0 <= share <= 1 for share in rounded):
            raise ScoreError(
                f"{place}: the probabilities do not fit",
                given=", ".join(map(str, row.probabilities)) or "none",
                accepted=f"{len(index)} numbers from 0 to 1",
            )
        shares.append([round(share * ONE) for share in rounded])
        targets.append(index[row.reference])
        answers.append(index[row.prediction])
    table, answered = np.array(shares, dtype=np.int64), np.array(answers)
    right = np.array(targets) == answered
    return Answers(table, np.array(targets), table[np.arange(len(table)), answered], right)


def calibration_of(predictions: Predictions) -> Calibration:
    """Measure how far the probabilities of a table can be believed, all folds together.

    Raises:
        ScoreError: Without rows, with an unknown label, or with invalid probabilities.

    Source:
        ECE: Guo et al., On Calibration of Modern Neural Networks, ICML 2017, equation 3, with its
        bins of section 2. Brier score: Brier, Verification of forecasts expressed in terms of
        probability, Monthly Weather Review 78, 1950.
    """
    answers = answers_of(predictions)
    n = len(answers.right)
    # Bin m of M holds ((m - 1) / M, m / M]; in whole numbers no edge is missed by rounding.
    places = np.maximum((answers.confidence * N_BINS - 1) // ONE, 0)
    bins, apart = [], 0
    for place in np.unique(places).tolist():
        inside = places == place
        count, total = int(inside.sum()), int(answers.confidence[inside].sum())
        n_right = int(answers.right[inside].sum())
        apart += abs(ONE * n_right - total)
        edges = (place / N_BINS, (place + 1) / N_BINS)
        bins.append(ReliabilityBin(*edges, count, total / (ONE * count), n_right / count))
    rows = np.arange(n)
    distance = answers.shares.copy()
    distance[rows, answers.targets] -= ONE
    of_reference = answers.shares[rows, answers.targets].tolist()
    return Calibration(
        ece=apart / (ONE * n),
        brier=int((distance**2).sum()) / (ONE**2 * n),
        # fsum, as the result must not depend on the order of the rows.
        nll=math.fsum(math.log(ONE / max(share, 0.5)) for share in of_reference) / n,
        n_utterances=n,
        bins=tuple(bins),
    )
