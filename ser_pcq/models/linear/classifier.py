"""Linear classifiers over one vector of features per utterance, and ways to fit them."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from ser_pcq.errors import DataError, SerError

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.integer[Any]]

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
        (values,) = logits_of([self], features)
        return values


def logits_of(classifiers: Sequence[LinearClassifier], features: Floats) -> list[Floats]:
    """Return the logits of classifiers with one standardisation: of one fit with several settings.

    Shape:
        features (utterance, feature) to (utterance, class) for each classifier.
    """
    standardised = features - classifiers[0].mean
    standardised /= classifiers[0].scale
    return [standardised @ one.weight.T + one.bias for one in classifiers]


class PartFits(Protocol):
    """Utterances to fit on, but for some of them that are left out."""

    def fit(
        self, parts: Sequence[Integers], settings: Sequence[float]
    ) -> Iterator[list[LinearClassifier]]:
        """Yield for each part the fits on all utterances but these, with each setting.

        Args:
            parts: For each the places of the utterances that are left out, (left out,).
            settings: With which settings.
        """


@dataclass(frozen=True)
class Method(ABC):
    """A way to fit a linear classifier, with the settings to choose from.

    Attributes:
        settings: Values to choose from, the most cautious one first: it wins a tie.
        setting: What the setting is called.
    """

    settings: Sequence[float]
    setting: ClassVar[str]

    @abstractmethod
    def fit_each(
        self,
        features: Floats,
        targets: Integers,
        n_classes: int,
        settings: Sequence[float],
        weights: Floats | None = None,
    ) -> list[LinearClassifier]:
        """Fit with each of these settings; what does not depend on them is computed once.

        Shape:
            features (utterance, feature), finite; targets (utterance,), 0 to `n_classes` - 1. A
            class without an utterance gets `ABSENT_LOGIT` and is never answered. weights
            (utterance,), each above 0: how much each counts; None where all count alike.
        """

    def fit(
        self, features: Floats, targets: Integers, n_classes: int, setting: float
    ) -> LinearClassifier:
        """Fit with one setting; arguments as of `fit_each`.

        Raises:
            SerError: When values, shapes or targets do not fit, or there is only one class.
        """
        return fit_mean({"given": features}, targets, n_classes, self, [setting])

    def part_fits(
        self,
        features: Floats,
        targets: Integers,
        n_classes: int,
        weights: Floats | None = None,
    ) -> PartFits:
        """Return what fits on parts of the utterances; arguments as of `fit_each`.

        What all parts share is computed once, where a method can do that.
        """
        return Subsets(self, features, targets, n_classes, weights)


@dataclass(frozen=True)
class Subsets:
    """Fits on parts one by one: the `PartFits` of every method."""

    method: Method
    features: Floats
    targets: Integers
    n_classes: int
    weights: Floats | None

    def fit(
        self, parts: Sequence[Integers], settings: Sequence[float]
    ) -> Iterator[list[LinearClassifier]]:
        """See `PartFits`."""
        for left_out in parts:
            kept = np.ones(len(self.targets), dtype=bool)
            kept[left_out] = False
            features, targets = self.features[kept], self.targets[kept]
            weights = None if self.weights is None else self.weights[kept]
            yield self.method.fit_each(features, targets, self.n_classes, settings, weights)


def check_features(feature_sets: Mapping[str, Floats], targets: Integers, n_classes: int) -> None:
    """Refuse what cannot be fitted or scored.

    Raises:
        SerError: Without features, or when values, shapes or targets do not fit.
    """
    if not feature_sets:
        raise SerError("no features to choose from", accepted="at least one feature set")
    if not set(targets.tolist()) <= set(range(n_classes)):
        span = f"{targets.min()} to {targets.max()}"
        raise DataError(
            "a target is not one of the classes", given=span, accepted=f"0 to {n_classes - 1}"
        )
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


def refuse_one_class(targets: Integers) -> None:
    """Refuse training utterances of one class.

    Raises:
        DataError: When there are not two.
    """
    if len(np.unique(targets)) < 2:
        raise DataError("all training utterances have the same label", accepted="two labels")


def standardise(features: Floats, weights: Floats | None = None) -> tuple[Floats, Floats, Floats]:
    """Return standardised features, (utterance, feature), with mean and scale, (feature,).

    Args:
        features: (utterance, feature).
        weights: How much each utterance counts, (utterance,); None where all count alike.
    """
    from sklearn.preprocessing import StandardScaler

    scaler, wide = StandardScaler(), features.astype(np.float64)
    scaler.fit(wide, sample_weight=weights)
    return scaler.transform(wide), scaler.mean_, scaler.scale_


def fit_mean(
    feature_sets: Mapping[str, Floats],
    targets: Integers,
    n_classes: int,
    method: Method,
    settings: Sequence[float],
    weights: Floats | None = None,
) -> LinearClassifier:
    """Fit every feature set with every setting and join them to the mean of their logits.

    Args:
        feature_sets: Name to features, each (utterance, feature), finite.
        targets: Class of each utterance, 0 to `n_classes` - 1, (utterance,).
        n_classes: Classes, including those without an utterance.
        method: How to fit.
        settings: With which settings.
        weights: How much each utterance counts, (utterance,); None where all count alike.

    Returns:
        One classifier over the features of all sets, one after the other.

    Raises:
        SerError: When values, shapes or targets do not fit, or there is only one class.
    """
    check_features(feature_sets, targets, n_classes)
    refuse_one_class(targets)
    fits: list[list[LinearClassifier]] = []
    for features in feature_sets.values():
        parts = method.part_fits(features, targets, n_classes, weights)
        fits += parts.fit([np.arange(0)], settings)
    return mean_of(fits)


def mean_of(fits: Sequence[Sequence[LinearClassifier]]) -> LinearClassifier:
    """Join classifiers to the mean of their logits.

    Args:
        fits: For each feature set, those with different settings, as many for each.

    Returns:
        One classifier over the features of all sets, one after the other.
    """
    n_fits = sum(map(len, fits))
    return LinearClassifier(
        # Standardisation does not depend on the setting.
        np.concatenate([of_set[0].mean for of_set in fits]),
        np.concatenate([of_set[0].scale for of_set in fits]),
        np.concatenate([sum(one.weight for one in of_set) / n_fits for of_set in fits], axis=1),
        np.asarray(sum(one.bias for of_set in fits for one in of_set) / n_fits),
    )
