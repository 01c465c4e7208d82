"""A linear classifier adapted to one voice through one microphone, without labels.

How a voice is usually is taken out of its scores: each emotion's score is centred and scaled over
the speaker's own recordings. The centre is that of all emotions alike, so that a speaker who is
mostly neutral keeps neutral. Then the classifier learns from its own answers on these recordings.
Every step is linear in the features: what comes out is a `LinearClassifier` again.

Nothing is done where the recordings differ from one another no more than those of one emotion do:
what is usual for this voice cannot be told from what this one emotion sounds like.

The constants were chosen between corpora: on models of one corpus, tested on another one.
"""

from dataclasses import dataclass

import numpy as np

from ser_pcq.errors import DataError, SerError
from ser_pcq.models.linear.classifier import ABSENT_LOGIT, Floats, LinearClassifier

LEAST = 8
"""Recordings; how much fewer differ from one another cannot be told."""

ONE_EMOTION = 1.25
"""Recordings that differ by less than this, measured by `spread_of`, may be of one emotion."""

_DIRECTIONS = 4  # of the largest differences, over which `spread_of` takes the mean
_CENTRE_PRIOR = 2.0  # recordings; for so many stands the belief that the voice is like others
_SCALE_PRIOR = 10.0  # recordings; the same for the belief that all scores vary alike
_SCALE_POWER = 0.75  # 1 would make the scores of all emotions vary alike
_SHARPNESS = 0.4  # temperature of the shares by which the centre is found
_NOISE = 1.0  # of the ridge regression on its own answers, in variances of a recording
_ANSWER_SHARPNESS = 0.5  # temperature of the answers from which it learns
_OWN_HALF = 100.0  # recordings; with so many, its own answers count half of what they can
_TEMPERATURE = 0.86  # of adapted scores
_CENTRE_ROUNDS, _ANSWER_ROUNDS = 5, 6


@dataclass(frozen=True, eq=False)
class OwnVoice:
    """What a speaker's recordings gave.

    Attributes:
        classifier: The adapted classifier, calibrated: its temperature is 1. None where nothing
            was done, because there were too few recordings or they may be of one emotion.
        n_recordings: How many there were.
        spread: How much they differ; 1 is as much as recordings of one emotion. NaN for too few,
            and where it is not known how much these differ.
    """

    classifier: LinearClassifier | None
    n_recordings: int
    spread: float


def adapt(
    classifier: LinearClassifier,
    features: Floats,
    within: Floats | None,
    by_voice: LinearClassifier | None = None,
) -> OwnVoice:
    """Adapt a classifier to a speaker's own recordings, whose emotions are not known.

    Args:
        classifier: All classes have been trained; a prior in its bias is lost, add it again.
        features: Of the recordings, as the classifier takes them, (recording, feature).
        within: See `within_emotions`, (class, class). Without it nobody can tell whether there is
            one emotion alone, and something is always done; and adapted scores vary as much as
            those of the classifier do, which should then be calibrated.
        by_voice: The same, but trained on features from which each speaker's mean was taken, and
            the mean over speakers added: it is adapted in the other's place. It leaves out what
            differs between speakers and corpora, which no longer matters here.

    Raises:
        DataError: When shapes do not fit, or values are not numbers.
    """
    adapted = classifier if by_voice is None else by_voice
    for one in (classifier, adapted):
        _check(one, features, within)
    n, plain = len(features), classifier.logits(features.astype(np.float64))
    spread = float("nan") if n < LEAST or within is None else spread_of(plain, within)
    if n < LEAST or spread < ONE_EMOTION:
        return OwnVoice(None, n, spread)
    logits = adapted.logits(features.astype(np.float64))
    centre, scale = _centre_and_scale(logits)
    centre = centre * n / (n + _CENTRE_PRIOR)
    scale = scale * _size((logits - centre) / scale)
    standardised = (features - adapted.mean) / adapted.scale
    middle = standardised.mean(axis=0)
    amount = n / (n + _OWN_HALF)
    own = amount * _own_answers((logits - centre) / scale, standardised - middle)
    weight = adapted.weight / scale[:, None] + own
    bias = (adapted.bias - centre) / scale - own @ middle
    if within is None:
        sure = np.sqrt(_variance(plain) / max(_variance(standardised @ weight.T), 1e-12))
    else:
        differences = _variance(plain) / np.trace(_relative(_relative(within).T))
        # Clearer differences make surer answers; what is learnt from them adds to the scores.
        sure = np.sqrt(differences) / (_TEMPERATURE * (1 + amount))
    found = LinearClassifier(adapted.mean, adapted.scale, sure * weight, sure * bias)
    return OwnVoice(found, n, spread)


def _check(classifier: LinearClassifier, features: Floats, within: Floats | None) -> None:
    """Refuse what does not fit a classifier, or is not a number."""
    n_classes, n_features = classifier.weight.shape
    within = np.zeros((n_classes, n_classes)) if within is None else within
    if features.ndim != 2 or features.shape[1] != n_features or within.shape != (n_classes,) * 2:
        raise DataError(
            "recordings or statistics do not fit the classifier",
            given=f"features {features.shape}, statistics {within.shape}",
            accepted=f"(recording, {n_features}) and ({n_classes}, {n_classes})",
        )
    if not np.isfinite(features).all() or not np.isfinite(within).all():
        raise DataError("features or statistics hold values that are not numbers")


def within_emotions(groups: list[Floats]) -> Floats:
    """Return how scores vary among recordings of one speaker and one emotion, (class, class).

    Args:
        groups: The logits of each speaker's recordings of each emotion, (recording, class), from
            a classifier that was not trained on this speaker. Groups of one do not count, nor do
            the `ABSENT_LOGIT`s of classes that this classifier did not know.

    Raises:
        SerError: Without a group of two.
    """
    groups = [one for one in groups if len(one) > 1]
    if not groups:
        raise SerError(
            "how scores vary within an emotion cannot be told",
            given="groups of one recording",
            accepted="two recordings of one emotion by one speaker",
        )
    n_classes = groups[0].shape[1]
    total, n = np.zeros((2, n_classes, n_classes))
    for one in groups:
        known = (one > ABSENT_LOGIT).all(axis=0)
        pairs = np.outer(known, known)
        total[pairs] += np.cov(one.T)[pairs]
        n += pairs
    # Classes that no classifier knew together are taken to vary apart.
    variances, axes = np.linalg.eigh(total / np.maximum(n, 1))
    # Means over different groups need not be a covariance.
    return np.asarray((axes * np.maximum(variances, 0)) @ axes.T)


def spread_of(logits: Floats, within: Floats) -> float:
    """Return how much recordings differ; 1 is as much as recordings of one emotion do.

    It is the geometric mean, over the four directions in which they differ most, of the deviation
    in units of that within an emotion. What all scores have in common does not count.

    Shape:
        logits (recording, class), within (class, class).
    """
    variances, axes = np.linalg.eigh(_relative(_relative(within).T))
    kept = variances > 1e-6 * variances.max()
    whitened = _relative(logits) @ (axes[:, kept] / np.sqrt(variances[kept]))
    largest = np.linalg.eigvalsh(np.atleast_2d(np.cov(whitened.T)))[::-1][:_DIRECTIONS]
    return float(np.exp(0.5 * np.log(np.maximum(largest, 1e-6)).mean()))


def _relative(logits: Floats) -> Floats:
    """Take out what all scores of a recording have in common; (..., class) to the same."""
    return np.asarray(logits - logits.mean(axis=-1, keepdims=True))


def _variance(logits: Floats) -> float:
    """Return how much the relative logits of recordings vary, summed over classes."""
    return float(np.trace(np.cov(_relative(logits).T)))


def _size(scores: Floats) -> float:
    """Return the root of the mean square of relative scores."""
    return max(float(np.sqrt((_relative(scores) ** 2).mean())), 1e-12)


def _shares(scores: Floats, temperature: float) -> Floats:
    """Softmax over classes, then over the recordings of each class: (recording, class)."""
    e = np.exp((scores - scores.max(axis=1, keepdims=True)) / temperature)
    # A class that nobody answers would be all noise.
    answers = e / e.sum(axis=1, keepdims=True) + 1e-3
    return np.asarray(answers / answers.sum(axis=0))


def _centre_and_scale(logits: Floats) -> tuple[Floats, Floats]:
    """Return where the scores of all emotions alike have their centre, and a scale, (class,)."""
    n, variances = len(logits), logits.var(axis=0)
    shrunken = (n * variances + _SCALE_PRIOR * variances.mean()) / (n + _SCALE_PRIOR)
    scale = np.maximum(shrunken, 1e-12) ** (_SCALE_POWER / 2)
    centre = logits.mean(axis=0)
    for _ in range(_CENTRE_ROUNDS):
        scores = (logits - centre) / scale
        of_emotions = _shares(scores, _SHARPNESS * _size(scores)).T @ logits  # (emotion, class)
        centre = of_emotions.mean(axis=0)
    return np.asarray(centre), np.asarray(scale)


def _own_answers(scores: Floats, features: Floats) -> Floats:
    """Return what a ridge regression learns from the classifier's answers, (class, feature).

    Shape:
        scores (recording, class), features (recording, feature), centred.
    """
    n = len(features)
    alike = features @ features.T  # (recording, recording)
    size = max(float(np.trace(alike)) / n, 1e-12)
    smoothing = np.linalg.inv(alike / size + _NOISE * np.eye(n))
    amount, learnt = n / (n + _OWN_HALF), np.zeros_like(scores)
    weights = learnt
    for _ in range(_ANSWER_ROUNDS):
        targets = n * _shares(scores + amount * learnt, _ANSWER_SHARPNESS)
        weights = _relative(smoothing @ (targets - targets.mean(axis=0)))
        learnt = alike @ weights
        weights = weights / _size(learnt)
        learnt = alike @ weights
    return np.asarray(weights.T @ features)
