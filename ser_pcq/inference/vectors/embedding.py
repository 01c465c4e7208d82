"""Recordings to vectors: what enters the last layer of the model, beside the prediction."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.waveform import MIN_DURATION, SAMPLE_RATE
from ser_pcq.errors import AudioError, SerError
from ser_pcq.inference.inputs import Input, hear_input, named
from ser_pcq.inference.judge import Judge
from ser_pcq.inference.mix import SPLIT
from ser_pcq.inference.options import PredictOptions
from ser_pcq.inference.prediction import EmotionSegment, Prediction
from ser_pcq.inference.recording import Recording
from ser_pcq.models.classifier import Classifier, HearsSpeech
from ser_pcq.models.speech_head.head import DOUBTFUL, Judged
from ser_pcq.processes import Progress, no_progress

PIECE = 4.0
"""s; the vector of a longer segment is the mean over pieces of this length."""


@dataclass(frozen=True)
class Embedded:
    """A recording as a vector.

    Attributes:
        prediction: The result for the recording.
        vector: (width,); NaN where the recording could not be judged.
        segments: A row for each of `prediction.segments`, (segment, width).
    """

    prediction: Prediction
    vector: NDArray[np.float32]
    segments: NDArray[np.float32]


class _Noting:
    """A classifier that keeps the vectors of what it is asked about.

    Attributes:
        first: The first of a recording, (width,); None before there is any.
    """

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self.name, self.labels, self.batch_size = classifier.name, classifier.labels, 1
        self.width, self.licence = classifier.width, classifier.licence
        self.forget()

    def forget(self) -> None:
        """Begin another recording."""
        self.first: NDArray[np.float32] | None = None
        self._total, self._n = np.zeros(self.width), 0

    @property
    def mean(self) -> NDArray[np.float32]:
        """Of all vectors of the recording, (width,)."""
        return (self._total / self._n).astype(np.float32)

    def probabilities(self, waveforms: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
        """See `Classifier`."""
        return self.outputs(waveforms)[0]

    def embeddings(self, waveforms: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """See `Classifier`."""
        return self._classifier.embeddings(waveforms)

    def outputs(
        self, waveforms: Sequence[NDArray[np.float32]]
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """See `Classifier`."""
        scores, vectors = self._classifier.outputs(waveforms)
        self._note(vectors, vectors)
        return scores, vectors

    @property
    def has_speech_head(self) -> bool:
        """See `HearsSpeech`."""
        return isinstance(self._classifier, HearsSpeech) and self._classifier.has_speech_head

    def judged(
        self, waveforms: Sequence[NDArray[np.float32]], *, embeddings: bool = False
    ) -> Judged:
        """See `HearsSpeech`."""
        assert isinstance(self._classifier, HearsSpeech)
        rows = self._classifier.judged(waveforms, embeddings=True)
        assert rows.embeddings is not None
        self._note(rows.embeddings, rows.embeddings[rows.speech >= DOUBTFUL])
        return rows

    def _note(self, vectors: NDArray[np.float32], of_speech: NDArray[np.float32]) -> None:
        """Keep vectors, (recording, width), and sum those up that count for a long recording."""
        if self.first is None:
            self.first = vectors[0].copy()
        self._total += of_speech.sum(axis=0, dtype=np.float64)
        self._n += len(of_speech)


def embedded(
    classifier: Classifier,
    options: PredictOptions,
    inputs: Iterable[Input],
    on_progress: Progress = no_progress,
) -> Iterator[Embedded]:
    """Yield the vector of each recording, in order.

    That of a recording of up to 30 s is computed from all of it; that of a longer one is the mean
    over the windows of 4 s, one each second, that hold speech. That of a segment is computed from
    its samples alone, and is the mean over pieces of `PIECE` where the segment is longer.

    Args:
        classifier: The model.
        options: How to predict; with `segments` each segment gets a vector as well.
        inputs: What `each_input` yields.
        on_progress: Takes seconds judged and seconds in all of a long recording.

    Raises:
        SerError: When the model gives no vectors, or channels are to be split.
    """
    if options.mix == SPLIT:
        raise SerError(
            "vectors of channels are made one by one",
            given="mix=split",
            accepted="all, or the number of a channel",
        )
    noting = _Noting(classifier)
    judge = Judge(noting, options)
    for source in inputs:
        heard = hear_input(source, options.mix)
        noting.forget()
        (prediction,) = judge.together([heard], on_progress)
        prediction = named(prediction, source)
        nothing = np.full(noting.width, np.nan, np.float32)
        none = np.zeros((0, noting.width), np.float32)
        if prediction.status.is_failure or noting.first is None or not isinstance(heard, Recording):
            yield Embedded(prediction, nothing, none)
            continue
        vector = noting.mean if heard.waveform is None else noting.first
        try:
            rows = list(_of_segments(classifier, heard, prediction.segments))
        except (AudioError, RuntimeError, MemoryError):  # it could be judged a moment ago
            rows = [nothing] * len(prediction.segments)
        yield Embedded(prediction, vector, np.stack(rows) if rows else none)


def _of_segments(
    classifier: Classifier, recording: Recording, segments: Sequence[EmotionSegment]
) -> Iterator[NDArray[np.float32]]:
    """Yield the vector of each segment, (width,), in the memory of the longest of them."""
    least = round(MIN_DURATION * SAMPLE_RATE)
    waiting = [(round(s.start * SAMPLE_RATE), round(s.end * SAMPLE_RATE)) for s in segments]
    waiting = [(first, max(last, first + least)) for first, last in waiting]
    held, begin = np.zeros(0, np.float32), 0
    for block in recording.blocks() if waiting else ():
        held = np.concatenate([held, block])
        while waiting and waiting[0][1] <= begin + len(held):
            first, last = waiting.pop(0)
            yield _mean_vector(classifier, held[first - begin : last - begin])
        if not waiting:
            return
        unused = min(len(held), max(0, waiting[0][0] - begin))
        held, begin = held[unused:], begin + unused
    for _, last in waiting:  # rounding put its end behind that of the recording
        rest = held[max(0, len(held) - max(least, last - begin)) :]
        yield _mean_vector(classifier, rest)


def _mean_vector(classifier: Classifier, waveform: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean over pieces of a waveform, (time,); the last of them is moved back."""
    length = round(PIECE * SAMPLE_RATE)
    starts = [*range(0, len(waveform) - length, length), max(0, len(waveform) - length)]
    rows = [classifier.embeddings([waveform[at : at + length].copy()])[0] for at in starts]
    mean: NDArray[np.float32] = np.stack(rows).mean(axis=0, dtype=np.float64).astype(np.float32)
    return mean
