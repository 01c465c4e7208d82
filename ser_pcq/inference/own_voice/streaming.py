"""A model that adapts itself to the voice in a stream, while that goes on."""

from collections import deque
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ser_pcq.inference.own_voice.adaptation import AT_LEAST, AT_MOST, fit_to_voice
from ser_pcq.models.adapted.head import Head
from ser_pcq.models.adapted.package import as_adapted
from ser_pcq.models.classifier import Classifier, HearsSpeech
from ser_pcq.models.linear.own_voice import ONE_EMOTION
from ser_pcq.models.speech_head.head import Judged

GROWTH = 1.2
"""How many times as many windows there have to be as at the last fitting before it is done again.
"""


@dataclass(frozen=True)
class Fitting:
    """What became of fitting the last layer to the windows that were heard.

    Attributes:
        at: When, s from the beginning of the stream.
        n_windows: How many there were.
        spread: How much they differ; NaN where the model does not say how much those of one emotion
            do.
        is_adapted: Whether the model is another one since; else they may be of one emotion.
    """

    at: float
    n_windows: int
    spread: float
    is_adapted: bool


class StreamVoice:
    """The voice of a stream, as far as it was heard, and a model that is adapted to it.

    One speaker speaks in the stream, in one room and over one line. Windows with speech that do not
    overlap are what is learnt from: the newest 300. From 10 on the last layer is fitted to them,
    and again each time when there are a fifth more, or a fifth of them are new. Until then, and
    where the windows may be of one emotion alone, the answers are those of the model, or of the
    last fitting. The same stream gives the same answers.

    Args:
        classifier: The model.
        model: What it was loaded from, embedded name or path.

    Attributes:
        first: The fitting since which the model is adapted; None before.
        last: The latest one; None before there was any.

    Raises:
        CheckpointError: When the model is missing or damaged.
        SerError: When it cannot be adapted.
    """

    def __init__(self, classifier: Classifier, model: str) -> None:
        self._classifier, self._model = classifier, as_adapted(classifier, model)
        self._head: Head | None = None
        self._pool: deque[NDArray[np.float32]] = deque(maxlen=AT_MOST)
        self._end = 0.0  # of the last window that is learnt from, s
        self._n_heard, self._next = 0, AT_LEAST
        self.first: Fitting | None = None
        self.last: Fitting | None = None

    @property
    def is_adapted(self) -> bool:
        """Whether answers are those of an adapted model."""
        return self._head is not None

    @property
    def n_windows(self) -> int:
        """How many windows there are to learn from, at most 300."""
        return len(self._pool)

    def judged(self, samples: NDArray[np.float32]) -> Judged:
        """Judge a window, (time,) at 16 kHz, as the model does that there is now.

        Raises:
            RuntimeError, MemoryError: When it cannot be computed.
        """
        one = self._classifier
        if isinstance(one, HearsSpeech) and one.has_speech_head:
            rows = one.judged([samples], embeddings=True)
        else:
            scores, vectors = one.outputs([samples])
            rows = Judged(scores, np.full(1, np.nan, np.float32), vectors)
        if self._head is None:
            return rows
        vectors = cast(NDArray[np.float32], rows.embeddings)
        return Judged(self._head.probabilities(vectors), rows.speech, vectors)

    def take(self, rows: Judged, start: float, end: float) -> NDArray[np.float64]:
        """Learn from a window with speech, and return its probabilities, (class,), after that.

        Args:
            rows: What `judged` returned for it.
            start: Where it begins, s from the beginning of the stream.
            end: Where it ends.
        """
        shares: NDArray[np.float64] = rows.probabilities[0]
        if start < self._end:
            return shares
        vectors = cast(NDArray[np.float32], rows.embeddings)
        self._pool.append(vectors[0].copy())
        self._end = end
        self._n_heard += 1
        if self._n_heard >= self._next:
            self._fit(end)
            if self._head is not None:
                shares = self._head.probabilities(vectors)[0]
        return shares

    def _fit(self, now: float) -> None:
        """Fit the last layer to what was heard until now, s."""
        n = len(self._pool)
        found = fit_to_voice(self._model, np.array(self._pool))
        if found.classifier is not None:
            self._head = self._model.head.replaced(found.classifier)
        self.last = Fitting(now, n, found.spread, found.classifier is not None)
        if self.first is None and self.last.is_adapted:
            self.first = self.last
        # The pool is full at some time; then so many of its windows are new.
        self._next = self._n_heard + max(1, round((GROWTH - 1) * n))

    def beginning(self) -> str:
        """Say since when the model is adapted, and to what."""
        assert self.first is not None
        one = self.first
        differ = (
            "this model does not say whether they are of several emotions, as they should be"
            if np.isnan(one.spread)
            else f"they differ {one.spread:.2f} times as much as those of one emotion do"
        )
        return (
            f"adapted to the voice from {one.at:.0f} s on, at first to {one.n_windows} windows; "
            f"{differ}"
        )

    def ending(self) -> str | None:
        """Say why the model was not adapted; None where it was."""
        if self.is_adapted:
            return None
        if self.last is None:
            return (
                f"not adapted: {self.n_windows} windows with speech that do not overlap, and "
                f"{AT_LEAST} are needed"
            )
        return (
            f"not adapted: {self.n_windows} windows may be of one emotion alone; they differ "
            f"{self.last.spread:.2f} times as much as those of one do, and {ONE_EMOTION} are needed"
        )
