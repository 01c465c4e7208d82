"""Recordings to emotions: one result for every file, even one that cannot be read."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.speech import SpeechDetector, speech_detector
from ser_pcq.audio.steady_sound import STEADY, SteadyMeter, no_speech, refuse_steady
from ser_pcq.audio.waveform import SAMPLE_RATE
from ser_pcq.errors import AudioError, Reason, SerError
from ser_pcq.inference.channels import Channels, Heard, hear_mixed, joined
from ser_pcq.inference.mix import ALL
from ser_pcq.inference.options import PredictOptions
from ser_pcq.inference.prediction import EmotionSegment, Prediction, Status
from ser_pcq.inference.recording import Recording, Refusal, failed, hear_samples
from ser_pcq.inference.timeline.timeline import EmotionTimeline
from ser_pcq.models.classifier import Classifier, load_classifier
from ser_pcq.models.folder import DEFAULT_MODEL
from ser_pcq.processes import TIMEOUT, Crash, Progress, each_isolated, no_progress

Probabilities = dict[str, float]


class Predictor:
    """A loaded model that turns files into predictions.

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
        self._detector: SpeechDetector | None = None
        if self.options.segments or self.options.speech != "auto":
            self._detector = speech_detector(self.options.speech)

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions that the model knows."""
        return self.classifier.labels

    def predict(self, path: str | Path) -> Prediction:
        """Predict the emotion of one recording.

        A bad file gives a rejected prediction, a low confidence one that abstains. With the mix
        `split` the results are those in its `channels`.
        """
        return self._judge([hear_mixed(Path(path), self.options.mix)])[0]

    def predict_samples(
        self, samples: NDArray[Any], sample_rate: int, *, name: str = ""
    ) -> Prediction:
        """Predict the emotion of samples that are in memory, with the same checks as for a file.

        Args:
            samples: (time,) or (time, channel); floating point, 1.0 being full scale, or integers,
                scaled by their range.
            sample_rate: Hz.
            name: The path of the prediction.

        Raises:
            SerError: When the array is of another kind, or the rate is impossible.
        """
        return self._judge([hear_samples(samples, sample_rate, Path(name))])[0]

    def predict_all(
        self,
        paths: Iterable[str | Path],
        *,
        jobs: int = 1,
        timeout: float = TIMEOUT,
        on_progress: Progress = no_progress,
    ) -> Iterator[Prediction]:
        """Yield one prediction for each file, in order.

        Args:
            paths: The files.
            jobs: Processes that work on files side by side, from 1. On the CPU each of them
                loads the model; for a GPU they read files, and the model runs in this process.
                With several, only a file whose decoder crashes or hangs is lost. In a script, call
                this under `if __name__ == "__main__"`.
            timeout: With several processes: s without any progress after which a file is given up.
            on_progress: Takes seconds judged and seconds in all of a long recording while it is
                judged in this process.

        Raises:
            SerError: When processes cannot be started.
        """
        if jobs <= 1:
            heard = (hear_mixed(Path(path), self.options.mix) for path in paths)
            yield from self._judge_all(heard, on_progress)
            return
        files = [Path(path) for path in paths]
        if self.classifier.batch_size > 1:
            hear = partial(hear_mixed, mix=self.options.mix)
            read = each_isolated(hear, files, jobs=jobs, timeout=timeout)
            yield from self._judge_all(map(_or_refusal, files, read), on_progress)
        else:
            yield from self._predict_elsewhere(files, jobs, timeout)

    def _predict_elsewhere(
        self, files: list[Path], jobs: int, timeout: float
    ) -> Iterator[Prediction]:
        """Judge files in several processes, each of which loads the model.

        Raises:
            SerError: When they cannot load the model, or cannot be started.
        """
        if not self.can_be_loaded:
            raise SerError(
                "several processes need a model that they can load",
                given="a Predictor around a classifier",
                do="make it with load(), or predict with one job",
            )
        work = [(self.options, file) for file in files]
        results = each_isolated(_predict, work, jobs=jobs, timeout=timeout)
        for file, result in zip(files, results, strict=True):
            yield self._unanswered(_crashed(file, result)) if isinstance(result, Crash) else result

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
            self._unanswered(one)
            if isinstance(one, Refusal)
            else self._judge_one(one, scores.get(k), on_progress)
            for k, one in enumerate(heard)
        ]

    def _unanswered(self, refusal: Refusal, duration: float | None = None) -> Prediction:
        """Return the prediction of a file without an answer."""
        status, reason, channel = refusal.status, refusal.reason, refusal.channel
        about = (str(refusal.path), status, reason, duration, None, None)
        return Prediction(*about, {}, self.classifier.name, channel=channel)

    def _judge_one(
        self, recording: Recording, scores: NDArray[np.float64] | None, on_progress: Progress
    ) -> Prediction:
        """Judge one recording, whose probabilities, (class,), may be known."""
        path, duration, channel = recording.path, recording.duration, recording.channel
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
            return self._unanswered(Refusal(path, Status.REJECTED, error.reason, channel), duration)
        except (RuntimeError, MemoryError) as error:
            # The other files are still judged.
            return self._unanswered(Refusal(path, Status.ERROR, failed(error), channel), duration)
        return self._answer(recording, shares, segments)

    def _over_time(
        self, recording: Recording, on_progress: Progress
    ) -> tuple[Probabilities, tuple[EmotionSegment, ...]]:
        """Judge a recording window by window: the probabilities of all of it, and its segments.

        Raises:
            AudioError: `no_speech`, when no window of a long recording holds any.
        """
        self._detector = self._detector or speech_detector(self.options.speech)
        timeline = EmotionTimeline(self.classifier, self._detector)
        steady = SteadyMeter()

        def blocks() -> Iterator[NDArray[np.float32]]:
            heard = 0
            for block in recording.blocks():
                steady.add(block)
                yield block
                heard += len(block)
                on_progress(heard / SAMPLE_RATE, recording.duration)

        segments = []
        for segment in timeline.segments(blocks()):
            if self.options.segments:
                segments.append(segment)
        whole = timeline.whole()
        if recording.waveform is None and (steady.is_steady or whole is None):
            raise no_speech(STEADY if steady.is_steady else "no speech was found")
        return whole.probabilities if whole else {}, tuple(segments)

    def _answer(
        self, recording: Recording, shares: Probabilities, segments: tuple[EmotionSegment, ...]
    ) -> Prediction:
        """Return the answer that probabilities give, or abstain where they are too low."""
        best = max(shares, key=shares.__getitem__)
        answer = Prediction(
            str(recording.path),
            Status.OK,
            None,
            recording.duration,
            best,
            shares[best],
            shares,
            self.classifier.name,
            warnings=recording.warnings,
            segments=segments,
            channel=recording.channel,
        )
        # Rounded as printed: a confidence shown as equal to the threshold must not abstain.
        shown, least = round(shares[best], 6), self.options.min_confidence
        if shown >= least:
            return answer
        reason = Reason("unsure", f"confidence {shown} is under {least}, best is {best}")
        return replace(answer, status=Status.ABSTAINED, reason=reason, label=None)


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


def _or_refusal(file: Path, result: Heard | Crash) -> Heard:
    """Return what another process read, or why it could not."""
    return _crashed(file, result) if isinstance(result, Crash) else result


def _crashed(file: Path, crash: Crash) -> Refusal:
    """Refuse a file whose process has ended."""
    return Refusal(file, Status.ERROR, crash.reason)


@lru_cache(maxsize=1)
def _loaded(options: PredictOptions) -> Predictor:
    """Load a model once in each process."""
    return Predictor(load_classifier(options.model, device=options.device), options)


def _predict(work: tuple[PredictOptions, Path]) -> Prediction:
    """Judge a file in this process."""
    options, file = work
    return _loaded(options).predict(file)
