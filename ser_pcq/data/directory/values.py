"""What follows the id in a line of a data directory, where it is more than one word."""

import math

WHOLE_RECORDING = -1.0
"""The end time that means the end of the recording in `segments`, as in Kaldi."""

SEGMENT_SLACK = 0.5
"""s that a segment may reach beyond its recording: times are rounded, reading stops at the end."""

SPLITS = ("train", "valid", "test")


def parse_segment(value: str) -> tuple[str, float, float]:
    """Return recording id, start and end (s) of a line of `segments`.

    Raises:
        ValueError: When a time is not a number, or the end does not follow the start.
    """
    recording, *times = value.split()
    start, end = map(float, times)
    if not 0 <= start < float("inf"):
        raise ValueError(f"start {start}")
    if end != WHOLE_RECORDING and not start < end < float("inf"):
        raise ValueError(f"start {start}, end {end}")
    return recording, start, end


def parse_vad(value: str) -> tuple[float, float, float]:
    """Return valence, activation and dominance of a line of `utt2vad`.

    Raises:
        ValueError: When they are not three finite numbers.
    """
    valence, activation, dominance = map(float, value.split())
    if not all(map(math.isfinite, (valence, activation, dominance))):
        raise ValueError(value)
    return valence, activation, dominance


def parse_ratings(value: str) -> tuple[str, ...]:
    """Return what the raters of a line of `utt2ratings` said, one word each.

    Raises:
        ValueError: When a word is not `<rater>:<what>`.
    """
    words = tuple(value.split())
    for word in words:
        rater, _, said = word.partition(":")
        if not rater or not said:
            raise ValueError(word)
    return words
