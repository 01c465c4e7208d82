"""A row of a file of vectors: a recording or a segment, and what is known about it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ser_pcq.inference.vectors.embedding import Embedded


@dataclass(frozen=True)
class About:
    """What holds for all rows.

    Attributes:
        model: Name of the model.
        labels: The emotions that it knows.
        width: Length of a vector.
    """

    model: str
    labels: tuple[str, ...]
    width: int


@dataclass(frozen=True)
class Row:
    """A recording or a segment of one.

    Attributes:
        path: The recording; what is no text in it, with escapes.
        utterance: Its id; empty where it has none.
        start: s.
        end: s; NaN where it is not known.
        status: Of the recording: `ok`, `abstained`, `rejected` or `error`.
        label: The emotion; empty without an answer.
        confidence: 0 to 1; NaN without one.
        vector: (width,); NaN where the recording could not be judged.
    """

    path: str
    utterance: str
    start: float
    end: float
    status: str
    label: str
    confidence: float
    vector: NDArray[np.float32]


def rows_of(results: Iterable[Embedded], *, segments: bool) -> Iterator[Row]:
    """Yield a row for each recording, or for each of its segments.

    A recording without segments keeps its one row, so that none is lost.
    """
    for one in results:
        told = one.prediction
        about = _text(told.path), _text(told.utterance or "")
        status = told.status.value
        if segments and told.segments:
            for segment, vector in zip(told.segments, one.segments, strict=True):
                times = (segment.start, segment.end)
                yield Row(*about, *times, status, segment.label, segment.confidence, vector)
            continue
        confidence = np.nan if told.confidence is None else told.confidence
        end = np.nan if told.duration is None else told.duration
        yield Row(*about, 0.0, end, status, told.label or "", confidence, one.vector)


def _text(name: str) -> str:
    """Return a name with escapes for what is no text in it."""
    return name.encode(errors="backslashreplace").decode()
