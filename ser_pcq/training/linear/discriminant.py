"""Linear discriminant analysis with a shrunken covariance, solved in closed form.

Gauss distributions with one covariance for all classes. How features vary *within* an emotion (from
speaker to speaker, from sentence to sentence) is estimated and taken out, which a support vector
machine or a trained linear layer does not do. With more features than utterances the covariance
must be regularised: it is mixed with a multiple of the unit matrix of the same trace.

Sources: Hastie, Tibshirani, Friedman, "The Elements of Statistical Learning", sections 4.3 and
18.3; Friedman, "Regularized Discriminant Analysis", JASA 84, 1989.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ser_pcq.errors import SerError
from ser_pcq.models.linear.classifier import ABSENT_LOGIT, Floats, Integers, LinearClassifier
from ser_pcq.training.linear.large_sample import SINGLE, LargePart, LargeSample
from ser_pcq.training.linear.method import Method, PartFits, Subsets
from ser_pcq.training.linear.sample import Sample

LARGE = 600
"""Utterances, and features, from which on sums over all utterances are cheaper than axes."""

_AT_ONCE = 240e6
"""Bytes that are held of what parts leave out."""

MARGIN = 10.0
"""By how much the logit of a class exceeds another's at its own mean, on average over the pairs.

With more features than utterances the distances that the model believes in are far too large; on
one scale the discriminants of several shrinkages can be averaged, and a temperature has a place to
start from."""


@dataclass(frozen=True, eq=False)
class _Gaussians:
    """The fitted distributions, in coordinates where the covariance is diagonal.

    Attributes:
        mean, scale: Of the standardisation, (feature,).
        centres: Class means of standardised features, (class, feature); 0 for an absent class.
        present: Classes with an utterance, (class,).
        axes: Directions in which utterances differ within a class, (axis, feature), orthonormal.
        variances: Along them, (axis,); 0 in every direction beside them.
    """

    mean: Floats
    scale: Floats
    centres: Floats
    present: NDArray[np.bool_]
    axes: Floats
    variances: Floats

    def precision_times_centres(self, shrinkage: float) -> Floats:
        """Return the centres times the inverse of the shrunken covariance, (class, feature).

        (1 - s) Σ + s t I with t = trace(Σ) / features is diagonal along the axes, and s t beside
        them; no matrix of (feature, feature) is ever made.
        """
        rest = shrinkage * max(float(self.variances.sum()) / self.axes.shape[1], 1e-12)
        gains = 1.0 / ((1 - shrinkage) * self.variances + rest) - 1.0 / rest  # (axis,)
        along: Floats = (self.centres @ self.axes.T * gains) @ self.axes
        beside: Floats = self.centres / rest
        return beside + along


def _classifiers(fitted: _Gaussians | LargePart, rows: Sequence[Floats]) -> list[LinearClassifier]:
    """Return a classifier for each matrix of centres times precision, (class, feature).

    Classes are equally likely; logits are scaled so that the mean margin is `MARGIN`.
    """
    classifiers = []
    for weight in rows:
        bias = -0.5 * (weight * fitted.centres).sum(axis=1)
        known = np.flatnonzero(fitted.present)
        own = fitted.centres[known] @ weight[known].T + bias[known]  # (class mean, class)
        margins = np.diag(own)[:, None] - own
        mean_margin = margins.sum() / max(1, len(known) * (len(known) - 1))
        scale = MARGIN / mean_margin if mean_margin > 1e-12 else 1.0
        bias = np.where(fitted.present, scale * bias, ABSENT_LOGIT)
        classifiers.append(LinearClassifier(fitted.mean, fitted.scale, scale * weight, bias))
    return classifiers


def _gaussians(sample: Sample) -> _Gaussians:
    """Estimate means and the covariance within classes."""
    standardised, mean, scale = sample.standardised()
    targets, shares, present = sample.targets, sample.counts, sample.present
    centres = np.zeros((sample.n_classes, standardised.shape[1]))
    for k in np.flatnonzero(present):
        own = targets == k
        centres[k] = np.average(standardised[own], axis=0, weights=shares[own])
    # Multiplied by the root of the share, its squares sum up to the covariance.
    residuals = (standardised - centres[targets]) * np.sqrt(shares / shares.sum())[:, None]
    n_utterances, n_features = residuals.shape
    if n_features <= n_utterances:
        variances, columns = np.linalg.eigh(residuals.T @ residuals)
        kept = variances > 1e-9 * max(variances.max(), 1e-12)
        return _Gaussians(mean, scale, centres, present, columns.T[kept], variances[kept])
    variances, columns = np.linalg.eigh(residuals @ residuals.T)
    kept = variances > 1e-9 * max(variances.max(), 1e-12)
    axes = columns[:, kept].T @ residuals / np.sqrt(variances[kept])[:, None]
    return _Gaussians(mean, scale, centres, present, axes, variances[kept])


@dataclass(frozen=True)
class _LargeFits:
    """Fits on parts of a large sample: the `PartFits` of discriminants."""

    method: "Discriminant"
    large: LargeSample

    def fit(
        self, parts: Sequence[Integers], settings: Sequence[float]
    ) -> Iterator[list[LinearClassifier]]:
        """See `PartFits`."""
        for some in self._together(parts):
            fitted = list(self.large.without(some))
            try:
                rows = self.large.precisions(fitted, settings)
            except ArithmeticError:  # shrinkages near 0 need the axes themselves
                yield from Subsets(self.method, self.large.sample).fit(some, settings)
                continue
            found = list(map(_classifiers, fitted, rows))
            del fitted, rows  # with what they left out
            yield from found

    def _together(self, parts: Sequence[Integers]) -> Iterator[list[Integers]]:
        """Yield parts, so many at once that what they leave out fits into the memory."""
        some: list[Integers] = []
        most = _AT_ONCE / self.large.n_features / self.large.kind.itemsize
        for part in parts:
            if some and sum(map(len, some)) + len(part) > most:
                yield some
                some = []
            some.append(part)
        yield some


@dataclass(frozen=True)
class Discriminant(Method):
    """Fits linear discriminants; every class is taken as equally likely.

    Args:
        settings: Shrinkages to choose from, above 0 to 1: the share of the unit matrix. At 1 an
            utterance goes to the nearest class mean. They are kept in falling order.

    Raises:
        SerError: Without a shrinkage, or when one is out of range.
    """

    setting: ClassVar[str] = "shrinkage"

    def __post_init__(self) -> None:
        """Check the shrinkages."""
        if not len(self.settings) or not all(0 < s <= 1 for s in self.settings):
            raise SerError(
                "shrinkages are out of range",
                given=list(self.settings),
                accepted="one or more, each above 0 and up to 1",
            )
        object.__setattr__(self, "settings", tuple(sorted(self.settings, reverse=True)))

    def fit_each(self, sample: Sample, settings: Sequence[float]) -> list[LinearClassifier]:
        """Fit with each shrinkage, through one decomposition of the covariance."""
        fitted = _gaussians(sample)
        rows = [fitted.precision_times_centres(shrinkage) for shrinkage in settings]
        return _classifiers(fitted, rows)

    def part_fits(self, sample: Sample) -> PartFits:
        """See `Method`; of many utterances with many features, products are summed up once."""
        if min(sample.features.shape) < LARGE:
            return super().part_fits(sample)
        return _LargeFits(self, LargeSample(sample, single=min(self.settings) >= SINGLE))
