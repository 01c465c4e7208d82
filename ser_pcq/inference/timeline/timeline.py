"""A recording of any length to segments with one emotion each, in the memory of one window.

Windows that overlap are judged; every cell of time, a hop long, gets the mean of the windows over
it; stretches of speech between pauses are cut where the emotion of their cells changes.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.speech import FRAME, SpeechDetector
from ser_pcq.audio.waveform import SAMPLE_RATE
from ser_pcq.errors import SerError
from ser_pcq.inference.prediction import EmotionSegment
from ser_pcq.inference.timeline.pauses import Piece, SpeechStretches
from ser_pcq.inference.timeline.segments import Runs
from ser_pcq.inference.timeline.windows import Windows
from ser_pcq.models.classifier import Classifier


@dataclass(frozen=True)
class WindowConfig:
    """How a recording is cut, judged and put together again; all times in s.

    Raises:
        SerError: When a value is out of range.
    """

    window: float = 4.0
    """What is judged at once, 0.1 to 60; a whole number of hops."""

    hop: float = 1.0
    """From one window to the next, 0.05 or more: the resolution in time of changes of emotion."""

    min_speech: float = 0.25
    """A window with less speech is not judged. For a recording shorter than twice this, half of the
    recording is enough."""

    smoothing: float = 1.0
    """How far the cells that a cell is averaged with lie from it, weights falling linearly to 0 one
    hop farther; rounded to whole hops. 0 smooths nothing."""

    min_segment: float = 1.0
    """A shorter segment joins the neighbour that is likelier in it, unless pauses surround it."""

    max_pause: float = 0.5
    """Pauses up to this belong to the speech around them; longer ones part segments."""

    def __post_init__(self) -> None:
        for name, low, high in (
            ("window", 0.1, 60.0),
            ("hop", 0.05, self.window),
            ("min_speech", 0.0, self.window),
            ("smoothing", 0.0, 60.0),
            ("min_segment", 0.0, 60.0),
            ("max_pause", 0.0, 60.0),
        ):
            value = getattr(self, name)
            if not low <= value <= high:  # NaN is refused too
                raise SerError(
                    f"{name} is out of range", given=f"{value} s", accepted=f"{low} to {high} s"
                )
        if self.window_samples % self.hop_samples:
            raise SerError(
                "the window is not a whole number of hops",
                given=f"window {self.window} s, hop {self.hop} s",
                accepted="for example 4 s and 1 s",
            )

    @property
    def window_samples(self) -> int:
        """Length of a window at 16 kHz."""
        return round(self.window * SAMPLE_RATE)

    @property
    def hop_samples(self) -> int:
        """Length of a hop at 16 kHz."""
        return round(self.hop * SAMPLE_RATE)


class EmotionTimeline:
    """Turns one recording, block by block, into segments, and into one answer for all of it.

    Memory does not grow with the recording: samples are kept for one window, what the detector
    looks ahead and the windows of one batch.

    Args:
        classifier: What judges windows.
        detector: What finds speech; it is reset first.
        config: How to cut.
        batch_size: Windows judged at once, all of one length. A segment comes up to so many hops
            late: take 1 to get each as it closes.

    Raises:
        SerError: When `batch_size` is not positive.
    """

    def __init__(
        self,
        classifier: Classifier,
        detector: SpeechDetector,
        config: WindowConfig | None = None,
        *,
        batch_size: int = 8,
    ) -> None:
        if batch_size < 1:
            raise SerError("batch_size is out of range", given=batch_size, accepted="1 or more")
        self.config = config or WindowConfig()
        self.labels = classifier.labels
        self._detector = detector
        self._windows = Windows(
            classifier,
            self.config.window_samples,
            self.config.hop_samples,
            round(self.config.min_speech * SAMPLE_RATE),
            batch_size,
        )
        self._stretches = SpeechStretches(
            self.config.hop_samples, round(self.config.max_pause * SAMPLE_RATE)
        )
        self._runs = Runs(self.labels, self.config.min_segment)
        self._reach = round(self.config.smoothing / self.config.hop)  # cells
        self._total = np.zeros(len(self.labels))
        self._weight = 0.0
        self._n_speech = 0

    @property
    def samples_held(self) -> int:
        """How many samples are kept at the moment."""
        return self._windows.samples_held

    def segments(self, blocks: Iterable[NDArray[np.float32]]) -> Iterator[EmotionSegment]:
        """Yield the segments in order, each as soon as it is known to be over.

        Args:
            blocks: The recording in parts of any length, each (time,) at 16 kHz. Where they are
                cut makes no difference.
        """
        self._detector.reset()
        for block in blocks:
            # Small steps, so that a block of hours is not held again by the detector.
            for i in range(0, len(block), self.config.hop_samples):
                part = block[i : i + self.config.hop_samples]
                self._windows.add(part)
                self._hear(self._detector.feed(part))
                yield from self._closed()
        self._hear(self._detector.flush())
        self._windows.finish()
        self._stretches.finish()
        yield from self._closed()
        yield from self._runs.finish()

    @property
    def duration(self) -> float:
        """Length of what was heard, s."""
        return self._windows.n_samples / SAMPLE_RATE

    @property
    def speech_duration(self) -> float:
        """Length of the frames of speech in it, s."""
        return min(self._n_speech * FRAME / SAMPLE_RATE, self.duration)

    def whole(self) -> EmotionSegment | None:
        """Return all that was heard as one segment; complete once `segments` has ended.

        Its probabilities are those of the mean log-probability over the cells of time, each
        weighted by the speech in it. None where nothing could be judged.
        """
        if not self._weight:
            return None
        shares = _distribution(self._total / self._weight)
        best = int(shares.argmax())
        named = dict(zip(self.labels, shares.tolist(), strict=True))
        return EmotionSegment(0.0, self.duration, self.labels[best], float(shares[best]), named)

    def _hear(self, probabilities: NDArray[np.float32]) -> None:
        """Take what the detector says of the next frames."""
        for is_speech in probabilities >= 0.5:
            self._n_speech += int(is_speech)
            self._stretches.add(bool(is_speech))
            self._windows.hear(bool(is_speech))

    def _closed(self) -> Iterator[EmotionSegment]:
        """Yield the segments that the pieces of speech known by now close."""
        pieces, end = self._stretches.pieces, self._windows.n_samples
        while pieces:
            near = self._neighbours(pieces)
            if near is None:
                break
            piece = pieces.popleft()
            own = self._windows.cells.get(piece.cell)
            start, stop = piece.start, min(piece.end, end)
            if stop > start:
                if own is not None:
                    self._total += own * (stop - start)
                    self._weight += stop - start
                shares = self._smoothed(piece.cell, near)
                yield from self._runs.add(start, stop, shares)
            if not piece.goes_on:
                yield from self._runs.finish()
        oldest = pieces[0].cell if pieces else self._stretches.cell
        self._windows.forget(oldest - self._reach)

    def _neighbours(self, pieces: Iterable[Piece]) -> range | None:
        """Return the cells that the first piece is averaged with; None when they are not known yet.

        They end where its stretch of speech does.
        """
        pieces = iter(pieces)
        first = next(pieces)
        last = first
        while last.goes_on and last.cell < first.cell + self._reach:
            following = next(pieces, None)
            if following is None:
                return None
            last = following
        if last.cell >= self._windows.n_final:
            return None
        return range(max(first.cell - self._reach, first.stretch_cell), last.cell + 1)

    def _smoothed(self, cell: int, near: range) -> NDArray[np.float64] | None:
        """Average a cell with those near it; None where none of them was judged."""
        total, weight = np.zeros(len(self.labels)), 0.0
        for other in near:
            judged = self._windows.cells.get(other)
            if judged is not None:
                share = 1 - abs(other - cell) / (self._reach + 1)
                total += share * judged
                weight += share
        return _distribution(total / weight) if weight else None


def _distribution(log_probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn a mean of log-probabilities, (class,), into probabilities that sum to 1."""
    shares = np.exp(log_probabilities - log_probabilities.max())
    return np.asarray(shares / shares.sum())
