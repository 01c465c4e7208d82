"""The temperature of a model: how it is fitted, and the one place that applies it to logits."""

import math
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ser_pcq.errors import ScoreError

if TYPE_CHECKING:
    from torch import Tensor

Logits = TypeVar("Logits", "Tensor", NDArray[np.float64])


# Temperatures that are searched. Beyond them a softmax is flat or one-hot for all that matters.
LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.1, 10.0

# Weight of the prior towards temperature 1, in utterances.
PRIOR_OBSERVATIONS = 5.0


def calibrated(logits: Logits, temperature: float) -> Logits:
    """Return the logits whose softmax are the calibrated probabilities.

    The order of the classes stays as it is, and so does the decision.

    Args:
        logits: Logits or log-probabilities, which give the same.
        temperature: Above 0; above 1 the probabilities become more alike, below 1 less, and 1
            changes nothing.

    Shape:
        logits (..., class) to the same.

    Source:
        Guo et al., On Calibration of Modern Neural Networks, ICML 2017, section 4.2.
    """
    return logits / temperature


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
) -> float:
    """Return the temperature that makes the targets most probable.

    Minimises the negative log-likelihood of log_softmax(log_probabilities / T) over T in [0.1, 10].
    In 1 / T it is convex, so the minimum that is found is the only one.

    A prior towards T = 1 counts as `prior_observations` further utterances: average ones, whose
    targets are distributed exactly as the model says. Without it, utterances that are all right
    would have no minimum and end at the bound, T = 0.1, however few they are. With it, n utterances
    that are all right divide the expected share of errors by about 1 + n / prior_observations. Five
    were chosen on generated logits of seven classes: with 40 utterances or more the prior adds at
    most a tenth to the small loss that fitting leaves, and with 10 it saves half of it or more.

    Args:
        log_probabilities: Log-probabilities or logits of utterances that were not trained on.
        targets: Index of the right class.
        prior_observations: Weight of the prior, in utterances, from 0 (none).

    Returns:
        The temperature; 1 where no other is better, as for classes that are all equally probable.

    Shape:
        log_probabilities (utterance, class), targets (utterance,).

    Raises:
        ScoreError: Without utterances or classes, when the shapes do not fit, with values that are
            not finite, with targets that are not classes, or with a negative weight of the prior.

    Source:
        Guo et al., On Calibration of Modern Neural Networks, ICML 2017, section 4.2; the prior is
        ours.
    """
    values = np.asarray(log_probabilities, dtype=np.float64)
    right = np.asarray(targets)
    _check_fit(values, right, prior_observations)
    # scipy takes long to import and most commands fit nothing.
    from scipy.optimize import minimize_scalar

    rows = np.arange(len(right))
    expected = np.exp(_log_softmax(values))  # (utterance, class)

    def loss(log_temperature: float) -> float:
        scaled = apply_temperature(values, math.exp(log_temperature))
        prior = -(expected * scaled).sum(axis=-1).mean()
        return float(prior_observations * prior - scaled[rows, right].sum())

    bounds = (math.log(LOWEST_TEMPERATURE), math.log(HIGHEST_TEMPERATURE))
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    # Where the loss is flat the search ends anywhere, and a gain within rounding does not count.
    unchanged = loss(0.0)
    gains = unchanged - found.fun > 1e-9 * max(1.0, abs(unchanged))
    return math.exp(found.x) if gains else 1.0


def _check_fit(
    values: NDArray[np.float64], targets: NDArray[Any], prior_observations: float
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
    if not (math.isfinite(prior_observations) and prior_observations >= 0):
        raise ScoreError(
            "prior_observations is out of range", given=prior_observations, accepted="0 or more"
        )
