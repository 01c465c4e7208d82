"""Recordings to emotions: one result per file, whatever the file is."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.speech import SpeechDetector, speech_detector
from ser_pcq.audio.steady import SteadyMeter
from ser_pcq.audio.waveform import SAMPLE_RATE
from ser_pcq.errors import AudioError, SerError
from ser_pcq.inference.prediction import EmotionSegment, Prediction
from ser_pcq.inference.recording import Recording, Refusal, hear, hear_samples
from ser_pcq.inference.timeline import EmotionTimeline
from ser_pcq.models.classifier import Classifier, load_classifier
from ser_pcq.models.folder import DEFAULT_MODEL

Probabilities = dict[str, float]

_STEADY = "this is a steady sound such as noise, hum or a tone, and no speech"


@dataclass(frozen=True)
class PredictOptions:
    """How to predict; what `load` is called with.

    Raises:
        SerError: When `min_confidence` is out of range.
    """

    model: str = DEFAULT_MODEL
    """Embedded name, path of a package, or of an ONNX file."""

    device: str = "cpu"
    """`auto`, `cpu` or `cuda`."""

    min_confidence: float = 0.0
    """The lowest confidence, rounded to 6 decimals, that is an answer, 0 to 1; under it the
    prediction abstains. 0 never does."""

    segments: bool = False
    """Tell also how the emotion changes over time."""

    speech: str = "auto"
    """What finds the pauses in long recordings and between segments: `speech.DETECTORS`."""

    def __post_init__(self) -> None:
        if not 0 <= self.min_confidence <= 1:
            raise SerError(
                "min_confidence is out of range", given=self.min_confidence, accepted="0 to 1"
            )


class Predictor:
    """A loaded model that turns files into predictions.

    Args:
        classifier: The model.
        options: How to predict; `options.model` is what the classifier was loaded from, and what
            processes of their own (`predict_all` with jobs) load. Without them there are none.

    Attributes:
        can_be_loaded: Whether other processes can have the same model.
        on_progress: Called with seconds judged and seconds in all while a long recording is judged.

    Raises:
        SerError: When there is no such speech detector.
    """

    def __init__(self, classifier: Classifier, options: PredictOptions | None = None) -> None:
        self.classifier = classifier
        self.options = options or PredictOptions()
        self.can_be_loaded = options is not None
        self.on_progress: Callable[[float, float], None] = lambda done, total: None
        self._detector: SpeechDetector | None = None
        if self.options.segments or self.options.speech != "auto":
            self._detector = speech_detector(self.options.speech)

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions that the model knows."""
        return self.classifier.labels

    def predict(self, path: str | Path) -> Prediction:
        """Predict the emotion of one recording.

        A bad file gives a rejected prediction, a low confidence one that abstains.
        """
        return self.judge([hear(Path(path))])[0]

    def predict_samples(
        self, samples: NDArray[Any], sample_rate: int, *, name: str = ""
    ) -> Prediction:
        """Predict the emotion of samples that are in memory, with the same checks as for a file.

        Args:
            samples: (time,) or (time, channel); floating point, 1.0 being full scale, or integers,
                scaled by their range.
            sample_rate: Hz.
            name: What the prediction is to have as its path.

        Raises:
            SerError: When it is no such array, or the rate is impossible.
        """
        return self.judge([hear_samples(samples, sample_rate, Path(name))])[0]

    def predict_all(self, paths: Iterable[str | Path], *, jobs: int = 1) -> Iterator[Prediction]:
        """Yield one prediction for each file, in order.

        Args:
            paths: The files.
            jobs: Processes that work on files side by side, from 1. On the CPU each of them has a
                model of its own; for a GPU they read, and the model is here. A file whose decoder
                crashes then loses only itself. In a script, call this under
                `if __name__ == "__main__"`.

        Raises:
            SerError: When processes cannot be started.
        """
        if jobs > 1:
            from ser_pcq.inference.jobs import predict_with_jobs

            yield from predict_with_jobs(self, paths, jobs)
            return
        yield from self.judge_all(hear(Path(path)) for path in paths)

    def judge_all(self, heard: Iterable[Recording | Refusal]) -> Iterator[Prediction]:
        """Judge what was heard, in order, as many at once as suits the model."""
        waiting = iter(heard)
        while batch := list(islice(waiting, self.classifier.batch_size)):
            yield from self.judge(batch)

    def judge(self, heard: Sequence[Recording | Refusal]) -> list[Prediction]:
        """Judge recordings together."""
        whole = {
            k: one.waveform
            for k, one in enumerate(heard)
            if isinstance(one, Recording) and one.waveform is not None
        }
        scores: dict[int, NDArray[np.float64]] = {}
        if len(whole) > 1:
            # When it fails one of them is to blame: then each is tried alone.
            with suppress(AudioError, RuntimeError, MemoryError):
                rows = self.classifier.probabilities(list(whole.values()))
                scores = dict(zip(whole, rows, strict=True))
        return [
            self._unanswered(one.path, one.status, one.reason)
            if isinstance(one, Refusal)
            else self._judged(one, scores.get(k))
            for k, one in enumerate(heard)
        ]

    def _unanswered(
        self, path: Path, status: str, reason: str, duration: float | None = None
    ) -> Prediction:
        """Return the prediction of a file without an answer."""
        name = self.classifier.name
        return Prediction(str(path), status, reason, duration, None, None, {}, name)

    def _judged(self, recording: Recording, scores: NDArray[np.float64] | None) -> Prediction:
        """Judge one recording, whose probabilities, (class,), may be known."""
        path, duration = recording.path, recording.duration
        try:
            if recording.waveform is None:
                shares, segments = self._over_time(recording)
            else:
                _refuse_steady(recording.waveform)
                if scores is None:
                    scores = self.classifier.probabilities([recording.waveform])[0]
                shares = dict(zip(self.labels, scores.tolist(), strict=True))
                segments = self._over_time(recording)[1] if self.options.segments else ()
        except AudioError as error:
            return self._unanswered(path, "rejected", f"{error.reason}: {error}", duration)
        except (RuntimeError, MemoryError) as error:
            # The other files go on.
            reason = f"failed: {str(error) or 'out of memory'}"
            return self._unanswered(path, "error", reason, duration)
        return self._answer(recording, shares, segments)

    def _over_time(self, recording: Recording) -> tuple[Probabilities, tuple[EmotionSegment, ...]]:
        """Judge a recording window by window: what it tells as a whole, and its segments.

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
                self.on_progress(heard / SAMPLE_RATE, recording.duration)

        segments = []
        for segment in timeline.segments(blocks()):
            if self.options.segments:
                segments.append(segment)
        shares = timeline.summary().probabilities
        if recording.waveform is None and (steady.is_steady or not shares):
            raise _no_speech(_STEADY if steady.is_steady else "no speech was found")
        return shares, tuple(segments)

    def _answer(
        self, recording: Recording, shares: Probabilities, segments: tuple[EmotionSegment, ...]
    ) -> Prediction:
        """Return what probabilities tell, or that they are too low to tell anything."""
        best = max(shares, key=shares.__getitem__)
        answer = Prediction(
            str(recording.path),
            "ok",
            None,
            recording.duration,
            best,
            shares[best],
            shares,
            self.classifier.name,
            warnings=recording.warnings,
            segments=segments,
        )
        # As it is printed: a confidence that is shown as the threshold must not abstain.
        shown, least = round(shares[best], 6), self.options.min_confidence
        if shown >= least:
            return answer
        reason = f"unsure: confidence {shown} is under {least}, best is {best}"
        return replace(answer, status="abstained", reason=reason, label=None)


def _refuse_steady(samples: NDArray[np.float32]) -> None:
    """Refuse noise, hum and tones, (time,): a model would name an emotion for them all the same.

    Raises:
        AudioError: With the reason `no_speech`.
    """
    meter = SteadyMeter()
    meter.add(samples)
    if meter.is_steady:
        raise _no_speech(_STEADY)


def _no_speech(wrong: str) -> AudioError:
    """Return the refusal of a recording without speech."""
    return AudioError("no_speech", wrong, do="check the recording")


def load(
    model: str | Path = DEFAULT_MODEL,
    *,
    device: str = "cpu",
    min_confidence: float = 0.0,
    segments: bool = False,
    speech: str = "auto",
) -> Predictor:
    """Load a model, ready to predict; arguments as in `PredictOptions`.

    Raises:
        CheckpointError: When there is no such model, or it is damaged.
        SerError: When `min_confidence` is out of range, there is no such device or speech detector.
    """
    options = PredictOptions(str(model), device, min_confidence, segments, speech)
    return Predictor(load_classifier(options.model, device=device), options)
