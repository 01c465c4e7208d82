"""Recordings to predictions: what judges them, alone or several at once."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.speech import SpeechDetector, speech_detector
from ser_pcq.audio.steady_sound import no_speech, refuse_steady
from ser_pcq.errors import AudioError, Reason
from ser_pcq.inference.answer import Probabilities, answered, unanswered
from ser_pcq.inference.channels import Channels, Heard, joined
from ser_pcq.inference.options import PredictOptions
from ser_pcq.inference.prediction import EmotionSegment, Prediction, Status
from ser_pcq.inference.recording import Recording, Refusal, failed
from ser_pcq.models.classifier import Classifier, judged
from ser_pcq.models.speech_head.head import DOUBTFUL, NONE
from ser_pcq.processes import Progress, no_progress

Score = tuple[NDArray[np.float64], float]
"""Probabilities, (class,), and the score of speech, NaN where the model has no head."""


class Judge:
    """A model and how to use it, on recordings that were read.

    Args:
        classifier: The model.
        options: How to predict.

    Raises:
        SerError: When the speech detector is unknown or not installed.
    """

    def __init__(self, classifier: Classifier, options: PredictOptions) -> None:
        self.classifier, self.options = classifier, options
        self._own = threading.local()  # a detector keeps what it has heard: one for each thread
        if options.segments or options.speech != "auto":
            self._detector()

    def _detector(self) -> SpeechDetector:
        """Return what finds speech, for this thread."""
        found: SpeechDetector | None = getattr(self._own, "detector", None)
        if found is None:
            found = self._own.detector = speech_detector(self.options.speech)
        return found

    def each(self, heard: Iterable[Heard], on_progress: Progress) -> Iterator[Prediction]:
        """Judge recordings in order, as many at once as suits the model."""
        waiting = iter(heard)
        while batch := list(islice(waiting, self.classifier.batch_size)):
            yield from self.together(batch, on_progress)

    def together(
        self, heard: Sequence[Heard], on_progress: Progress = no_progress
    ) -> list[Prediction]:
        """Judge recordings together; those that are split, channel by channel."""
        each = [one.each if isinstance(one, Channels) else (one,) for one in heard]
        results = iter(self._judge_each([part for parts in each for part in parts], on_progress))
        return [
            joined(one.path, list(islice(results, len(one.each))))
            if isinstance(one, Channels)
            else next(results)
            for one in heard
        ]

    def _judge_each(
        self, heard: Sequence[Recording | Refusal], on_progress: Progress
    ) -> list[Prediction]:
        """Judge recordings together."""
        whole = {
            k: one.waveform
            for k, one in enumerate(heard)
            if isinstance(one, Recording) and one.waveform is not None
        }
        scores: dict[int, Score] = {}
        if len(whole) > 1:
            # When it fails, one of them is the cause: each is then tried alone.
            with suppress(AudioError, RuntimeError, MemoryError):
                rows = judged(self.classifier, list(whole.values()))
                each_score = zip(rows.probabilities, rows.speech.tolist(), strict=True)
                scores = dict(zip(whole, each_score, strict=True))
        return [
            unanswered(one, self.classifier.name)
            if isinstance(one, Refusal)
            else self._judge_one(one, scores.get(k), on_progress)
            for k, one in enumerate(heard)
        ]

    def _judge_one(
        self, recording: Recording, score: "Score | None", on_progress: Progress
    ) -> Prediction:
        """Judge one recording, whose score may be known."""
        path, duration, channel = recording.path, recording.duration, recording.channel
        name = self.classifier.name
        try:
            if recording.waveform is None:
                shares, segments = self._over_time(recording, on_progress)
            else:
                refuse_steady(recording.waveform)
                if score is None:
                    rows = judged(self.classifier, [recording.waveform])
                    score = rows.probabilities[0], float(rows.speech[0])
                recording = _refuse_other_sounds(recording, score[1])
                shares = dict(zip(self.classifier.labels, score[0].tolist(), strict=True))
                segments = ()
                if self.options.segments:
                    _, segments = self._over_time(recording, on_progress)
        except AudioError as error:
            return unanswered(Refusal(path, Status.REJECTED, error.reason, channel), name, duration)
        except (RuntimeError, MemoryError) as error:
            # The other files are still judged.
            return unanswered(Refusal(path, Status.ERROR, failed(error), channel), name, duration)
        least = self.options.min_confidence
        return answered(recording, shares, segments, model=name, least=least)

    def _over_time(
        self, recording: Recording, on_progress: Progress
    ) -> tuple[Probabilities, tuple[EmotionSegment, ...]]:
        """Judge a recording window by window: `judged_over_time`."""
        # Short recordings do without, and importing takes longer than judging one.
        from ser_pcq.inference.over_time import judged_over_time

        return judged_over_time(
            recording,
            self.classifier,
            self._detector(),
            segments=self.options.segments,
            on_progress=on_progress,
        )


def _refuse_other_sounds(recording: Recording, speech: float) -> Recording:
    """Return a recording, with a warning where its score of speech is doubtful.

    Raises:
        AudioError: `no_speech`, where it surely is none.
    """
    if speech < NONE:
        raise no_speech("this sounds like music, noise or animals, and not like speech")
    if speech < DOUBTFUL:
        doubt = Reason("perhaps_no_speech", "this may be another sound than speech")
        return recording.named(recording.path, (*recording.warnings, doubt), recording)
    return recording
