"""A linear classifier adapted to labelled recordings, with its own emotions or new ones.

A ridge regression learns what the classifier's scores leave of the labels: so with few recordings
the classifier decides, and with many the recordings do. First its scores are centred on these
recordings, all emotions alike, which takes out how voices, room and line are here. Everything is
solved in closed form, over as many unknowns as there are recordings, and it is linear in the
features: what comes out is a `LinearClassifier` again.

The temperature is fitted on the scores of recordings that are held out, which a ridge regression
gives without being solved again.

The constants were chosen between corpora: on models of one corpus, tested on another one.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ser_pcq.errors import DataError
from ser_pcq.models.linear.classifier import ABSENT_LOGIT, Floats, Integers, LinearClassifier

# How much the classifier's scores vary in units of a label, which is 0 or 1; and the same with one
# speaker, whose other recordings are like these.
_TRUST, _TRUST_OF_ONE = 0.2, 0.1
_ABSENT = 0.1  # added to the score of an emotion without recordings: it may still be there
_NOISE = 0.4  # of the ridge regression, in variances of a recording
_SCALE_PRIOR = 2.0  # recordings; for so many stands the belief that all features vary alike
_USUAL_SHARPNESS = 5.0  # of the softmax over scores
_SHARPNESS_PRIOR = 5.0  # recordings; for so many stands the belief in the usual one
_CAUTION = 0.8  # with several speakers: others differ more from these than those held out
_SHARPNESSES = np.geomspace(0.5, 60.0, 97)


@dataclass(frozen=True, eq=False)
class Learnt:
    """What labelled recordings gave: scores are linear in those of the classifier and in features.

    Attributes:
        gain: The classifier's relative scores are multiplied by it.
        weight: Over features, (class, feature).
        bias: (class,).
    """

    gain: float
    weight: Floats
    bias: Floats


def adapt_to_labels(
    classifier: LinearClassifier,
    places: Integers,
    features: Floats,
    targets: Integers,
    n_classes: int,
    speakers: NDArray[np.str_],
) -> LinearClassifier:
    """Adapt a classifier to labelled recordings.

    Args:
        classifier: All of its classes have been trained; a prior in its bias is lost.
        places: Which class of the new classifier each class of this one is, (class,).
        features: Of the recordings, as the classifier takes them, (recording, feature).
        targets: Their new classes, of two or more, (recording,).
        n_classes: Classes of the new classifier. One without recordings has the classifier's
            scores, or `ABSENT_LOGIT` where it has no scores for it.
        speakers: Who speaks; a speaker is held out whole where there are several, (recording,).

    Returns:
        The new one, calibrated, over the same features without standardisation.

    Raises:
        DataError: When shapes do not fit, values are not numbers, or there is one class only.
    """
    _check(classifier, places, features, targets, n_classes)
    known = np.zeros(n_classes, bool)
    known[places] = True
    features = features.astype(np.float64)
    scores = np.zeros((len(features), n_classes))
    scores[:, places] = classifier.logits(features)
    learnt = learn(scores, known, features, targets, speakers)
    plain = classifier.weight / classifier.scale
    bias = classifier.bias - plain @ classifier.mean
    weight_of_all, bias_of_all = learnt.weight.copy(), learnt.bias.copy()
    weight_of_all[places] += learnt.gain * (plain - plain.mean(axis=0))
    bias_of_all[places] += learnt.gain * (bias - bias.mean())
    bias_of_all[~known & ~np.isin(np.arange(n_classes), targets)] = ABSENT_LOGIT
    nothing = np.zeros(features.shape[1])
    return LinearClassifier(nothing, nothing + 1, weight_of_all, bias_of_all)


def _check(
    classifier: LinearClassifier,
    places: Integers,
    features: Floats,
    targets: Integers,
    n_classes: int,
) -> None:
    """Refuse what does not fit, or is not a number."""
    n, n_features = len(targets), classifier.weight.shape[1]
    fit = features.shape == (n, n_features) and len(places) == len(classifier.weight)
    if not fit or not n or max(*targets, *places) >= n_classes:
        raise DataError(
            "labelled recordings do not fit the classifier",
            given=f"features {features.shape}, {n} labels, {len(places)} classes",
            accepted=f"({n}, {n_features}) and {len(classifier.weight)} classes",
        )
    if not np.isfinite(features).all():
        raise DataError("features hold values that are not numbers")
    if len(np.unique(targets)) < 2:
        raise DataError("all labelled recordings are of one emotion", accepted="two emotions")


def learn(
    scores: Floats,
    known: NDArray[np.bool_],
    features: Floats,
    targets: Integers,
    speakers: NDArray[np.str_],
) -> Learnt:
    """Learn what a classifier's scores leave of the labels.

    Shape:
        scores (recording, class), of which the `known` classes count; known (class,); features
        (recording, feature); targets and speakers (recording,).
    """
    n, n_classes = scores.shape
    counts = np.bincount(targets, minlength=n_classes)
    present, shares = counts > 0, 1 / counts[targets] / (counts > 0).sum()
    is_one = len(np.unique(speakers)) == 1
    base, size = _centred(scores, known, shares)
    gain = (_TRUST_OF_ONE if is_one else _TRUST) / size
    base = gain * base
    # An emotion without recordings is about as far from them as those that a recording is not of.
    level = np.where(present, 0.0, _ABSENT - 1 / present.sum())
    wanted = np.eye(n_classes)[targets] - 1 / present.sum()
    wanted[:, ~present] = (base + level)[:, ~present]
    rest = wanted - base
    rest[:, ~present] = 0.0
    middle = shares @ features
    centred = features - middle
    variances = np.einsum("i,ij,ij->j", shares, centred, centred)
    varied = (n * variances + _SCALE_PRIOR * variances.mean()) / (n + _SCALE_PRIOR)
    scale = np.sqrt(np.maximum(varied, 1e-24))
    centred /= scale  # in place: with a thousand recordings it takes 200 MB
    alike = centred @ centred.T  # (recording, recording)
    alike /= max(float(np.trace(alike)) / n, 1e-12)
    roots = np.sqrt(n * shares)[:, None]
    inverse = np.linalg.inv(roots * alike * roots.T + _NOISE * np.eye(n))
    answers = inverse @ (roots * rest)
    held_out = wanted - _held_out(inverse, answers, speakers) / roots
    sharp = (1.0 if is_one else _CAUTION) * _sharpness(held_out, targets, shares)
    total = max(float(np.vdot(centred, centred)) / n, 1e-12)
    weight = (roots * answers).T @ centred / total / scale
    middles = np.where(known, shares @ _relative(scores, known), 0.0)
    bias = level - weight @ middle - gain * middles
    return Learnt(sharp * gain, sharp * weight, sharp * bias)


def _relative(scores: Floats, known: NDArray[np.bool_]) -> Floats:
    """Take out what all known scores of a recording have in common; 0 for unknown ones."""
    mean = scores[:, known].mean(axis=1, keepdims=True) if known.any() else 0.0
    return np.where(known, scores - mean, 0.0)


def _centred(scores: Floats, known: NDArray[np.bool_], shares: Floats) -> tuple[Floats, float]:
    """Return relative scores around their mean, (recording, class), and how much they vary."""
    relative = _relative(scores, known)
    centred = relative - shares @ relative
    size = np.sqrt((shares @ centred[:, known] ** 2).mean()) if known.any() else 0.0
    return centred, max(float(size), 1e-12)


def _held_out(inverse: Floats, answers: Floats, speakers: NDArray[np.str_]) -> Floats:
    """Return what a ridge regression misses of recordings that it has not heard.

    Shape:
        inverse (recording, recording), answers and what comes out (recording, class).
    """
    names, places = np.unique(speakers, return_inverse=True)
    groups = [np.flatnonzero(places == k) for k in range(len(names))]
    if len(groups) == 1:
        groups = [np.array([k]) for k in range(len(speakers))]
    missed = np.empty_like(answers)
    for rows in groups:
        missed[rows] = np.linalg.solve(inverse[np.ix_(rows, rows)], answers[rows])
    return missed


def _sharpness(scores: Floats, targets: Integers, shares: Floats) -> float:
    """Return by what scores are multiplied so that the right emotions are as likely as they say."""
    losses = []
    for sharp in _SHARPNESSES:
        logits = sharp * (scores - scores.max(axis=1, keepdims=True))
        right = logits[np.arange(len(targets)), targets]
        losses.append(shares @ (np.log(np.exp(logits).sum(axis=1)) - right))
    belief = _SHARPNESS_PRIOR / len(targets) * np.log(_SHARPNESSES / _USUAL_SHARPNESS) ** 2
    return float(_SHARPNESSES[np.argmin(np.array(losses) + belief)])
