"""Sums over utterances of the products of their features, with some of the utterances left out.

Of few utterances the rows are kept and multiplied twice; of many the sums are, one number for each
pair of features, and what is left out is taken away again where they are used.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from ser_pcq.models.linear.classifier import Floats, Integers

Kind = np.dtype[np.floating[Any]]

_AT_ONCE = 1024  # columns of a matrix
_AT_HAND = 32  # utterances that are still in the processor's cache when they are used again


class Part(Protocol):
    """Utterances that are left out.

    Attributes:
        left_out: Their places, (left out,).
        removed: Their rows, (left out, feature).
    """

    left_out: Integers
    removed: Floats


class Products(Protocol):
    """The matrix XᵀX of rows X, (utterance, feature), with some of its rows left out."""

    def add(self, rows: Floats) -> None:
        """Take in the next rows, (utterance, feature)."""

    def times(self, columns: Floats, parts: Sequence[Part]) -> Floats:
        """Multiply by columns, leaving out one part of the rows after the other.

        Args:
            columns: (feature, column), as many for each part, one part after the other.
            parts: The parts.

        Returns:
            (feature, column).
        """


def products_of(n_utterances: int, n_features: int, kind: Kind) -> Products:
    """Return the cheaper way for so many utterances and features, of this precision."""
    if 2 * n_utterances < n_features:
        return KeptRows(n_utterances, n_features, kind)
    return SummedProducts(n_features, kind)


class KeptRows:
    """`Products` of few utterances.

    Args:
        n_utterances, n_features: How many there will be.
        kind: Precision.
    """

    def __init__(self, n_utterances: int, n_features: int, kind: Kind) -> None:
        self._rows: Floats = np.empty((n_utterances, n_features), kind)
        self._filled = 0

    def add(self, rows: Floats) -> None:
        """See `Products`."""
        self._rows[self._filled : self._filled + len(rows)] = rows
        self._filled += len(rows)

    def times(self, columns: Floats, parts: Sequence[Part]) -> Floats:
        """See `Products`."""
        along = self._rows @ columns  # (utterance, column)
        for part, own in zip(parts, np.split(along, len(parts), axis=1), strict=True):
            own[part.left_out] = 0.0
        products: Floats = self._rows.T @ along
        return products


class SummedProducts:
    """`Products` of many utterances.

    Args:
        n_features: How many there are.
        kind: Precision.
    """

    def __init__(self, n_features: int, kind: Kind) -> None:
        self._upper: Floats = np.zeros((n_features, n_features), kind, order="F")
        self._whole = False

    def add(self, rows: Floats) -> None:
        """See `Products`."""
        from scipy.linalg.blas import dsyrk, ssyrk

        of_kind = ssyrk if rows.dtype == np.float32 else dsyrk
        self._upper = of_kind(1.0, rows.T, beta=1.0, c=self._upper, overwrite_c=1)
        self._whole = False

    def times(self, columns: Floats, parts: Sequence[Part]) -> Floats:
        """See `Products`."""
        if not self._whole:
            _both_halves(self._upper)
            self._whole = True
        products: Floats = self._upper.T @ columns
        apart = (np.split(values, len(parts), axis=1) for values in (columns, products))
        for part, of_part, found in zip(parts, *apart, strict=True):
            rows = np.ascontiguousarray(of_part.T)  # (column, feature)
            taken = np.zeros_like(rows)
            for begin in range(0, len(part.removed), _AT_HAND):
                some = part.removed[begin : begin + _AT_HAND]
                taken += (some @ rows.T).T @ some
            found -= taken.T
        return products


def _both_halves(upper: Floats) -> None:
    """Copy the upper half of a matrix to its lower one, in place."""
    for begin in range(0, len(upper), _AT_ONCE):
        end = begin + _AT_ONCE
        upper[end:, begin:end] = upper[begin:end, end:].T
        square = upper[begin:end, begin:end]
        square[:] = np.triu(square) + np.triu(square, 1).T
