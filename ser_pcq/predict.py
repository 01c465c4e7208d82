"""Recordings to emotions: one result per file, whatever the file is."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from ser_pcq.audio import SAMPLE_RATE, read_waveform, refuse_silence
from ser_pcq.checkpoint import DEFAULT_MODEL, Checkpoint, load_checkpoint
from ser_pcq.device import resolve_device
from ser_pcq.errors import AudioError, CheckpointError, SerError


@dataclass(frozen=True)
class Prediction:
    """The result for one file.

    Attributes:
        path: The file, as it was given.
        status: `ok`; `abstained` when the confidence is too low to answer; `rejected` when the
            file holds no emotion to tell; `error` when the model failed on it.
        reason: Why there is no answer, as a word and a sentence; None when all is well.
        duration: Length in s; None when the file could not be read.
        label: The emotion; None without an answer.
        confidence: Probability of the most probable emotion, 0 to 1; None when rejected.
        probabilities: Probability of every emotion; empty when rejected.
        model: Name of the model.
    """

    path: str
    status: str
    reason: str | None
    duration: float | None
    label: str | None
    confidence: float | None
    probabilities: dict[str, float]
    model: str


class Predictor:
    """A loaded model that turns files into predictions.

    Args:
        checkpoint: The model.
        min_confidence: The lowest confidence, rounded to 6 decimals, that is an answer, 0 to 1;
            under it the prediction abstains. 0 never does.

    Raises:
        SerError: When `min_confidence` is out of range.
    """

    def __init__(self, checkpoint: Checkpoint, *, min_confidence: float = 0.0) -> None:
        if not 0 <= min_confidence <= 1:
            raise SerError(
                "min_confidence is out of range", given=min_confidence, accepted="0 to 1"
            )
        self.checkpoint = checkpoint
        self.min_confidence = min_confidence

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions that the model knows."""
        return self.checkpoint.recognizer.labels

    def predict(self, path: str | Path) -> Prediction:
        """Predict the emotion of one recording.

        A bad file gives a rejected prediction, a low confidence one that abstains.
        """
        name = self.checkpoint.name
        duration = None
        try:
            samples = read_waveform(Path(path))
            duration = len(samples) / SAMPLE_RATE
            refuse_silence(samples)
        except AudioError as error:
            reason = f"{error.reason}: {error}"
            return Prediction(str(path), "rejected", reason, duration, None, None, {}, name)
        try:
            scores = self.checkpoint.recognizer.log_probabilities(torch.from_numpy(samples)).exp()
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
                str(path), "abstained", reason, duration, None, confidence, probabilities, name
            )
        return Prediction(str(path), "ok", None, duration, best, confidence, probabilities, name)

    def predict_all(self, paths: Iterable[str | Path]) -> Iterator[Prediction]:
        """Yield one prediction for each file, in order."""
        for path in paths:
            yield self.predict(path)


def refuse_adapted(checkpoint: Checkpoint) -> None:
    """Refuse a model that needs other recordings of a speaker before it can judge one of them.

    Raises:
        CheckpointError: For a speaker-adapted model.
    """
    if checkpoint.recognizer.config.protocol.adapt == "speaker":
        raise CheckpointError(
            "a speaker-adapted model cannot judge single recordings",
            given=checkpoint.name,
            accepted='models that were trained with protocol.adapt = "none"',
        )


def load_predictor(
    model: str = DEFAULT_MODEL, *, device: str = "cpu", min_confidence: float = 0.0
) -> Predictor:
    """Load a model by embedded name or path.

    Args:
        model: Embedded name or path.
        device: `auto`, `cpu` or `cuda`.
        min_confidence: The lowest confidence that is an answer, 0 to 1; see `Predictor`.

    Raises:
        CheckpointError: When there is no such model, or it is damaged.
        SerError: When `min_confidence` is out of range, or there is no such device.
    """
    checkpoint = load_checkpoint(model, device=resolve_device(device))
    refuse_adapted(checkpoint)
    return Predictor(checkpoint, min_confidence=min_confidence)
