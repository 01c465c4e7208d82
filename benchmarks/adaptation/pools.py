"""Pools of recordings that somebody may give to adapt a model to a voice, drawn at random."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from heard import Heard
from numpy.random import Generator
from numpy.typing import NDArray

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Kind:
    """A kind of pool.

    Attributes:
        name: What a table calls it.
        draw: Returns the places of about so many of a speaker's utterances; None where the speaker
            has too few of what is asked for.
        half_even: Whether at least half is drawn evenly over emotions.
        one_emotion: Whether all are of one.
    """

    name: str
    draw: Callable[[Heard, str, int, Generator], Rows | None]
    half_even: bool = False
    one_emotion: bool = False


def anything(heard: Heard, speaker: str, n: int, random: Generator) -> Rows | None:
    """Draw from all that the speaker said."""
    rows = heard.rows_of(speaker)
    return random.choice(rows, n, replace=False) if n <= len(rows) else None


def _evenly(rows: Rows, emotions: NDArray[np.str_], n: int, random: Generator) -> Rows:
    """Draw one of each emotion after the other, until there are so many."""
    order = {e: list(random.permutation(rows[emotions == e])) for e in np.unique(emotions).tolist()}
    drawn: list[int] = []
    while len(drawn) < n and any(order.values()):
        for e in random.permutation(sorted(order)):
            if order[e] and len(drawn) < n:
                drawn.append(int(order[e].pop()))
    return np.array(drawn, dtype=int)


def mostly(emotion: str, share: float, name: str) -> Kind:
    """Return pools of which a share is of one emotion, and the rest drawn evenly over others."""

    def draw(heard: Heard, speaker: str, n: int, random: Generator) -> Rows | None:
        rows = heard.rows_of(speaker)
        own = rows[heard.emotions[rows] == emotion]
        wanted = round(share * n)
        if len(own) < wanted:
            return None
        others = rows[heard.emotions[rows] != emotion]
        rest = _evenly(others, heard.emotions[others], n - wanted, random)
        return np.concatenate([random.choice(own, wanted, replace=False), rest])

    return Kind(name, draw)


def half(emotion: str) -> Kind:
    """Return pools of which half is drawn evenly over all emotions, and half is of one."""

    def draw(heard: Heard, speaker: str, n: int, random: Generator) -> Rows | None:
        rows = heard.rows_of(speaker)
        even = _evenly(rows, heard.emotions[rows], n - n // 2, random)
        own = np.setdiff1d(rows[heard.emotions[rows] == emotion], even)
        if len(own) < n // 2:
            return None
        return np.concatenate([even, random.choice(own, n // 2, replace=False)])

    return Kind(f"half {emotion}", draw, half_even=True)


def only(emotion: str) -> Kind:
    """Return pools of one emotion."""

    def draw(heard: Heard, speaker: str, n: int, random: Generator) -> Rows | None:
        rows = heard.rows_of(speaker)
        own = rows[heard.emotions[rows] == emotion]
        return random.choice(own, n, replace=False) if n <= len(own) else None

    return Kind(f"only {emotion}", draw, one_emotion=True)


def two_speakers(heard: Heard, speaker: str, n: int, random: Generator) -> Rows | None:
    """Draw half from what another speaker of the corpus said."""
    other = random.choice(np.setdiff1d(np.unique(heard.speakers), [speaker]))
    halves = (
        anything(heard, name, size, random)
        for name, size in ((speaker, n - n // 2), (str(other), n // 2))
    )
    drawn = [one for one in halves if one is not None]
    return np.concatenate(drawn) if len(drawn) == 2 else None


def even(heard: Heard, speaker: str, n: int, random: Generator) -> Rows | None:
    """Draw evenly over emotions."""
    rows = heard.rows_of(speaker)
    return _evenly(rows, heard.emotions[rows], n, random) if n <= len(rows) else None


def all_kinds(emotions: tuple[str, ...]) -> list[Kind]:
    """Return the kinds of pools, for the emotions of a model."""
    return [
        Kind("anything", anything),
        Kind("even", even, half_even=True),
        mostly("neutral", 0.6, "60 % neutral"),
        mostly("neutral", 0.8, "80 % neutral"),
        Kind("two speakers", two_speakers),
        *map(half, emotions),
        *map(only, emotions),
    ]
