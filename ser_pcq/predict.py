"""Recordings to emotions: one result per file, whatever the file is."""

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio import SAMPLE_RATE, read_waveform, refuse_silence
from ser_pcq.classifier import Classifier
from ser_pcq.errors import AudioError, SerError
from ser_pcq.model_folder import DEFAULT_MODEL, GRAPH, find_model
from ser_pcq.prediction import EmotionSegment, Prediction
from ser_pcq.speech import is_steady, speech_detector
from ser_pcq.timeline import EmotionTimeline


class Predictor:
    """A loaded model that turns files into predictions.

    Args:
        classifier: The model.
        min_confidence: The lowest confidence, rounded to 6 decimals, that is an answer, 0 to 1;
            under it the prediction abstains. 0 never does.
        segments: Tell also how the emotion changes over time.
        speech: What finds the pauses between segments; see `speech.speech_detector`.

    Raises:
        SerError: When `min_confidence` is out of range, or there is no such detector.
    """

    def __init__(
        self,
        classifier: Classifier,
        *,
        min_confidence: float = 0.0,
        segments: bool = False,
        speech: str = "auto",
    ) -> None:
        if not 0 <= min_confidence <= 1:
            raise SerError(
                "min_confidence is out of range", given=min_confidence, accepted="0 to 1"
            )
        self.classifier = classifier
        self.min_confidence = min_confidence
        self._detector = speech_detector(speech) if segments else None

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions that the model knows."""
        return self.classifier.labels

    def predict(self, path: str | Path) -> Prediction:
        """Predict the emotion of one recording.

        A bad file gives a rejected prediction, a low confidence one that abstains.
        """
        name = self.classifier.name
        duration = None
        try:
            samples = read_waveform(Path(path))
            duration = len(samples) / SAMPLE_RATE
            refuse_silence(samples)
            _refuse_steady(samples)
            scores = self.classifier.probabilities(samples[np.newaxis])[0]
            segments = self._segments(samples)
        except AudioError as error:
            reason = f"{error.reason}: {error}"
            return Prediction(str(path), "rejected", reason, duration, None, None, {}, name)
        except (RuntimeError, MemoryError) as error:
            # For example a recording too long for the memory; the other files go on.
            reason = f"failed: {error}"
            return Prediction(str(path), "error", reason, duration, None, None, {}, name)
        probabilities: dict[str, float] = dict(zip(self.labels, scores.tolist(), strict=True))
        best = self.labels[int(scores.argmax())]
        confidence = probabilities[best]
        # As it is printed: a confidence that is shown as the threshold must not abstain.
        shown = round(confidence, 6)
        if shown < self.min_confidence:
            reason = f"unsure: confidence {shown} is under {self.min_confidence}, best is {best}"
            return Prediction(
                str(path),
                "abstained",
                reason,
                duration,
                None,
                confidence,
                probabilities,
                name,
                segments=segments,
            )
        return Prediction(
            str(path),
            "ok",
            None,
            duration,
            best,
            confidence,
            probabilities,
            name,
            segments=segments,
        )

    def _segments(self, samples: NDArray[np.float32]) -> tuple[EmotionSegment, ...]:
        """Return how the emotion changes over (time,), where that is wanted."""
        if self._detector is None:
            return ()
        return tuple(EmotionTimeline(self.classifier, self._detector).segments([samples]))

    def predict_all(self, paths: Iterable[str | Path]) -> Iterator[Prediction]:
        """Yield one prediction for each file, in order."""
        for path in paths:
            yield self.predict(path)


def _refuse_steady(samples: NDArray[np.float32]) -> None:
    """Refuse noise, hum and tones, (time,): a model would name an emotion for them all the same.

    Raises:
        AudioError: With the reason `no_speech`.
    """
    if is_steady(samples):
        raise AudioError(
            "no_speech",
            "this is a steady sound such as noise, hum or a tone, and no speech",
            do="check the recording",
        )


def load_classifier(model: str = DEFAULT_MODEL, *, device: str = "cpu") -> Classifier:
    """Load a model: with ONNX Runtime where it is an ONNX file or has one, else with PyTorch.

    On another device than the CPU, a package is run by PyTorch where that is installed.

    Args:
        model: Embedded name, path of a package, or of an ONNX file.
        device: `auto`, `cpu` or `cuda`.

    Raises:
        CheckpointError: When there is no such model, it is damaged, or cannot judge single
            recordings.
        SerError: When there is no such device, or what runs the model is not installed.
    """
    path = find_model(model)
    has_torch = find_spec("torch") is not None
    graph = path if path.is_file() else path / GRAPH
    if path.is_file() or (graph.is_file() and not (has_torch and device in ("auto", "cuda"))):
        from ser_pcq.onnx_classifier import load_onnx

        return load_onnx(graph, device=device)
    if not has_torch:
        raise SerError(
            "this model needs PyTorch",
            given=model,
            do="pip install 'ser-pcq[train]', or give a file that ser-export made of it",
        )
    from ser_pcq.checkpoint import load_checkpoint, refuse_adapted
    from ser_pcq.device import resolve_device
    from ser_pcq.torch_classifier import TorchClassifier

    checkpoint = load_checkpoint(model, device=resolve_device(device))
    refuse_adapted(checkpoint)
    return TorchClassifier(checkpoint)


def load_predictor(
    model: str = DEFAULT_MODEL,
    *,
    device: str = "cpu",
    min_confidence: float = 0.0,
    segments: bool = False,
    speech: str = "auto",
) -> Predictor:
    """Load a model and predict with it; arguments of `load_classifier` and `Predictor`.

    Raises:
        CheckpointError: When there is no such model, or it is damaged.
        SerError: When `min_confidence` is out of range, or there is no such device.
    """
    return Predictor(
        load_classifier(model, device=device),
        min_confidence=min_confidence,
        segments=segments,
        speech=speech,
    )
