"""Linear classifiers over one vector of features per utterance, and how their setting is chosen.

The set of features and the setting of the method (a support vector machine's cost, a
discriminant's shrinkage) are chosen on speakers that the fit has not heard, so that a test fold is
never asked; or the classifiers of all of them are averaged and nothing is chosen. No random number
is drawn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

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


class Method(Protocol):
    """A way to fit a linear classifier, with the settings to choose from."""

    @property
    def setting(self) -> str:
        """What the setting is called."""

    @property
    def settings(self) -> Sequence[float]:
        """Values to choose from, the most cautious one first: it wins a tie."""

    def fit(
        self, features: Floats, targets: Integers, n_classes: int, setting: float
    ) -> LinearClassifier:
        """Fit with one setting; features (utterance, feature), targets (utterance,)."""

    def logits(self, features: Floats, targets: Integers, others: Floats, n_classes: int) -> Floats:
        """Fit with every setting and score other utterances: (setting, other, class)."""


@dataclass(frozen=True)
class Candidate:
    """A feature set and a setting, with WA and UA on utterances that their fits had not heard."""

    feature_set: str
    setting: float
    wa: float
    ua: float


@dataclass(frozen=True, eq=False)
class Chosen:
    """The best candidate, or the mean of all, fitted, and what spoke for it.

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


def check_features(feature_sets: Mapping[str, Floats], targets: Integers, n_classes: int) -> None:
    """Refuse what cannot be fitted or scored.

    Raises:
        SerError: When there are no features, or values, shapes or targets do not fit.
    """
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


def check_fit(features: Floats, targets: Integers, n_classes: int) -> None:
    """Refuse what one classifier cannot be fitted on.

    Raises:
        SerError: When values, shapes or targets do not fit, or there is only one class.
    """
    check_features({"given": features}, targets, n_classes)
    if len(np.unique(targets)) < 2:
        raise DataError("all training utterances have the same label", accepted="two labels")


def standardise(features: Floats) -> tuple[Floats, Floats, Floats]:
    """Return standardised features, (utterance, feature), with mean and scale, (feature,)."""
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler()
    return scaler.fit_transform(features.astype(np.float64)), scaler.mean_, scaler.scale_


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


def fit_mean(
    feature_sets: Mapping[str, Floats],
    targets: Integers,
    n_classes: int,
    method: Method,
    settings: Sequence[float],
) -> LinearClassifier:
    """Fit every feature set with every setting and join them to the mean of their logits.

    Arguments as of `choose_and_fit`.

    Returns:
        One classifier over the features of all sets, one after the other.

    Raises:
        SerError: When values, shapes or targets do not fit, or there is only one class.
    """
    n_fits = len(feature_sets) * len(settings)
    fits = [
        [method.fit(features, targets, n_classes, setting) for setting in settings]
        for features in feature_sets.values()
    ]
    return LinearClassifier(
        # Standardisation does not depend on the setting.
        np.concatenate([of_set[0].mean for of_set in fits]),
        np.concatenate([of_set[0].scale for of_set in fits]),
        np.concatenate([sum(one.weight for one in of_set) / n_fits for of_set in fits], axis=1),
        np.asarray(sum(one.bias for of_set in fits for one in of_set) / n_fits),
    )


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
    # Sums of equal ratios can differ in their last digit, and a tie must not hang on that.
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
