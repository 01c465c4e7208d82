"""Pieces of time with one emotion each, joined to segments."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.waveform import SAMPLE_RATE
from ser_pcq.inference.prediction import EmotionSegment


@dataclass
class _Run:
    """A segment that is being put together: samples, target, and probabilities times samples."""

    start: int
    end: int
    target: int
    total: NDArray[np.float64]

    @property
    def length(self) -> int:
        return self.end - self.start

    def join(self, later: "_Run") -> None:
        """Add the run that follows to this one; the emotion stays."""
        self.end = later.end
        self.total = self.total + later.total


class Runs:
    """Joins the pieces of a stretch of speech that have the same emotion.

    A run shorter than `min_segment` joins the neighbour whose emotion is more probable in it. So a
    segment has the emotion of its longer parts, and its probabilities are the mean over all of it.
    A whole stretch of speech that is shorter stays a segment.

    Args:
        labels: The emotions, in the order of the probabilities.
        min_segment: s.
    """

    def __init__(self, labels: tuple[str, ...], min_segment: float) -> None:
        self._labels = labels
        self._least = round(min_segment * SAMPLE_RATE)
        self._held: _Run | None = None  # long enough, and may be joined by the next
        self._last: _Run | None = None  # the one that grows

    def add(
        self, start: int, end: int, probabilities: NDArray[np.float64] | None
    ) -> Iterator[EmotionSegment]:
        """Take the next piece; yield the segments that it closes.

        Args:
            start: First sample, where the piece before ended.
            end: The sample after the last.
            probabilities: (class,); None where nothing was judged: a segment ends there.
        """
        if probabilities is None:
            yield from self.finish()
            return
        new = _Run(start, end, int(probabilities.argmax()), probabilities * (end - start))
        held, last = self._held, self._last
        if last is None:
            self._last = new
        elif last.target == new.target:
            last.join(new)
        elif last.length >= self._least:
            if held:
                yield self._segment(held)
            self._held, self._last = last, new
        elif held and last.total[held.target] >= last.total[new.target]:
            held.join(last)
            self._last = new
            self._unite()
        else:
            last.join(new)
            last.target = new.target
            self._unite()

    def finish(self) -> Iterator[EmotionSegment]:
        """Yield what is left: the stretch of speech ends here."""
        held, last = self._held, self._last
        self._held = self._last = None
        if held and last and last.length < self._least:
            held.join(last)
            last = None
        for run in (held, last):
            if run:
                yield self._segment(run)

    def _unite(self) -> None:
        """Join the two runs if they have the same emotion by now."""
        if self._held and self._last and self._held.target == self._last.target:
            self._held.join(self._last)
            self._held, self._last = None, self._held

    def _segment(self, run: _Run) -> EmotionSegment:
        shares = run.total / run.total.sum()
        named = dict(zip(self._labels, shares.tolist(), strict=True))
        label = self._labels[run.target]
        return EmotionSegment(
            run.start / SAMPLE_RATE, run.end / SAMPLE_RATE, label, named[label], named
        )
