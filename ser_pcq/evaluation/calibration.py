"""How far a confidence can be believed: the temperature that is fitted, and the calibration error.

The *confidence* of an answer is the probability of the label that was answered. Figures are taken
from probabilities of 6 decimals, as `predictions.csv` holds them, and added up as whole millionths:
a stored table gives the same figures as the one that was written, in any order of its rows.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ser_pcq.errors import ScoreError
from ser_pcq.evaluation.table import Predictions
from ser_pcq.models.temperature import calibrated

# Temperatures that are searched. Beyond them a softmax is flat or one-hot for all that matters.
LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.1, 10.0

# Weight of the prior towards temperature 1, in utterances: average ones, whose targets are
# distributed exactly as the model says. Without it, utterances that are all right would have no
# minimum and end at the bound, T = 0.1, however few they are. With it, n utterances that are all
# right divide the expected share of errors by about 1 + n / PRIOR_OBSERVATIONS. Five were chosen on
# generated logits of seven classes: with 40 utterances or more the prior adds at most a tenth to
# the small loss that fitting leaves, and with 10 it saves half of it or more.
PRIOR_OBSERVATIONS = 5.0

# Equal-width bins of the confidence, as in the experiments of Guo et al. 2017.
N_BINS = 15

# What a probability of 1 is in units of the last decimal of `predictions.csv`.
ONE = 10**6


def _log_softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Normalise the last axis to log-probabilities."""
    shifted = values - values.max(axis=-1, keepdims=True)
    normalised: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return normalised


def apply_temperature(log_probabilities: ArrayLike, temperature: float) -> NDArray[np.float64]:
    """Return log_softmax(log_probabilities / temperature).

    Above 1 the probabilities become more alike, below 1 less. The order of the classes is never
    reversed, so the decision stays; neighbours within rounding may become equal.

    Args:
        log_probabilities: Log-probabilities or logits, which give the same.
        temperature: Above 0; 1 changes nothing.

    Shape:
        log_probabilities (..., class) to log-probabilities (..., class).

    Raises:
        ScoreError: When the temperature is not a positive finite number.

    Source:
        Guo et al., On Calibration of Modern Neural Networks, ICML 2017, section 4.2.
    """
    if not (math.isfinite(temperature) and temperature > 0):
        raise ScoreError(
            "the temperature is out of range", given=temperature, accepted="a number above 0"
        )
    values: NDArray[np.float64] = np.asarray(log_probabilities, dtype=np.float64)
    return _log_softmax(calibrated(values, temperature))


def fit_temperature(
    log_probabilities: ArrayLike,
    targets: ArrayLike,
    *,
    prior_observations: float = PRIOR_OBSERVATIONS,
    weights: ArrayLike | None = None,
    log_prior: ArrayLike | None = None,
) -> float:
    """Return the temperature that makes the targets most probable.

    Minimises the negative log-likelihood of log_softmax(log_probabilities / T) over T in [0.1, 10].
    In 1 / T it is convex, so the minimum that is found is the only one.

    A prior towards T = 1 counts as `prior_observations` further utterances.

    Args:
        log_probabilities: Log-probabilities or logits of utterances that were not trained on.
        targets: Index of the right class.
        prior_observations: Weight of the prior, in utterances, from 0 (none).
        weights: How much each utterance counts beside the others; None where all count alike.
        log_prior: What is added to the log-probabilities of each class after they are divided by
            the temperature, (class,); None for nothing.

    Returns:
        The temperature; 1 where no other is better, as for classes that are all equally probable.

    Shape:
        log_probabilities (utterance, class), targets and weights (utterance,).

    Raises:
        ScoreError: Without utterances or classes, when the shapes do not fit, with values that are
            not finite, with targets that are not classes, or with a negative weight.

    Source:
        Guo et al., see `apply_temperature`; the prior is ours.
    """
    values = np.asarray(log_probabilities, dtype=np.float64)
    right = np.asarray(targets)
    counts = np.ones(right.shape) if weights is None else np.asarray(weights, dtype=np.float64)
    _check_fit(values, right, counts, prior_observations)
    shares = counts / counts.sum()
    # scipy takes long to import and most commands fit nothing.
    from scipy.optimize import minimize_scalar

    rows = np.arange(len(right))
    added = np.zeros(values.shape[1]) if log_prior is None else np.asarray(log_prior)
    expected = np.exp(_log_softmax(values + added))  # (utterance, class)

    def loss(log_temperature: float) -> float:
        scaled = _log_softmax(apply_temperature(values, math.exp(log_temperature)) + added)
        prior = -(expected * scaled).sum(axis=-1) @ shares
        seen = scaled[rows, right] @ shares
        return float(prior_observations * prior - len(right) * seen)

    bounds = (math.log(LOWEST_TEMPERATURE), math.log(HIGHEST_TEMPERATURE))
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    # Where the loss is flat the search ends anywhere, and a gain within rounding does not count.
    unchanged = loss(0.0)
    gains = unchanged - found.fun > 1e-9 * max(1.0, abs(unchanged))
    return math.exp(found.x) if gains else 1.0


def _check_fit(
    values: NDArray[np.float64],
    targets: NDArray[Any],
    weights: NDArray[np.float64],
    prior_observations: float,
) -> None:
    """Refuse values on which a temperature cannot be fitted."""
    if values.ndim != 2 or targets.shape != values.shape[:1] or not values.size:
        raise ScoreError(
            "a temperature cannot be fitted on these shapes",
            given=f"log-probabilities {values.shape}, targets {targets.shape}",
            accepted="(utterance, class) and (utterance,), with one utterance or more",
        )
    if not np.isfinite(values).all():
        n_bad = int((~np.isfinite(values).all(axis=1)).sum())
        raise ScoreError(
            "log-probabilities are not finite", given=f"NaN or infinity in {n_bad} utterances"
        )
    n_classes = values.shape[1]
    whole = np.issubdtype(targets.dtype, np.integer)
    if not whole or targets.min() < 0 or targets.max() >= n_classes:
        raise ScoreError(
            "a target is not one of the classes",
            given=f"{targets.dtype} from {targets.min()} to {targets.max()}",
            accepted=f"whole numbers from 0 to {n_classes - 1}",
        )
    if weights.shape != targets.shape or not (np.isfinite(weights) & (weights > 0)).all():
        raise ScoreError(
            "weights are out of range",
            given=f"{weights.shape}, from {weights.min():g}" if weights.size else "none",
            accepted="a number above 0 for each utterance",
        )
    if not (math.isfinite(prior_observations) and prior_observations >= 0):
        raise ScoreError(
            "prior_observations is out of range", given=prior_observations, accepted="0 or more"
        )


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
