"""Linear systems of one matrix with several multiples of the unit matrix added, solved together.

Conjugate gradients find the solutions for all shifts in the space of one of them, so that several
shrinkages cost what one does. Source: Jegerlehner, "Krylov space solvers for shifted linear
systems", arXiv:hep-lat/9612014, 1996, section 2.3.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ser_pcq.models.linear.classifier import Floats

Matrix = NDArray[np.float64]
Product = Callable[[Floats], Floats]
"""Multiplies a symmetric matrix by (n, column), and returns a new array of the same precision."""

_MOST = 5000  # steps
_NOTHING = 1e-60  # a residual so much shorter than that of the base is none


def solve_shifted(apply: Product, right: Floats, shifts: Matrix, enough: float = 1e-10) -> Floats:
    """Solve (A + shift I) x = b for each column b and each of its shifts.

    Args:
        apply: Multiplies A, which has no negative eigenvalue. It may be another for each column.
        right: The columns, (n, column); their precision is that of the solutions.
        shifts: (shift, column), each above 0.
        enough: What may be left of b, a share of its length.

    Returns:
        (shift, n, column), with a residual of about that share at most.

    Raises:
        ArithmeticError: When they are not found in 5000 steps.
    """
    goal = enough**2 * _squares(right)
    found = _together(apply, right, shifts, goal)
    for shift, x in zip(shifts, found, strict=True):
        # What the recurrence of a shift believes to be its residual drifts from what it is.
        left = right - apply(x)
        left -= shift.astype(x.dtype) * x
        if (_squares(left) > 3**2 * goal).any():
            x += _together(apply, left, shift[None], goal)[0]
    return found


def _squares(columns: Floats) -> Matrix:
    """Return the square of the length of each column."""
    squares: Matrix = np.einsum("ij,ij->j", columns, columns).astype(np.float64)
    return squares


def _together(apply: Product, right: Floats, shifts: Matrix, goal: Matrix) -> Floats:
    """Return the solution for each shift, (shift, n, column), by one row of products with A.

    Vectors are as precise as the right side, and what they are multiplied by is double.
    """
    kind = right.dtype
    base = shifts.min(axis=0)
    more = shifts - base
    residual, direction = right.copy(), right.copy()
    square = _squares(residual)
    solutions = np.zeros((len(shifts), *right.shape), kind)
    directions = np.repeat(right[None], len(shifts), axis=0)
    # What the residual of a shift is of that of the base, now and one step before; (shift, column).
    ratio = before = np.ones((len(shifts), right.shape[1]))
    last_step, turn = np.ones(right.shape[1]), np.zeros(right.shape[1])
    for _ in range(_MOST):
        going = square > goal  # (column,)
        if not going.any():
            return solutions
        product = apply(direction)
        product += base.astype(kind) * direction
        along = np.where(going, np.einsum("ij,ij->j", direction, product), 1.0)
        step = np.where(going, square / along, 0.0)
        below = last_step * before * (1 + step * more) + step * turn * (before - ratio)
        moving = going & (ratio > _NOTHING)
        after = np.where(moving, ratio * before * last_step / below, ratio)
        change = np.where(moving, after / ratio, 0.0)
        residual -= step.astype(kind) * product
        last, square = square, _squares(residual)
        turn = np.where(going, square / np.where(going, last, 1.0), 0.0)
        direction *= turn.astype(kind)
        direction += residual
        # One shift after the other, in place: such arrays do not fit into the cache together.
        for k, along_shift in enumerate(directions):
            solutions[k] += (step * change[k]).astype(kind) * along_shift
            along_shift *= (turn * change[k] ** 2).astype(kind)
            along_shift += after[k].astype(kind) * residual
        before, ratio = np.where(moving, ratio, before), after
        last_step = np.where(going, step, last_step)
    raise ArithmeticError(f"conjugate gradients have not ended in {_MOST} steps")
