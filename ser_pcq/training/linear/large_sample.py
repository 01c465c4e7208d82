"""Gauss distributions of many utterances with many features, of which any part can be left out.

What all parts share is summed up once, block by block, and what is left out is taken away again
where it is used. So the work grows with the number of utterances, and the memory with the square of
the features, or with the utterances where they are few.

Products are the most of the work. They, and what is multiplied by them, are of single precision
where shrinkages allow it: their rounding, about 1e-6 of a feature's variance, disappears beside
what a shrinkage adds to each. Means and variances are always of double precision.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from ser_pcq.models.linear.classifier import Floats, Integers
from ser_pcq.training.linear.products import Kind, products_of
from ser_pcq.training.linear.sample import Sample
from ser_pcq.training.linear.shifted import Matrix, solve_shifted

SINGLE = 0.5
"""Shrinkage from which on products are of single precision."""

_BLOCK = 512  # utterances
_ENOUGH = {"f": 3e-6, "d": 1e-10}  # of the right side of a system, what may be left


class LargeSample:
    """What discriminants need to know of utterances.

    Args:
        sample: The utterances.
        single: Whether products are of single precision.

    Attributes:
        sample: The utterances.
        n_utterances, n_features: How many there are.
        kind: Precision of products.
        origin, unit: Zero and length of the values that are multiplied, (feature,).
        varies: Which features are no constant, (feature,).
    """

    def __init__(self, sample: Sample, *, single: bool = False) -> None:
        self.sample = sample
        self._features, self._targets = sample.features, sample.targets
        self._weights = sample.counts
        self.n_utterances, self.n_features = sample.features.shape
        self._counts = np.bincount(sample.targets, minlength=sample.n_classes)
        self._totals = np.bincount(sample.targets, self._weights, minlength=sample.n_classes)
        # Products keep their digits where values lie around the mean of their class, and none of
        # single precision is too large where values are not above 1.
        self._class_means = self._means_of_classes()
        self.origin = self._totals @ self._class_means / self._totals.sum()
        highest, lowest = self._features.max(axis=0), self._features.min(axis=0)
        span = highest.astype(np.float64) - lowest
        self.varies = span > 0
        self.unit = np.where(self.varies, span, 1.0)
        self.kind: Kind = np.dtype(np.float32) if single else np.dtype(np.float64)
        self._products = products_of(self.n_utterances, self.n_features, self.kind)
        self._squares = np.zeros(self.n_features)
        for _, block in self._blocks(np.arange(self.n_utterances)):
            self._products.add(block.astype(self.kind, copy=False))
            self._squares += np.einsum("ij,ij->j", block, block)

    def _means_of_classes(self) -> Matrix:
        """Return the weighted mean of each class, (class, feature); 0 for an absent one."""
        sums = np.zeros((len(self._counts), self.n_features))
        for begin in range(0, self.n_utterances, _BLOCK):
            rows = np.arange(begin, min(begin + _BLOCK, self.n_utterances))
            sums += self._shares(rows, self._weights[rows]) @ self._features[rows]
        means: Matrix = sums / np.where(self._counts > 0, self._totals, 1.0)[:, None]
        return means

    def _shares(self, rows: Integers, values: Floats) -> Matrix:
        """Return a value for each utterance in the row of its class, (class, utterance)."""
        shares = np.zeros((len(self._counts), len(rows)))
        shares[self._targets[rows], np.arange(len(rows))] = values
        return shares

    def _blocks(self, rows: Integers) -> Iterator[tuple[Integers, Matrix]]:
        """Yield utterances in parts, each with its features around the mean of its class.

        They are in their units, and multiplied by the root of the weight, so that products are
        weighted.
        """
        for begin in range(0, len(rows), _BLOCK):
            some = rows[begin : begin + _BLOCK]
            around = self._features[some] - self._class_means[self._targets[some]]
            around /= self.unit
            around *= np.sqrt(self._weights[some])[:, None]
            yield some, around

    def means_around_origin(self) -> Matrix:
        """Return the mean of each class in units from the origin, (class, feature)."""
        means: Matrix = (self._class_means - self.origin) / self.unit
        return means

    def variance(self) -> Matrix:
        """Return the variance of each feature in units, (feature,)."""
        shares = self._totals / self._totals.sum()
        between: Matrix = shares @ self.means_around_origin() ** 2
        variance: Matrix = self._squares / self._totals.sum() + between
        return variance

    def taken(self, left_out: Integers) -> tuple[Floats, Matrix, Matrix]:
        """Return the rows of utterances, (left out, feature), and what is left without them.

        Returns:
            The rows as they are multiplied; the sum of them for each class, (class, feature); and
            the sum of the squares of all others, (feature,).
        """
        rows = np.empty((len(left_out), self.n_features), self.kind)
        sums, squares, begin = np.zeros_like(self._class_means), self._squares.copy(), 0
        for some, block in self._blocks(left_out):
            rows[begin : begin + len(some)] = block
            sums += self._shares(some, np.sqrt(self._weights[some])) @ block
            squares -= np.einsum("ij,ij->j", block, block)
            begin += len(some)
        return rows, sums, squares

    def counts_without(self, left_out: Integers) -> tuple[Integers, Matrix]:
        """Return how many other utterances each class has, and their weights; (class,) each."""
        kept = np.ones(self.n_utterances, dtype=bool)
        kept[left_out] = False
        targets, n_classes = self._targets[kept], len(self._counts)
        totals = np.bincount(targets, self._weights[kept], minlength=n_classes).astype(np.float64)
        return np.bincount(targets, minlength=n_classes), totals

    def without(self, parts: Sequence[Integers]) -> Iterator["LargePart"]:
        """Yield the distributions of all utterances but those of a part, for each part."""
        return (LargePart(self, left_out) for left_out in parts)

    def precisions(
        self, parts: Sequence["LargePart"], shrinkages: Sequence[float]
    ) -> list[list[Floats]]:
        """Return the centres times the inverse of each shrunken covariance, for each part.

        All are found together, since multiplying once by many columns takes little longer than by
        few.

        Returns:
            For each part and shrinkage (class, feature).

        Raises:
            ArithmeticError: When shrinkages are so small that they are not found.
        """
        n_classes = len(self._counts)
        columns = [slice(k * n_classes, (k + 1) * n_classes) for k in range(len(parts))]
        inverses = np.stack([part.inverse for part in parts], axis=1)  # (feature, part)
        shares = inverses / np.array([part.total for part in parts])
        inverse, share = (
            np.repeat(values, n_classes, axis=1).astype(self.kind) for values in (inverses, shares)
        )
        moved = [part.moved.astype(self.kind) for part in parts]

        def covariance(values: Floats) -> Floats:
            products = self._products.times(values * inverse, parts)
            products *= share
            for of_part, here in zip(moved, columns, strict=True):
                products[:, here] -= of_part.T @ (of_part @ values[:, here])
            return products

        right = np.concatenate([part.centres.T for part in parts], axis=1).astype(self.kind)
        sizes = np.repeat([part.size for part in parts], n_classes)
        shifts = np.array([s / (1 - s) * sizes for s in shrinkages if s < 1])
        enough = _ENOUGH[self.kind.char]
        solved: Iterator[Floats] = iter(
            solve_shifted(covariance, right, shifts, enough).astype(np.float64)
            if len(shifts)
            else ()
        )
        rows = [(next(solved) / (1 - s) if s < 1 else right / sizes).T for s in shrinkages]
        return [[of_one[here] for of_one in rows] for here in columns]


class LargePart:
    """The distributions of a part of the utterances, standardised.

    Attributes:
        mean, scale: Of the standardisation, (feature,).
        centres: Class means of standardised features, (class, feature); 0 for an absent class.
        present: Classes with an utterance, (class,).
        size: Mean of the diagonal of the covariance within classes.
        inverse: One over the scale, in units of the sample, (feature,); 0 for a constant.
        moved: Class means around those of the sample, standardised and multiplied by the root of
            the share of the class, (class, feature).
        total: Sum of the weights.
        left_out: Places of the utterances that are no part of it, (left out,).
        removed: Their features, as the sample multiplies them, (left out, feature).
    """

    def __init__(self, sample: LargeSample, left_out: Integers) -> None:
        self.left_out = left_out
        self.removed, sums, squares = sample.taken(left_out)
        counts, totals = sample.counts_without(left_out)
        self.present = counts > 0
        self.total = float(totals.sum())
        shares = totals / self.total
        # How far the class means are from those of the whole sample, in units.
        moved = -sums / np.where(self.present, totals, 1.0)[:, None] * self.present[:, None]
        means = sample.means_around_origin() + moved
        mean = shares @ means
        within = squares / self.total - shares @ moved**2
        variance = within + shares @ (means - mean) ** 2
        # What is left of a constant after subtracting is rounding.
        varies = sample.varies & (variance > 1e-12 * sample.variance())
        scale = np.sqrt(np.where(varies, variance, 1.0))
        # A constant says nothing, and must not bring in its rounding either.
        self.inverse = np.where(varies, 1 / scale, 0.0)
        self.scale = np.where(varies, scale * sample.unit, 1.0)
        self.mean = sample.origin + mean * sample.unit
        self.centres = np.where(self.present[:, None], (means - mean) * self.inverse, 0.0)
        self.moved = np.sqrt(shares)[:, None] * moved * self.inverse
        self.size = max(float((within * self.inverse**2).sum()) / sample.n_features, 1e-12)
