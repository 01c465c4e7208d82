"""Choose the features and the setting of a linear classifier, or average all of them.

The set of features and the setting of the method (a support vector machine's cost, a
discriminant's shrinkage) are chosen on speakers that the fit has not heard, so that a test fold is
never used; or the classifiers of all of them are averaged and nothing is chosen. No random number
is drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser_pcq.errors import DataError
from ser_pcq.evaluation.metrics import ratios_of_counts
from ser_pcq.models.linear.classifier import Floats, Integers, LinearClassifier, logits_of
from ser_pcq.training.linear.method import Method, fit_mean, mean_of
from ser_pcq.training.linear.sample import SampleSets, refuse_one_class

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
    sets: SampleSets,
    folds: Sequence[Integers],
    unfitted: Integers,
    method: Method,
    average: bool,
) -> Chosen:
    """Score every candidate on the utterances that folds hold out; fit the best, or all.

    Each set of features is held once at a time. The last fit leaves out `unfitted`.
    """
    judged = np.sort(np.concatenate(folds))
    targets = sets.targets[judged]
    counts = np.ones(len(judged)) if sets.weights is None else sets.weights[judged]
    scored: dict[Candidate, Floats] = {}
    fits: list[list[LinearClassifier]] = []
    left_out = [*folds, unfitted] if average and folds[-1] is not unfitted else folds
    for name in sets.feature_sets:
        sample = sets.sample(name)
        logits = np.empty((len(method.settings), len(sets.targets), sets.n_classes))
        parts = method.part_fits(sample).fit(left_out, method.settings)
        for place, of_part in enumerate(parts):
            if place < len(folds):
                logits[:, folds[place]] = logits_of(of_part, sample.features[folds[place]])
        if average:
            fits.append(of_part)  # the last one
        for setting, values in zip(method.settings, logits[:, judged], strict=True):
            scored[Candidate(name, setting, *_accuracies(targets, values, counts))] = values
        del parts, sample
    if average:
        names, settings = tuple(sets.feature_sets), tuple(method.settings)
        held_out_logits: Floats = np.mean(list(scored.values()), axis=0)
    else:
        best = _best(list(scored), method)
        names, settings, held_out_logits = (best.feature_set,), (best.setting,), scored[best]
        parts = method.part_fits(sets.sample(best.feature_set)).fit([unfitted], settings)
        fits = list(parts)
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


def choose_and_fit(sets: SampleSets, method: Method, *, average: bool = False) -> Chosen:
    """Choose features and setting by cross-validation over groups, then fit on everything given.

    Every candidate is fitted with one group after the other held out and judged by WA + UA, pooled
    over these inner folds; among equals the more cautious setting, then the earlier feature set.
    Utterances count by their weights, in fits and scores. Equal input gives an equal result.

    Args:
        sets: The training utterances.
        method: How to fit.
        average: Choose nothing, and take the mean of the logits of all candidates. Where nothing
            is to be chosen one group is enough; there are then no held-out logits.

    Raises:
        SerError: When values, shapes or targets do not fit, or there is one class or one group.
    """
    sets.check()
    one_candidate = len(sets.feature_sets) * len(method.settings) == 1
    if len(np.unique(sets.groups)) < 2 and (average or one_candidate):
        names, settings = tuple(sets.feature_sets), tuple(method.settings)
        classifier = fit_mean(sets, method, settings)
        return Chosen(names, settings, classifier, (), np.empty((0, sets.n_classes)))
    refuse_one_class(sets.targets)
    return _fit_best(sets, _inner_folds(sets.groups), np.arange(0), method, average)


def choose_on(
    train: SampleSets, valid: SampleSets, method: Method, *, average: bool = False
) -> Chosen:
    """Choose by the score on one given set, which is not trained on.

    As `choose_and_fit`, with this set in the place of the inner folds; the logits are its own.
    """
    joined = train.followed_by(valid)
    joined.check()
    refuse_one_class(train.targets)
    held_out = np.arange(len(train.targets), len(joined.targets))
    return _fit_best(joined, [held_out], held_out, method, average)
