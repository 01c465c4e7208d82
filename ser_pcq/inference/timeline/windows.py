"""Windows of a long recording, judged in batches and summed up for every hop of time."""

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.speech import FRAME
from ser_pcq.audio.waveform import MIN_DURATION, SAMPLE_RATE
from ser_pcq.models.classifier import Classifier, judged
from ser_pcq.models.speech_head.head import DOUBTFUL

_LEAST = 1e-10  # probability; a class that one window excludes stays possible


class Windows:
    """Keeps the samples of a window, judges it when it is full, and sums up per cell.

    Cell number c is the time from c to c + 1 hops. Window number w begins with cell w. A recording
    that does not end with a window gets one more, moved back so that it is full; one shorter than a
    window is one shorter window.

    Args:
        classifier: What judges.
        length: Of a window, samples; a whole number of hops.
        hop: From window to window, samples.
        min_speech: Speech that a window must hold to be judged, samples.
        batch_size: Windows judged at once.

    Attributes:
        cells: Mean log-probabilities, (class,), of the cells that are final; those that no window
            judged are not there.
        n_final: How many cells are final, whether judged or not.
        n_samples: How many samples came in.
    """

    def __init__(
        self, classifier: Classifier, length: int, hop: int, min_speech: int, batch_size: int
    ) -> None:
        self._classifier = classifier
        self._length, self._hop, self._min_speech = length, hop, min_speech
        self._batch_size = batch_size
        self.cells: dict[int, NDArray[np.float64]] = {}
        self.n_final = 0
        self.n_samples = 0
        self._parts: list[NDArray[np.float32]] = []  # the samples from _begin on
        self._begin = 0
        self._frames: list[bool] = []  # speech or not, the frames from _begin_frame on
        self._begin_frame = 0
        self._next = 0  # number of the next window
        self._waiting: list[tuple[int, NDArray[np.float32]]] = []  # first sample, samples
        self._sums: dict[int, tuple[NDArray[np.float64], int]] = {}  # per cell, not final yet

    @property
    def samples_held(self) -> int:
        """How many samples are kept at the moment."""
        waiting = sum(len(samples) for _, samples in self._waiting)
        return self.n_samples - self._begin + waiting

    def add(self, samples: NDArray[np.float32]) -> None:
        """Take the next samples, (time,)."""
        self._parts.append(samples.copy())
        self.n_samples += len(samples)

    def hear(self, is_speech: bool) -> None:
        """Take what the detector says of the next frame; judge the windows it completes."""
        self._frames.append(is_speech)
        heard = (self._begin_frame + len(self._frames)) * FRAME
        while (end := self._next * self._hop + self._length) <= min(heard, self.n_samples):
            self._queue(end - self._length, end)
            self._next += 1
            oldest = self._waiting[0][0] // self._hop if self._waiting else self._next
            if self._next - oldest >= self._batch_size:
                self._judge()
            self._settle(self._next - 1)
            # The last window may be moved back by up to its length from any later end.
            self._drop(max(0, self._next * self._hop - self._hop))

    def finish(self) -> None:
        """Judge what is left: the recording ends here."""
        end = self.n_samples
        on_grid = self._next and (self._next - 1) * self._hop + self._length == end
        if not on_grid and end >= MIN_DURATION * SAMPLE_RATE:
            self._queue(max(0, end - self._length), end)
        self._judge()
        # One more than there are: the last frame, padded, may reach beyond the end.
        self._settle(-(-end // self._hop) + 1)
        self._drop(end)

    def forget(self, cell: int) -> None:
        """Drop the final cells before one."""
        for old in [c for c in self.cells if c < cell]:
            del self.cells[old]

    def _queue(self, start: int, end: int) -> None:
        """Set a window aside for judging if it holds enough speech."""
        # A frame belongs to the window that its middle is in.
        first = (start + FRAME // 2 - 1) // FRAME - self._begin_frame
        last = (end + FRAME // 2 - 1) // FRAME - self._begin_frame
        speech = sum(self._frames[max(0, first) : max(0, last)]) * FRAME
        if speech > 0 and speech >= min(self._min_speech, (end - start) // 2):
            samples = np.concatenate(self._parts)[start - self._begin : end - self._begin]
            self._waiting.append((start, samples))

    def _judge(self) -> None:
        """Score the windows set aside, as one batch, and add them to the cells that they cover."""
        if not self._waiting:
            return
        batch = [samples for _, samples in self._waiting]
        rows = judged(self._classifier, batch)
        scores = np.log(np.maximum(rows.probabilities, _LEAST))
        for (start, samples), score, speech in zip(self._waiting, scores, rows.speech, strict=True):
            # What the detector took for speech may be music: others judge the speech beside it.
            if speech < DOUBTFUL:
                continue
            end = start + len(samples)
            # At least half of a cell has to be covered, as far as the recording goes.
            first = (start + self._hop // 2) // self._hop
            for cell in range(first, -(-end // self._hop)):
                total, n = self._sums.get(cell, (np.zeros(len(score)), 0))
                self._sums[cell] = (total + score, n + 1)
        self._waiting = []

    def _settle(self, n_complete: int) -> None:
        """Make cells final: those that no window can reach any more."""
        if self._waiting:
            n_complete = min(n_complete, self._waiting[0][0] // self._hop)
        for cell in range(self.n_final, n_complete):
            if cell in self._sums:
                total, n = self._sums.pop(cell)
                self.cells[cell] = total / n
        self.n_final = max(self.n_final, n_complete)

    def _drop(self, sample: int) -> None:
        """Forget the samples and frames before one, as far as whole parts and frames go."""
        while self._parts and self._begin + len(self._parts[0]) <= sample:
            self._begin += len(self._parts.pop(0))
        n_old = max(0, sample // FRAME - 1 - self._begin_frame)
        self._frames = self._frames[n_old:]
        self._begin_frame += n_old
