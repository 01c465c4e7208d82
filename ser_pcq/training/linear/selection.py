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
from ser_pcq.evaluation.metrics import Confusion
from ser_pcq.models.linear.classifier import (
    Floats,
    Integers,
    LinearClassifier,
    Method,
    check_features,
    fit_mean,
)

Fold = tuple[Integers, Integers]

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


def _inner_folds(groups: NDArray[Any]) -> list[Fold]:
    """Split utterances into inner folds, as indices of training and held-out utterances."""
    from sklearn.model_selection import GroupKFold

    n_groups = len(np.unique(groups))
    if n_groups < 2:
        raise DataError(
            "choosing features and setting needs two training speakers",
            given=n_groups,
            do="give more speakers, or one value of each",
        )
    splitter = GroupKFold(min(n_groups, MAX_INNER_FOLDS))
    return list(splitter.split(groups, groups=groups))


def _fit_best(
    feature_sets: Mapping[str, Floats],
    targets: Integers,
    folds: Sequence[Fold],
    fitted: Integers,
    n_classes: int,
    method: Method,
    average: bool,
) -> Chosen:
    """Score every candidate on the held-out utterances; fit the best, or all, on `fitted`."""
    judged = np.sort(np.concatenate([held_out for _, held_out in folds]))
    references, labels = targets[judged].astype(str), np.arange(n_classes).astype(str)
    scored: dict[Candidate, Floats] = {}
    for name, features in feature_sets.items():
        logits = np.empty((len(method.settings), len(targets), n_classes))
        for train, held_out in folds:
            logits[:, held_out] = method.logits(
                features[train], targets[train], features[held_out], n_classes
            )
        for setting, values in zip(method.settings, logits[:, judged], strict=True):
            confusion = Confusion.from_labels(references, labels[values.argmax(axis=1)], labels)
            wa, ua = confusion.weighted_accuracy, confusion.unweighted_accuracy
            scored[Candidate(name, setting, wa, ua)] = values
    if average:
        names, settings = tuple(feature_sets), tuple(method.settings)
        held_out_logits: Floats = np.mean(list(scored.values()), axis=0)
    else:
        best = _best(list(scored), method)
        names, settings, held_out_logits = (best.feature_set,), (best.setting,), scored[best]
    chosen = {name: feature_sets[name][fitted] for name in names}
    classifier = fit_mean(chosen, targets[fitted], n_classes, method, settings)
    return Chosen(names, settings, classifier, tuple(scored), held_out_logits)


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

    Raises:
        SerError: When values, shapes or targets do not fit, or there is one class or one group.
    """
    check_features(feature_sets, targets, n_classes)
    everything = np.arange(len(targets))
    if len(np.unique(groups)) < 2 and (average or len(feature_sets) * len(method.settings) == 1):
        settings = tuple(method.settings)
        classifier = fit_mean(feature_sets, targets, n_classes, method, settings)
        return Chosen(tuple(feature_sets), settings, classifier, (), np.empty((0, n_classes)))
    folds = _inner_folds(groups)
    return _fit_best(feature_sets, targets, folds, everything, n_classes, method, average)


def choose_on(
    feature_sets: Mapping[str, Floats],
    targets: Integers,
    valid_features: Mapping[str, Floats],
    valid_targets: Integers,
    n_classes: int,
    method: Method,
    *,
    average: bool = False,
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
    joined = {k: np.concatenate([x, valid_features[k]]) for k, x in feature_sets.items()}
    everything = np.concatenate([targets, valid_targets])
    check_features(joined, everything, n_classes)
    train, valid = np.split(np.arange(len(everything)), [len(targets)])
    return _fit_best(joined, everything, [(train, valid)], train, n_classes, method, average)
