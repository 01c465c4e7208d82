"""Stretches that rows of 32-bit codes have in common, but for some wrong bits.

Codes that nearly agree are found by sorting: each code 15 times, by four sixths of its bits, so
that any two wrong bits are passed over. Where two codes agree, one row is laid over the other, and
the stretch is taken that speaks most for a copy: the sum over its codes of 9 less the wrong bits,
which unrelated codes, 16 bits apart on average, make smaller and those of a copy make larger.
The time grows with the codes and with what they have in common, not with the pairs of rows.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_ALLOWED = 9  # errors in a code of 32 bits; fewer speak for a copy, more against
_ENOUGH = 72  # what a stretch has to reach; fingerprint.py has the numbers
_PARTS, _FREE = 6, 2  # of a code; codes that agree but for `_FREE` of the parts are looked at
_SEED_ERRORS = 3  # wrong bits up to which two such codes are a reason to lay their rows together
_COMMON = 1000  # codes alike, beyond which they are a beep or a jingle, not a recording
_CELLS = 1 << 21  # codes compared at once
_PENDING = 1 << 24  # seeds before repeated ones are removed

_BITS = np.array([value.bit_count() for value in range(1 << 16)], dtype=np.uint8)


class Stretch(NamedTuple):
    """What two rows have in common.

    Attributes:
        first: Index of a row.
        second: Index of a later row.
        offset: The place in the first row at which the second begins; may be negative.
        length: Places from the beginning to the end of the stretch.
        error_rate: Share of wrong bits where both rows have a code.
    """

    first: int
    second: int
    offset: int
    length: int
    error_rate: float


def shared_stretches(
    codes: Sequence[NDArray[np.uint32]], sides: NDArray[np.bool_]
) -> list[Stretch]:
    """Find the pairs of rows that share a stretch, and the best stretch of each.

    Args:
        codes: Of each row, (place,); 0 means no code and agrees with nothing. Codes that are alike
            in more than 1,000 places are not searched for.
        sides: (row, 2), whether the row is to be compared as one of the first and as one of the
            second set.

    Returns:
        One stretch for each pair, sorted by the pair.
    """
    best: dict[tuple[int, int], tuple[int, Stretch]] = {}
    for score, found in _stretches(codes, _seeds(codes, sides)):
        # Among equals the first offset, so that the answer does not depend on the order of work.
        known = best.get(found[:2])
        if known is None or (score, -found.offset) > (known[0], -known[1].offset):
            best[found[:2]] = score, found
    return [best[pair][1] for pair in sorted(best)]


def _wrong_bits(a: NDArray[np.uint32], b: NDArray[np.uint32]) -> NDArray[np.int32]:
    """Count the bits in which codes differ."""
    differ = a ^ b
    count: NDArray[np.int32] = _BITS[differ & 0xFFFF].astype(np.int32) + _BITS[differ >> 16]
    return count


def _seeds(codes: Sequence[NDArray[np.uint32]], sides: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Find where two rows have nearly the same code.

    Returns:
        (seed, 3), each once: the two rows, the earlier one first, and the offset.
    """
    lengths = np.array([len(row) for row in codes], dtype=np.int64)
    code = np.concatenate([*codes, np.zeros(0, dtype=np.uint32)])
    owner = np.repeat(np.arange(len(codes)), lengths)
    place = np.arange(len(code)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    code, owner, place = code[code > 0], owner[code > 0], place[code > 0]
    span = 2 * int(lengths.max(initial=0)) + 1
    found = [np.zeros(0, dtype=np.int64)]
    # Bit by bit in turn, since neighbouring bits tend to be wrong together.
    parts = [sum(1 << bit for bit in range(k, 32, _PARTS)) for k in range(_PARTS)]
    for kept in combinations(parts, _PARTS - _FREE):
        key = code & np.uint32(sum(kept))
        order = np.argsort(key, kind="stable")
        for first, second in _equal_pairs(key[order]):
            # The sort is stable, so that the earlier row comes first.
            a, b = order[first], order[second]
            i, j = owner[a], owner[b]
            good = (sides[i, 0] & sides[j, 1]) | (sides[j, 0] & sides[i, 1])
            good &= (i != j) & (_wrong_bits(code[a], code[b]) <= _SEED_ERRORS)
            offset = place[a[good]] - place[b[good]] + span // 2
            found.append((i[good] * len(codes) + j[good]) * span + offset)
            if sum(map(len, found)) > _PENDING:
                found = [np.unique(np.concatenate(found))]
    pair, offset = np.divmod(np.unique(np.concatenate(found)), span)
    return np.stack([*np.divmod(pair, max(1, len(codes))), offset - span // 2], axis=1)


def _equal_pairs(key: NDArray[np.uint32]) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield the places of equal keys, pair by pair, many at a time; keys are sorted, (key,)."""
    ends = np.append(np.flatnonzero(key[1:] != key[:-1]) + 1, len(key))
    sizes = np.diff(ends, prepend=0)
    last = np.repeat(np.where(sizes <= _COMMON, ends, 0), sizes)
    first = np.arange(len(key))
    for distance in range(1, _COMMON):
        first = first[first + distance < last[first]]
        if not len(first):
            return
        yield first, first + distance


def _stretches(
    codes: Sequence[NDArray[np.uint32]], seeds: NDArray[np.int64]
) -> Iterator[tuple[int, Stretch]]:
    """Lay rows over each other at their seeds, (seed, 3); yield the good stretches' scores too."""
    lengths = np.array([len(row) for row in codes], dtype=np.int64)
    starts = np.cumsum(lengths) - lengths
    code = np.concatenate([*codes, np.zeros(1, dtype=np.uint32)])
    i, j, offset = seeds.T
    begin = np.maximum(offset, 0)
    overlap = np.minimum(lengths[i], lengths[j] + offset) - begin
    order = np.argsort(overlap, kind="stable")
    while len(order):
        # As many of the longest as fit, which are nearly equally long: little is padded.
        width = int(overlap[order[-1]])
        order, chosen = np.split(order, [-max(1, _CELLS // width)])
        places = np.arange(width)
        outside = places >= overlap[chosen, None]
        first = (starts[i] + begin)[chosen, None] + places
        second = (starts[j] + begin - offset)[chosen, None] + places
        first[outside] = second[outside] = len(code) - 1  # the 0 at the end
        for k, score, length, rate in _best_runs(code[first], code[second]):
            row, other, where = seeds[chosen[k]].tolist()
            yield score, Stretch(row, other, where, length, rate)


def _best_runs(
    a: NDArray[np.uint32], b: NDArray[np.uint32]
) -> Iterator[tuple[int, int, int, float]]:
    """Find the run of places in each pair of rows, (pair, place), that speaks most for a copy.

    Yields:
        For those that reach enough: the pair, its score, the run's length and error rate.
    """
    both = (a > 0) & (b > 0)
    total = np.zeros((len(a), a.shape[1] + 1), dtype=np.int32)
    np.cumsum(np.where(both, _ALLOWED - _wrong_bits(a, b), 0), axis=1, out=total[:, 1:])
    gain = total[:, 1:] - np.minimum.accumulate(total[:, :-1], axis=1)
    for k in np.flatnonzero(gain.max(axis=1) >= _ENOUGH).tolist():
        end = int(gain[k].argmax()) + 1
        start = end - 1 - int(total[k, :end][::-1].argmin())
        score, n_codes = int(gain[k].max()), int(both[k, start:end].sum())
        yield k, score, end - start, (_ALLOWED * n_codes - score) / (32 * n_codes)
