"""Values that tables hold as text: genders, parts, times, dimensions, ratings."""

import math
from collections.abc import Callable
from typing import Any

from ser_pcq.data.directory.values import WHOLE_RECORDING, parse_ratings

GENDERS = {"m": "m", "male": "m", "f": "f", "female": "f", "o": "o", "other": "o"}
"""What a source may call a gender, in lower case, to how data directories call it."""

SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("valid", "validation", "val", "dev"), "valid"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}
"""What a source may call a part, in lower case, to how data directories call it."""


def _parse_gender(text: str) -> str:
    return GENDERS[text.lower()]


def _parse_split(text: str) -> str:
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


_NUMBER = "a number, with a point: 3.5"
VALUES: dict[str, tuple[Callable[[str], Any], str]] = {
    "gender": (_parse_gender, ", ".join(GENDERS)),
    "split": (_parse_split, ", ".join(SPLITS)),
    "start": (_parse_start, "seconds from 0, with a point: 12.25"),
    "end": (_parse_end, "seconds, with a point: 14.5; empty or -1 for the end of the recording"),
    "valence": (_parse_number, _NUMBER),
    "activation": (_parse_number, _NUMBER),
    "dominance": (_parse_number, _NUMBER),
    "ratings": (parse_ratings, "<rater>:<label>[,<label>] or <rater>:<v>/<a>/<d>, blanks between"),
}
"""What is said to how it is read, and to what is accepted. All raise ValueError or KeyError."""
