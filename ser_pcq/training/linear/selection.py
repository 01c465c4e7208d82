"""Choose the features and the setting of a linear classifier, or average all of them.

The set of features and the setting of the method (a support vector machine's cost, a
discriminant's shrinkage) are chosen on speakers that the fit has not heard, so that a test fold is
never used; or the classifiers of all of them are averaged and nothing is chosen. No random number
is drawn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser_pcq.errors import DataError
from ser_pcq.evaluation.metrics import ratios_of_counts
from ser_pcq.models.linear.classifier import (
    Floats,
    Integers,
    LinearClassifier,
    Method,
    check_features,
    fit_mean,
    logits_of,
    mean_of,
    refuse_one_class,
)
from ser_pcq.training.linear.lazy_sets import LazySets

MAX_INNER_FOLDS = 10
"""More groups than this are pooled into this many inner folds."""


@dataclass(frozen=True)
class Candidate:
    """A feature set and a setting, with WA and UA on utterances that their fits had not heard."""

    feature_set: str
    setting: float
    wa: float
    ua: float


@dataclass(frozen=True, eq=False)
class Chosen:
    """The best candidate, or the mean of all, fitted, and the scores behind it.

    Attributes:
        feature_sets: Names of the features: of the chosen ones, or all that are averaged.
        settings: The setting that was chosen, or all that are averaged.
        classifier: Fitted with both on all training utterances; its features are those of the
            feature sets, one after the other.
        candidates: The score of every candidate, feature set by feature set.
        logits: Of the classifier for each utterance that the choice was made on, by a fit
            that has not heard it, (utterance, class); a temperature can be fitted on them. A class
            that such a fit did not know has `ABSENT_LOGIT`: leave out an utterance of it.
    """

    feature_sets: tuple[str, ...]
    settings: tuple[float, ...]
    classifier: LinearClassifier
    candidates: tuple[Candidate, ...]
    logits: Floats


def _inner_folds(groups: NDArray[Any]) -> list[Integers]:
    """Split utterances into inner folds; return the places of those that each holds out."""
    from sklearn.model_selection import GroupKFold

    n_groups = len(np.unique(groups))
    if n_groups < 2:
        raise DataError(
            "choosing features and setting needs two training speakers",
            given=n_groups,
            do="give more speakers, or one value of each",
        )
    splitter = GroupKFold(min(n_groups, MAX_INNER_FOLDS))
    return [held_out for _, held_out in splitter.split(groups, groups=groups)]


def _fit_best(
    feature_sets: Mapping[str, Floats],
    targets: Integers,
    folds: Sequence[Integers],
    unfitted: Integers,
    n_classes: int,
    method: Method,
    average: bool,
    weights: Floats | None,
) -> Chosen:
    """Score every candidate on the utterances that folds hold out; fit the best, or all.

    Each set of features is held once at a time. The last fit leaves out `unfitted`.
    """
    judged = np.sort(np.concatenate(folds))
    counts = np.ones(len(judged)) if weights is None else weights[judged]
    scored: dict[Candidate, Floats] = {}
    fits: list[list[LinearClassifier]] = []
    left_out = [*folds, unfitted] if average and folds[-1] is not unfitted else folds
    for name, features in feature_sets.items():
        parts = method.part_fits(features, targets, n_classes, weights)
        logits = np.empty((len(method.settings), len(targets), n_classes))
        for place, of_part in enumerate(parts.fit(left_out, method.settings)):
            if place < len(folds):
                logits[:, folds[place]] = logits_of(of_part, features[folds[place]])
        if average:
            fits.append(of_part)  # the last one
        for setting, values in zip(method.settings, logits[:, judged], strict=True):
            wa, ua = _accuracies(targets[judged], values, counts)
            scored[Candidate(name, setting, wa, ua)] = values
        del parts, features
    if average:
        names, settings = tuple(feature_sets), tuple(method.settings)
        held_out_logits: Floats = np.mean(list(scored.values()), axis=0)
    else:
        best = _best(list(scored), method)
        names, settings, held_out_logits = (best.feature_set,), (best.setting,), scored[best]
        parts = method.part_fits(feature_sets[best.feature_set], targets, n_classes, weights)
        fits = list(parts.fit([unfitted], settings))
    return Chosen(names, settings, mean_of(fits), tuple(scored), held_out_logits)


def _accuracies(targets: Integers, logits: Floats, weights: Floats) -> tuple[float, float]:
    """Return WA and UA where utterances count by weights.

    Shape:
        targets and weights (utterance,), logits (utterance, class).
    """
    counts = np.zeros((logits.shape[1], logits.shape[1]))
    np.add.at(counts, (targets, logits.argmax(axis=1)), weights)
    ratios = ratios_of_counts(counts)
    return float(ratios["wa"]), float(ratios["ua"])


def _best(candidates: Sequence[Candidate], method: Method) -> Candidate:
    """Return the best candidate; among equals the most cautious, then the first."""
    caution = {setting: place for place, setting in enumerate(method.settings)}
    # Sums of equal ratios can differ in their last digit, which must not decide a tie.
    return min(candidates, key=lambda k: (-round(k.wa + k.ua, 9), caution[k.setting]))


def choose_and_fit(
    feature_sets: Mapping[str, Floats],
    targets: Integers,
    groups: NDArray[Any],
    n_classes: int,
    method: Method,
    *,
    average: bool = False,
    weights: Floats | None = None,
) -> Chosen:
    """Choose features and setting by cross-validation over groups, then fit on everything given.

    Every candidate is fitted with one group after the other held out and judged by WA + UA, pooled
    over these inner folds; among equals the more cautious setting, then the earlier feature set.
    Equal input gives an equal result.

    Args:
        feature_sets: Name to features, each (utterance, feature), finite.
        targets: Class of each utterance, 0 to `n_classes` - 1, (utterance,).
        groups: What is held out together, usually the speaker, (utterance,).
        n_classes: Classes, including those without an utterance.
        method: How to fit.
        average: Choose nothing, and take the mean of the logits of all candidates. Where nothing
            is to be chosen one group is enough; there are then no held-out logits.
        weights: How much each utterance counts, in fits and scores, (utterance,); None where all
            count alike.

    Raises:
        SerError: When values, shapes or targets do not fit, or there is one class or one group.
    """
    check_features(feature_sets, targets, n_classes)
    if len(np.unique(groups)) < 2 and (average or len(feature_sets) * len(method.settings) == 1):
        settings = tuple(method.settings)
        classifier = fit_mean(feature_sets, targets, n_classes, method, settings, weights)
        return Chosen(tuple(feature_sets), settings, classifier, (), np.empty((0, n_classes)))
    refuse_one_class(targets)
    folds, nothing = _inner_folds(groups), np.arange(0)
    return _fit_best(feature_sets, targets, folds, nothing, n_classes, method, average, weights)


def choose_on(
    feature_sets: Mapping[str, Floats],
    targets: Integers,
    valid_features: Mapping[str, Floats],
    valid_targets: Integers,
    n_classes: int,
    method: Method,
    *,
    average: bool = False,
    weights: Floats | None = None,
    valid_weights: Floats | None = None,
) -> Chosen:
    """Choose by the score on one given set, which is not trained on.

    As `choose_and_fit`, with this set in the place of the inner folds; the logits are its own.
    """
    widths, valid_widths = (
        {name: features.shape[1:] for name, features in sets.items()}
        for sets in (feature_sets, valid_features)
    )
    if widths != valid_widths:
        raise DataError("validation has other features", given=valid_widths, accepted=widths)
    joined = LazySets(
        feature_sets, lambda name: np.concatenate([feature_sets[name], valid_features[name]])
    )
    everything = np.concatenate([targets, valid_targets])
    check_features(joined, everything, n_classes)
    refuse_one_class(targets)
    valid = np.arange(len(targets), len(everything))
    both = None
    if weights is not None and valid_weights is not None:
        both = np.concatenate([weights, valid_weights])
    return _fit_best(joined, everything, [valid], valid, n_classes, method, average, both)
