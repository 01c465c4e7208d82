"""Linear support vector machines over one vector of features per utterance: the baseline.

Features are standardised, then one machine is fitted for every pair of classes. The set of features
and the cost of errors are chosen on speakers that the fit has not heard, so that a test fold is
never asked. No random number is drawn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser_pcq.errors import DataError, SerError
from ser_pcq.metrics import Confusion

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.integer[Any]]
Fold = tuple[Integers, Integers]

MAX_INNER_FOLDS = 10
"""More groups than this are pooled into this many inner folds."""

ABSENT_LOGIT = -1e4
"""Logit of a class without a training utterance: never the answer, and finite in half precision."""


@dataclass(frozen=True, eq=False)
class LinearClassifier:
    """One linear map per class on standardised features.

    Attributes:
        mean: Mean of each feature over the training utterances, (feature,).
        scale: Their deviation, 1 where a feature is constant, (feature,).
        weight: (class, feature).
        bias: (class,).
    """

    mean: Floats
    scale: Floats
    weight: Floats
    bias: Floats

    def logits(self, features: Floats) -> Floats:
        """Return one score per class: the higher, the likelier; not calibrated.

        Shape:
            features (utterance, feature) to (utterance, class).
        """
        return (features - self.mean) / self.scale @ self.weight.T + self.bias


@dataclass(frozen=True)
class Candidate:
    """A feature set and a cost, C, with WA and UA on utterances that their fits had not heard."""

    feature_set: str
    cost: float
    wa: float
    ua: float


@dataclass(frozen=True, eq=False)
class Chosen:
    """The best candidate, fitted, and what spoke for it.

    Attributes:
        feature_set: Name of the features that were chosen.
        cost: C that was chosen.
        classifier: Fitted with both on all training utterances.
        candidates: The score of every candidate, feature set by feature set.
        logits: Of the chosen candidate for each utterance that the choice was made on, by a fit
            that has not heard it, (utterance, class); a temperature can be fitted on them. A class
            that such a fit did not know has `ABSENT_LOGIT`: leave out an utterance of it.
    """

    feature_set: str
    cost: float
    classifier: LinearClassifier
    candidates: tuple[Candidate, ...]
    logits: Floats


def _check(
    feature_sets: Mapping[str, Floats], targets: Integers, n_classes: int, costs: Sequence[float]
) -> None:
    """Refuse what cannot be fitted or scored."""
    if not len(costs) or not all(0 < c < np.inf for c in costs):
        raise SerError("costs are out of range", given=list(costs), accepted="one or more above 0")
    if not feature_sets:
        raise SerError("no features to choose from", accepted="at least one feature set")
    if not set(targets.tolist()) <= set(range(n_classes)):
        span = f"{targets.min()} to {targets.max()}"
        raise DataError("a target is no class", given=span, accepted=f"0 to {n_classes - 1}")
    for name, features in feature_sets.items():
        if features.ndim != 2 or len(features) != len(targets) or not features.size:
            raise DataError(
                f"features {name!r} must be one vector for each utterance",
                given=f"shape {features.shape} for {len(targets)} utterances",
            )
        broken = np.flatnonzero(~np.isfinite(features).all(axis=1))
        if broken.size:
            raise DataError(
                f"features {name!r} hold values that are not numbers",
                given=f"{broken.size} of {len(features)} utterances, the first at row {broken[0]}",
                do="leave these utterances out, or compute their features again",
            )


def _standardise(features: Floats) -> tuple[Floats, Floats, Floats]:
    """Return standardised features, (utterance, feature), with mean and scale, (feature,)."""
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler()
    return scaler.fit_transform(features.astype(np.float64)), scaler.mean_, scaler.scale_


def _class_duals(
    gram: Floats, targets: Integers, n_classes: int, c: float
) -> tuple[Floats, Floats]:
    """Fit a machine per pair of classes and join them to one linear map per class.

    The score of a class is the mean of its signed distances from its borders to the other classes;
    a distance is a machine's margin over the length of its weight vector (Vapnik 1995). Bare
    margins must not be added: a pair that is hard to tell apart has a long weight vector and would
    drown all others. Votes (Knerr et al. 1990) are no linear map; on EMO-DB they decide no better.

    Shape:
        gram, inner products of standardised utterances, (utterance, utterance) to the weights of
        the utterances, (class, utterance), and bias, (class,).
    """
    from sklearn.svm import SVC

    present = np.unique(targets)
    maps = np.zeros((n_classes, len(targets) + 1))  # the bias stands last
    maps[~np.isin(np.arange(n_classes), present), -1] = ABSENT_LOGIT
    if len(present) > 1:
        options = {"class_weight": "balanced", "decision_function_shape": "ovo"}
        machines = SVC(C=c, kernel="precomputed", **options).fit(gram, targets)
        # Margins are affine in the products with the training utterances: unit vectors and zeros
        # give the coefficients, in whatever order the library keeps its support vectors.
        probes = np.eye(len(targets) + 1, len(targets))
        margins = machines.decision_function(probes).reshape(len(probes), -1).T  # (pair, probe)
        duals, offset = margins[:, :-1] - margins[:, -1:], margins[:, -1:]
        lengths = np.sqrt(((duals @ gram) * duals).sum(axis=1).clip(min=0))  # (pair,)
        # Of two classes the library calls the second one positive, of more the first of each pair.
        sign = -1.0 if len(present) == 2 else 1.0
        for pair, (first, second) in enumerate(combinations(present, 2)):
            # Without a length the two classes look the same: there is no border to stand off.
            if lengths[pair] > 1e-9:
                machine = np.concatenate([duals[pair], offset[pair]]) * sign / lengths[pair]
                maps[first] += machine / (len(present) - 1)
                maps[second] -= machine / (len(present) - 1)
    return maps[:, :-1], maps[:, -1]


def fit_linear_svm(
    features: Floats, targets: Integers, n_classes: int, *, c: float
) -> LinearClassifier:
    """Fit a linear support vector machine, one against one, classes weighted to count alike.

    The inner products of all utterances are held at once: 8 bytes for each pair of utterances.

    Args:
        features: (utterance, feature), finite.
        targets: Class of each utterance, 0 to `n_classes` - 1, (utterance,).
        n_classes: Classes; one without an utterance gets `ABSENT_LOGIT` and is never answered.
        c: Cost of an error, above 0.

    Raises:
        SerError: When values, shapes or targets do not fit, or there is only one class.
    """
    _check({"given": features}, targets, n_classes, [c])
    if len(np.unique(targets)) < 2:
        raise DataError("all training utterances have the same label", accepted="two labels")
    standardised, mean, scale = _standardise(features)
    duals, bias = _class_duals(standardised @ standardised.T, targets, n_classes, c)
    return LinearClassifier(mean, scale, duals @ standardised, bias)


def _logits_by_cost(
    features: Floats, targets: Integers, others: Floats, n_classes: int, costs: Sequence[float]
) -> Floats:
    """Fit at every cost and score other utterances, through one matrix of inner products.

    Shape:
        features (utterance, feature) and others (other, feature) to (cost, other, class).
    """
    standardised, mean, scale = _standardise(features)
    gram = standardised @ standardised.T
    products = (others - mean) / scale @ standardised.T  # (other, utterance)
    fits = [_class_duals(gram, targets, n_classes, c) for c in costs]
    return np.stack([products @ duals.T + bias for duals, bias in fits])


def _inner_folds(groups: NDArray[Any]) -> list[Fold]:
    """Split utterances into inner folds, as indices of training and held-out utterances."""
    from sklearn.model_selection import GroupKFold

    n_groups = len(np.unique(groups))
    if n_groups < 2:
        raise DataError(
            "choosing features and cost needs two training speakers",
            given=n_groups,
            do="give more speakers, or fix features and cost beforehand",
        )
    splitter = GroupKFold(min(n_groups, MAX_INNER_FOLDS))
    return list(splitter.split(groups, groups=groups))


def _fit_best(
    feature_sets: Mapping[str, Floats],
    targets: Integers,
    folds: Sequence[Fold],
    fitted: Integers,
    n_classes: int,
    costs: Sequence[float],
) -> Chosen:
    """Score every candidate on the held-out utterances and fit the best on those in `fitted`."""
    judged = np.sort(np.concatenate([held_out for _, held_out in folds]))
    references, labels = targets[judged].astype(str), np.arange(n_classes).astype(str)
    scored: dict[Candidate, Floats] = {}
    for name, features in feature_sets.items():
        logits = np.empty((len(costs), len(targets), n_classes))
        for train, held_out in folds:
            logits[:, held_out] = _logits_by_cost(
                features[train], targets[train], features[held_out], n_classes, costs
            )
        for cost, values in zip(costs, logits[:, judged], strict=True):
            confusion = Confusion.from_labels(references, labels[values.argmax(axis=1)], labels)
            wa, ua = confusion.weighted_accuracy, confusion.unweighted_accuracy
            scored[Candidate(name, cost, wa, ua)] = values
    # Sums of equal ratios can differ in their last digit, and a tie must not hang on that.
    best = min(scored, key=lambda k: (-round(k.wa + k.ua, 9), k.cost))
    features = feature_sets[best.feature_set]
    classifier = fit_linear_svm(features[fitted], targets[fitted], n_classes, c=best.cost)
    return Chosen(best.feature_set, best.cost, classifier, tuple(scored), scored[best])


def choose_and_fit(
    feature_sets: Mapping[str, Floats],
    targets: Integers,
    groups: NDArray[Any],
    n_classes: int,
    costs: Sequence[float],
) -> Chosen:
    """Choose features and cost by cross-validation over groups, then fit on everything given.

    On the training side of a fold this is nested cross-validation (Varma and Simon 2006). Mean and
    deviation are fitted inside each inner fold. The highest WA + UA, pooled over the inner folds,
    is taken; of equal ones the smaller cost, then the set named first.

    Args:
        feature_sets: Name to features, each (utterance, feature), finite.
        targets: Class of each utterance, 0 to `n_classes` - 1, (utterance,).
        groups: What is held out together, usually the speaker, (utterance,).
        n_classes: Classes, including those without an utterance.
        costs: C to choose from, each above 0. The best is about 1 to 10 over the number of
            features.

    Raises:
        SerError: When values, shapes or targets do not fit, or there is one class or one group.
    """
    _check(feature_sets, targets, n_classes, costs)
    folds, everything = _inner_folds(groups), np.arange(len(targets))
    return _fit_best(feature_sets, targets, folds, everything, n_classes, costs)


def choose_on(
    feature_sets: Mapping[str, Floats],
    targets: Integers,
    valid_features: Mapping[str, Floats],
    valid_targets: Integers,
    n_classes: int,
    costs: Sequence[float],
) -> Chosen:
    """Choose features and cost by the score on one given set, which is not trained on.

    As `choose_and_fit`, with this set in the place of the inner folds; the logits are its own.

    Raises:
        SerError: When names, values, shapes or targets do not fit, or there is one training class.
    """
    widths, valid_widths = (
        {name: features.shape[1:] for name, features in sets.items()}
        for sets in (feature_sets, valid_features)
    )
    if widths != valid_widths:
        raise DataError("validation has other features", given=valid_widths, accepted=widths)
    joined = {k: np.concatenate([x, valid_features[k]]) for k, x in feature_sets.items()}
    everything = np.concatenate([targets, valid_targets])
    _check(joined, everything, n_classes, costs)
    train, valid = np.split(np.arange(len(everything)), [len(targets)])
    return _fit_best(joined, everything, [(train, valid)], train, n_classes, costs)
