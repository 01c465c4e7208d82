"""Recordings to emotions: one result per file, whatever the file is."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from ser_pcq.audio import SAMPLE_RATE, read_waveform, refuse_silence
from ser_pcq.checkpoint import DEFAULT_MODEL, Checkpoint, load_checkpoint
from ser_pcq.device import resolve_device
from ser_pcq.errors import AudioError


@dataclass(frozen=True)
class Prediction:
    """The result for one file.

    Attributes:
        path: The file, as it was given.
        status: `ok`; `rejected` when the file holds no emotion to tell; `error` when the model
            failed on it.
        reason: Why it was rejected, as a word and a sentence; None when all is well.
        duration: Length in s; None when the file could not be read.
        label: The emotion; None when rejected.
        confidence: Probability of the label, 0 to 1; None when rejected.
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
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions that the model knows."""
        return self.checkpoint.recognizer.labels

    def predict(self, path: str | Path) -> Prediction:
        """Predict the emotion of one recording; a bad file gives a rejected prediction."""
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
        except (RuntimeError, MemoryError) as error:
            # For example a recording too long for the memory; the other files go on.
            reason = f"failed: {error}"
            return Prediction(str(path), "error", reason, duration, None, None, {}, name)
        best = int(scores.argmax())
        probabilities = dict(zip(self.labels, scores.tolist(), strict=True))
        return Prediction(
            str(path),
            "ok",
            None,
            duration,
            self.labels[best],
            float(scores[best]),
            probabilities,
            name,
        )

    def predict_all(self, paths: Iterable[str | Path]) -> Iterator[Prediction]:
        """Yield one prediction for each file, in order."""
        for path in paths:
            yield self.predict(path)


def load_predictor(model: str = DEFAULT_MODEL, *, device: str = "cpu") -> Predictor:
    """Load a model by embedded name or path.

    Raises:
        CheckpointError: When there is no such model, or it is damaged.
    """
    return Predictor(load_checkpoint(model, device=resolve_device(device)))
