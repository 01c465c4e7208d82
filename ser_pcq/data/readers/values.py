"""Values that tables hold as text: genders, parts, times, dimensions, ratings."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from ser_pcq.data.directory.values import WHOLE_RECORDING, parse_ratings
from ser_pcq.data.utterance import Split

T = TypeVar("T")


@dataclass(frozen=True)
class Value(Generic[T]):
    """How a value is read.

    Attributes:
        parse: Raises ValueError or KeyError for what cannot be read.
        accepted: What can, in words.
    """

    parse: Callable[[str], T]
    accepted: str


GENDERS = {"m": "m", "male": "m", "f": "f", "female": "f", "o": "o", "other": "o"}
"""What a source may call a gender, in lower case, to how data directories call it."""

SPLITS: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "validation": "valid",
    "val": "valid",
    "dev": "valid",
    "test": "test",
    "testing": "test",
    "eval": "test",
    "evaluation": "test",
}
"""What a source may call a part, in lower case, to how data directories call it."""


def _parse_gender(text: str) -> str:
    return GENDERS[text.lower()]


def _parse_split(text: str) -> Split:
    return SPLITS[text.lower()]


def _parse_number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _parse_start(text: str) -> float:
    value = _parse_number(text)
    if value < 0:
        raise ValueError(text)
    return value


def _parse_end(text: str) -> float | None:
    value = _parse_number(text)
    return None if value == WHOLE_RECORDING else value


GENDER = Value(_parse_gender, ", ".join(GENDERS))
SPLIT = Value(_parse_split, ", ".join(SPLITS))
START = Value(_parse_start, "seconds from 0, with a point: 12.25")
END = Value(_parse_end, "seconds, with a point: 14.5; empty or -1 for the end of the recording")
NUMBER = Value(_parse_number, "a number, with a point: 3.5")
RATINGS = Value(parse_ratings, "<rater>:<label>[,<label>] or <rater>:<v>/<a>/<d>, blanks between")
