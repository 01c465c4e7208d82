"""Gauss distributions of many utterances with many features, of which any part can be left out.

The products of all features with one another are summed up once, block by block, and what is left
out is taken away again where they are used. So the work grows with the number of utterances, and
the memory with the square of the features.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ser_pcq.models.linear.classifier import Floats, Integers
from ser_pcq.training.linear.shifted import solve_shifted

Matrix = NDArray[np.float64]

_BLOCK = 1024  # utterances


class LargeSample:
    """What discriminants need to know of utterances.

    Args:
        features: (utterance, feature).
        targets: Class of each utterance, (utterance,).
        n_classes: Classes, including those without an utterance.
        weights: How much each utterance counts, (utterance,); None where all count alike.

    Attributes:
        given: The arguments.
        n_utterances, n_features: How many there are.
    """

    def __init__(
        self,
        features: Floats,
        targets: Integers,
        n_classes: int,
        weights: Floats | None = None,
    ) -> None:
        from scipy.linalg.blas import dsyrk

        self.given = features, targets, n_classes, weights
        self._features, self._targets = features, targets
        self._weights = np.ones(len(targets)) if weights is None else weights
        self.n_utterances, self.n_features = features.shape
        # Sums of squares keep their digits where values lie around 0.
        self._origin = features.mean(axis=0, dtype=np.float64)
        self._counts = np.bincount(targets, minlength=n_classes)
        self._sums = np.zeros((n_classes, self.n_features))
        products = np.zeros((self.n_features, self.n_features), order="F")
        for rows, block in self._blocks(np.arange(self.n_utterances)):
            products = dsyrk(1.0, block.T, beta=1.0, c=products, overwrite_c=1)
            np.add.at(self._sums, targets[rows], self._roots(rows) * block)
        self._products = _both_halves(products)

    def _roots(self, rows: Integers) -> Matrix:
        """Return the roots of the weights of utterances, (utterance, 1)."""
        roots: Matrix = np.sqrt(self._weights[rows])[:, None]
        return roots

    def _blocks(self, rows: Integers) -> Iterator[tuple[Integers, Matrix]]:
        """Yield utterances in parts, each with its features around the origin.

        They are multiplied by the root of the weight, so that products are weighted.
        """
        for begin in range(0, len(rows), _BLOCK):
            some = rows[begin : begin + _BLOCK]
            around = self._features[some].astype(np.float64) - self._origin
            yield some, self._roots(some) * around

    def totals(self, rows: Integers) -> Matrix:
        """Return the sum of the weights of utterances for each class, (class,)."""
        totals = np.zeros(len(self._counts))
        np.add.at(totals, self._targets[rows], self._weights[rows])
        return totals

    def without(self, parts: Sequence[Integers]) -> Iterator["LargePart"]:
        """Yield the distributions of all utterances but those of a part, for each part."""
        return (LargePart(self, left_out) for left_out in parts)

    def precisions(
        self, parts: Sequence["LargePart"], shrinkages: Sequence[float]
    ) -> list[list[Matrix]]:
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

        def covariance(values: Matrix) -> Matrix:
            own = [values[:, here] for here in columns]
            scaled = [part.scaled(here) for part, here in zip(parts, own, strict=True)]
            products = self._products @ np.concatenate(scaled, axis=1)
            each = zip(parts, own, scaled, columns, strict=True)
            return np.concatenate(
                [part.covariance(o, s, products[:, here]) for part, o, s, here in each], axis=1
            )

        right = np.concatenate([part.centres.T for part in parts], axis=1)
        sizes = np.repeat([part.size for part in parts], n_classes)
        shifts = np.array([s / (1 - s) * sizes for s in shrinkages if s < 1])
        solved: Iterator[Matrix] = iter(
            solve_shifted(covariance, right, shifts) if len(shifts) else ()
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
    """

    def __init__(self, sample: LargeSample, left_out: Integers) -> None:
        removed = [block for _, block in sample._blocks(left_out)]
        self._removed = np.concatenate(removed) if removed else np.zeros((0, sample.n_features))
        targets = sample._targets[left_out]
        counts = sample._counts - np.bincount(targets, minlength=len(sample._counts))
        kept = np.ones(sample.n_utterances, dtype=bool)
        kept[left_out] = False
        totals = sample.totals(np.flatnonzero(kept))  # (class,), of the weights
        sums = sample._sums.copy()
        np.subtract.at(sums, targets, sample._roots(left_out) * self._removed)
        self._n = float(totals.sum())
        removed_squares = np.einsum("ij,ij->j", self._removed, self._removed)
        squares = np.diagonal(sample._products) - removed_squares
        mean = sums.sum(axis=0) / self._n
        variance = squares / self._n - mean**2
        # What is left of a constant after subtracting is rounding.
        all_squares = np.diagonal(sample._products) / sample._weights.sum()
        self.scale = np.sqrt(np.where(variance > 1e-12 * all_squares, variance, 1.0))
        self.mean = sample._origin + mean
        self.present = counts > 0
        divisors = np.where(self.present, totals, 1.0)
        means = np.where(self.present[:, None], sums / divisors[:, None], 0.0)
        self.centres = np.where(self.present[:, None], (means - mean) / self.scale, 0.0)
        # Of each class its mean around the origin, with the root of its share.
        self._means = np.sqrt(totals / self._n)[:, None] * means / self.scale
        trace = float((squares / self._n / self.scale**2).sum() - (self._means**2).sum())
        self.size = max(trace / sample.n_features, 1e-12)

    def scaled(self, columns: Matrix) -> Matrix:
        """Return what products of features are multiplied by, (feature, column) to the same."""
        return columns / self.scale[:, None]

    def covariance(self, columns: Matrix, scaled: Matrix, products: Matrix) -> Matrix:
        """Multiply the covariance within classes by columns.

        Args:
            columns: (feature, column).
            scaled: The same, `scaled`.
            products: The products of the whole sample multiplied by that.
        """
        kept: Matrix = products - self._removed.T @ (self._removed @ scaled)
        kept /= self._n * self.scale[:, None]
        kept -= self._means.T @ (self._means @ columns)
        return kept


def _both_halves(upper: Matrix) -> Matrix:
    """Copy the upper half of a matrix to its lower one, in place."""
    for begin in range(0, len(upper), _BLOCK):
        end = begin + _BLOCK
        upper[end:, begin:end] = upper[begin:end, end:].T
        square = upper[begin:end, begin:end]
        square[:] = np.triu(square) + np.triu(square, 1).T
    return upper
