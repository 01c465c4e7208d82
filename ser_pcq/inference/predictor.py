"""Recordings to emotions: one result for every recording, even one that cannot be read."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ser_pcq.audio.speech import SpeechDetector, speech_detector
from ser_pcq.audio.steady_sound import refuse_steady
from ser_pcq.errors import AudioError, SerError
from ser_pcq.inference.answer import Probabilities, answered, unanswered
from ser_pcq.inference.channels import Channels, Heard, joined
from ser_pcq.inference.inputs import SAMPLES, Input, Source, as_input, each_input, hear_input
from ser_pcq.inference.mix import ALL
from ser_pcq.inference.options import PredictOptions
from ser_pcq.inference.over_time import judged_over_time
from ser_pcq.inference.prediction import EmotionSegment, Prediction, Status
from ser_pcq.inference.recording import Recording, Refusal, failed
from ser_pcq.inference.samples import as_samples
from ser_pcq.models.classifier import Classifier, load_classifier
from ser_pcq.models.folder import DEFAULT_MODEL, lasting_name
from ser_pcq.processes import TIMEOUT, Crash, Progress, each_isolated, no_progress


class Predictor:
    """A loaded model that turns recordings into predictions.

    Several threads may use one at the same time. One that `load` has made can be pickled; the copy
    loads the model again.

    Args:
        classifier: The model.
        options: How to predict; `options.model` is what the classifier was loaded from, and what
            processes of their own (`predict_all` with jobs) load. Without them there are none.

    Attributes:
        can_be_loaded: Whether other processes can load the same model.

    Raises:
        SerError: When the speech detector is unknown or not installed.
    """

    def __init__(self, classifier: Classifier, options: PredictOptions | None = None) -> None:
        self.classifier = classifier
        self.options = options or PredictOptions()
        self.can_be_loaded = options is not None
        self._own = threading.local()  # a detector keeps what it has heard: one for each thread
        if self.options.segments or self.options.speech != "auto":
            self._detector()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle how it was loaded; raise a `SerError` when `load` has not made it."""
        if not self.can_be_loaded:
            raise SerError(
                "only a Predictor that load() has made can be pickled",
                given="a Predictor around a classifier",
                do="make it with load()",
            )
        return _restored, (replace(self.options, model=lasting_name(self.options.model)),)

    def _detector(self) -> SpeechDetector:
        """Return what finds speech, for this thread."""
        found: SpeechDetector | None = getattr(self._own, "detector", None)
        if found is None:
            found = self._own.detector = speech_detector(self.options.speech)
        return found

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions that the model knows."""
        return self.classifier.labels

    def predict(
        self, source: Source, sample_rate: float | None = None, *, name: str | None = None
    ) -> Prediction:
        """Predict the emotion of one recording.

        A bad file gives a rejected prediction, a low confidence one that abstains. With the mix
        `split` the results are those in its `channels`.

        Args:
            source: A path; the content of an audio file as bytes; a binary file object, which is
                read from where it stands and left open; samples, as `predict_samples` takes them;
                or a pair (samples, sample rate).
            sample_rate: Hz, of samples; files know theirs.
            name: The path of the prediction, where it is not that of the file.

        Raises:
            SerError: When the source is of another kind, or its sample rate is missing, impossible,
                or given for a file.
        """
        return self._judge_input(as_input(source, sample_rate, name))

    def predict_samples(
        self, samples: ArrayLike, sample_rate: float, *, name: str = ""
    ) -> Prediction:
        """Predict the emotion of samples that are in memory, with the same checks as for a file.

        Args:
            samples: An array, a tensor or a list of numbers: (time,), (time, channel), or (channel,
                time) with up to 8 channels; floating point, 1.0 being full scale, or integers of
                any width, scaled by what they hold.
            sample_rate: Hz.
            name: The path of the prediction.

        Raises:
            SerError: When the array is of another kind, or the rate is impossible.
        """
        return self._judge_input(as_samples(samples, sample_rate, Path(name or SAMPLES)))

    def predict_all(
        self,
        sources: Iterable[Source] | Source,
        sample_rate: float | None = None,
        *,
        jobs: int = 1,
        timeout: float = TIMEOUT,
        on_progress: Progress = no_progress,
    ) -> Iterator[Prediction]:
        """Yield one prediction for each recording, in order.

        Args:
            sources: Recordings, each as `predict` takes it; a single one, such as a path, is one.
            sample_rate: Hz, of all that are samples; pairs (samples, sample rate) have their own.
            jobs: Processes that work on recordings side by side, from 1. On the CPU each of them
                loads the model; for a GPU they read files, and the model runs in this process.
                With several, only a file whose decoder crashes or hangs is lost. In a script, call
                this under `if __name__ == "__main__"`.
            timeout: With several processes: s without any progress after which a file is given up.
            on_progress: Takes seconds judged and seconds in all of a long recording while it is
                judged in this process.

        Raises:
            SerError: When processes cannot be started, or as in `predict`.
        """
        inputs = each_input(sources, sample_rate)
        hear = partial(hear_input, mix=self.options.mix)
        if jobs <= 1:
            yield from self._judge_all(map(hear, inputs), on_progress)
            return
        work = list(inputs)
        if self.classifier.batch_size > 1:
            read = each_isolated(hear, work, jobs=jobs, timeout=timeout)
            yield from self._judge_all(map(_or_refusal, work, read), on_progress)
        else:
            yield from self._predict_elsewhere(work, jobs, timeout)

    def _judge_input(self, source: Input) -> Prediction:
        """Judge one recording."""
        return self._judge([hear_input(source, self.options.mix)])[0]

    def _predict_elsewhere(
        self, inputs: list[Input], jobs: int, timeout: float
    ) -> Iterator[Prediction]:
        """Judge recordings in several processes, each of which loads the model.

        Raises:
            SerError: When they cannot load the model, or cannot be started.
        """
        if not self.can_be_loaded:
            raise SerError(
                "several processes need a model that they can load",
                given="a Predictor around a classifier",
                do="make it with load(), or predict with one job",
            )
        name = self.classifier.name
        work = [(self.options, one) for one in inputs]
        results = each_isolated(_predict, work, jobs=jobs, timeout=timeout)
        for one, result in zip(inputs, results, strict=True):
            yield unanswered(_crashed(one, result), name) if isinstance(result, Crash) else result

    def _judge_all(self, heard: Iterable[Heard], on_progress: Progress) -> Iterator[Prediction]:
        """Judge recordings in order, as many at once as suits the model."""
        waiting = iter(heard)
        while batch := list(islice(waiting, self.classifier.batch_size)):
            yield from self._judge(batch, on_progress)

    def _judge(
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
        scores: dict[int, NDArray[np.float64]] = {}
        if len(whole) > 1:
            # When it fails, one of them is the cause: each is then tried alone.
            with suppress(AudioError, RuntimeError, MemoryError):
                rows = self.classifier.probabilities(list(whole.values()))
                scores = dict(zip(whole, rows, strict=True))
        return [
            unanswered(one, self.classifier.name)
            if isinstance(one, Refusal)
            else self._judge_one(one, scores.get(k), on_progress)
            for k, one in enumerate(heard)
        ]

    def _judge_one(
        self, recording: Recording, scores: NDArray[np.float64] | None, on_progress: Progress
    ) -> Prediction:
        """Judge one recording, whose probabilities, (class,), may be known."""
        path, duration, channel = recording.path, recording.duration, recording.channel
        name = self.classifier.name
        try:
            if recording.waveform is None:
                shares, segments = self._over_time(recording, on_progress)
            else:
                refuse_steady(recording.waveform)
                if scores is None:
                    scores = self.classifier.probabilities([recording.waveform])[0]
                shares = dict(zip(self.labels, scores.tolist(), strict=True))
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
        return judged_over_time(
            recording,
            self.classifier,
            self._detector(),
            segments=self.options.segments,
            on_progress=on_progress,
        )


def load(
    model: str | Path = DEFAULT_MODEL,
    *,
    device: str = "cpu",
    min_confidence: float = 0.0,
    segments: bool = False,
    speech: str = "auto",
    mix: str = ALL,
) -> Predictor:
    """Load a model, ready to predict; arguments as in `PredictOptions`.

    Raises:
        CheckpointError: When the model is missing or damaged.
        SerError: For a `min_confidence` or `mix` out of range, or an unknown device or detector.
    """
    options = PredictOptions(str(model), device, min_confidence, segments, speech, mix)
    return Predictor(load_classifier(options.model, device=device), options)


def _or_refusal(source: Input, result: Heard | Crash) -> Heard:
    """Return what another process read, or why it could not."""
    return _crashed(source, result) if isinstance(result, Crash) else result


def _crashed(source: Input, crash: Crash) -> Refusal:
    """Refuse a recording whose process has ended."""
    path = source if isinstance(source, Path) else source.path
    return Refusal(path, Status.ERROR, crash.reason)


def _restored(options: PredictOptions) -> Predictor:
    """Load a model as `load` did."""
    return Predictor(load_classifier(options.model, device=options.device), options)


_loaded = lru_cache(maxsize=1)(_restored)  # once in each process


def _predict(work: tuple[PredictOptions, Input]) -> Prediction:
    """Judge a recording in this process."""
    options, source = work
    return _loaded(options)._judge_input(source)
