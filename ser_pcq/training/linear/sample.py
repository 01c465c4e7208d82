"""Labelled utterances as arrays: what linear recognizers are fitted on, chosen on and judged by."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser_pcq.errors import DataError, SerError
from ser_pcq.models.linear.classifier import Floats, Integers
from ser_pcq.training.linear.lazy_sets import LazySets

Rows = Integers | NDArray[np.bool_] | slice
"""Utterances by their places, by a mask, or one after the other."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Labelled utterances, each with one vector of features.

    Attributes:
        features: (utterance, feature), finite.
        targets: Class of each utterance, 0 to `n_classes` - 1, (utterance,).
        n_classes: Classes, including those without an utterance.
        weights: How much each utterance counts, above 0, (utterance,); None where all count alike.
    """

    features: Floats
    targets: Integers
    n_classes: int
    weights: Floats | None = None

    def rows(self, rows: Rows) -> "Sample":
        """Return some of the utterances."""
        weights = None if self.weights is None else self.weights[rows]
        return Sample(self.features[rows], self.targets[rows], self.n_classes, weights)

    def without(self, left_out: Integers) -> "Sample":
        """Return all utterances but those at these places."""
        kept = np.ones(len(self.targets), dtype=bool)
        kept[left_out] = False
        return self.rows(kept)

    @property
    def present(self) -> NDArray[np.bool_]:
        """Which classes have an utterance, (class,)."""
        return np.isin(np.arange(self.n_classes), self.targets)

    @property
    def counts(self) -> Floats:
        """How much each utterance counts, (utterance,)."""
        return np.ones(len(self.targets)) if self.weights is None else self.weights

    def standardised(self) -> tuple[Floats, Floats, Floats]:
        """Return standardised features, (utterance, feature), with mean and scale, (feature,)."""
        from sklearn.preprocessing import StandardScaler

        scaler, wide = StandardScaler(), self.features.astype(np.float64)
        scaler.fit(wide, sample_weight=self.weights)
        return scaler.transform(wide), scaler.mean_, scaler.scale_


@dataclass(frozen=True, eq=False)
class SampleSets:
    """Labelled utterances with several sets of features.

    Attributes:
        feature_sets: Name to features, each (utterance, feature), finite. They are asked for one
            after the other, since all at once may be more than memory holds.
        targets: Class of each utterance, 0 to `n_classes` - 1, (utterance,).
        groups: What is held out together when something is chosen, usually the speaker,
            (utterance,).
        n_classes: Classes, including those without an utterance.
        weights: How much each utterance counts, above 0, (utterance,); None where all count alike.
    """

    feature_sets: Mapping[str, Floats]
    targets: Integers
    groups: NDArray[Any]
    n_classes: int
    weights: Floats | None = None

    def sample(self, name: str) -> Sample:
        """Return the utterances with the features of one set."""
        return Sample(self.feature_sets[name], self.targets, self.n_classes, self.weights)

    def only(self, names: Collection[str]) -> "SampleSets":
        """Return the same utterances with some of the sets."""
        return replace(self, feature_sets=LazySets(names, lambda name: self.feature_sets[name]))

    def followed_by(self, others: "SampleSets") -> "SampleSets":
        """Return these utterances and then others.

        Raises:
            DataError: When the others have other features.
        """
        widths, other_widths = (
            {name: sets.feature_sets[name].shape[1:] for name in sets.feature_sets}
            for sets in (self, others)
        )
        if widths != other_widths:
            raise DataError("validation has other features", given=other_widths, accepted=widths)
        weights = None
        if self.weights is not None and others.weights is not None:
            weights = np.concatenate([self.weights, others.weights])

        def joined(name: str) -> Floats:
            return np.concatenate([self.feature_sets[name], others.feature_sets[name]])

        return SampleSets(
            LazySets(self.feature_sets, joined),
            np.concatenate([self.targets, others.targets]),
            np.concatenate([self.groups, others.groups]),
            self.n_classes,
            weights,
        )

    def check(self) -> None:
        """Refuse what cannot be fitted or scored.

        Raises:
            SerError: Without features, or when values, shapes or targets do not fit.
        """
        targets, n_classes = self.targets, self.n_classes
        if not self.feature_sets:
            raise SerError("no features to choose from", accepted="at least one feature set")
        if not set(targets.tolist()) <= set(range(n_classes)):
            span = f"{targets.min()} to {targets.max()}"
            raise DataError(
                "a target is not one of the classes", given=span, accepted=f"0 to {n_classes - 1}"
            )
        for name in self.feature_sets:
            _check_features(name, self.feature_sets[name], len(targets))


def _check_features(name: str, features: Floats, n_utterances: int) -> None:
    """Refuse a set of features that does not fit the utterances, or holds no numbers.

    Raises:
        DataError: For one of these.
    """
    if features.ndim != 2 or len(features) != n_utterances or not features.size:
        raise DataError(
            f"features {name!r} must be one vector for each utterance",
            given=f"shape {features.shape} for {n_utterances} utterances",
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
