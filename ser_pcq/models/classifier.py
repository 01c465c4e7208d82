"""The interface of a trained model to the code that predicts with it, for torch and for graphs."""

from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ser_pcq.errors import SerError
from ser_pcq.models.folder import ADAPTED, GRAPH, default_model, find_model
from ser_pcq.models.speech_head.head import Judged


class Classifier(Protocol):
    """Waveforms to probabilities."""

    @property
    def name(self) -> str:
        """What predictions call it."""
        ...

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions, in the order of the probabilities."""
        ...

    @property
    def licence(self) -> str | None:
        """SPDX expression of the licence of its weights; None where none is stated."""
        ...

    @property
    def batch_size(self) -> int:
        """How many recordings it is best given at once: 1 where more gain nothing."""
        ...

    def probabilities(self, waveforms: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
        """Score recordings; none of them depends on the others, and nothing is padded.

        What has one length is computed at once.

        Shape:
            waveforms, each (time,) at 16 kHz, to (recording, class), each row summing to 1.

        Raises:
            RuntimeError, MemoryError: When it cannot be computed, for lack of memory for example.
        """
        ...

    @property
    def width(self) -> int:
        """Length of an embedding.

        Raises:
            SerError: When the model is an ONNX file without embeddings, as they once were.
        """
        ...

    def embeddings(self, waveforms: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Return a vector for each recording: what enters the last linear layer.

        Of a linear model these are its standardised statistics, with mean 0 and deviation 1 over
        the training utterances; of a network the mean over the segments. The vectors are not scaled
        to length 1. None of them depends on the others.

        Shape:
            waveforms, each (time,) at 16 kHz, to (recording, width).

        Raises:
            SerError: When the model is an ONNX file without embeddings, as they once were.
            RuntimeError, MemoryError: When it cannot be computed, for lack of memory for example.
        """
        ...

    def outputs(
        self, waveforms: Sequence[NDArray[np.float32]]
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return `probabilities` and `embeddings`, computed together.

        Raises:
            SerError: When the model is an ONNX file without embeddings, as they once were.
            RuntimeError, MemoryError: When it cannot be computed, for lack of memory for example.
        """
        ...


@runtime_checkable
class HearsSpeech(Protocol):
    """A classifier that may have a head."""

    @property
    def has_speech_head(self) -> bool:
        """Whether it has."""
        ...

    def judged(
        self, waveforms: Sequence[NDArray[np.float32]], *, embeddings: bool = False
    ) -> Judged:
        """Return probabilities and scores of speech, computed together; as `probabilities`.

        Args:
            waveforms: Each (time,) at 16 kHz.
            embeddings: Whether they are wanted as well.
        """
        ...


def judged(classifier: Classifier, waveforms: Sequence[NDArray[np.float32]]) -> Judged:
    """Ask any classifier for probabilities, and for scores of speech where it has a head.

    Shape:
        waveforms, each (time,) at 16 kHz.

    Raises:
        RuntimeError, MemoryError: When it cannot be computed, for lack of memory for example.
    """
    if isinstance(classifier, HearsSpeech) and classifier.has_speech_head:
        return classifier.judged(waveforms)
    unknown = np.full(len(waveforms), np.nan, np.float32)
    return Judged(classifier.probabilities(waveforms), unknown)


def load_classifier(model: str | None = None, *, device: str = "cpu") -> Classifier:
    """Load a model: with ONNX Runtime where it is an ONNX file or has one, else with PyTorch.

    On another device than the CPU, a package is run by PyTorch where that is installed.

    Args:
        model: Embedded name, path of a package, or of an ONNX file; None for the default.
        device: `auto`, `cpu` or `cuda`.

    Raises:
        CheckpointError: When the model is missing or damaged, or cannot judge single
            recordings.
        SerError: When the device is unknown, or what runs the model is not installed.
    """
    if model is None:
        model = default_model()
    path = find_model(model)
    if (path / ADAPTED).is_file():
        from ser_pcq.models.adapted.package import load_adapted

        return load_adapted(path, partial(load_classifier, device=device))
    has_torch = find_spec("torch") is not None
    graph = path if path.is_file() else path / GRAPH
    if path.is_file() or (graph.is_file() and not (has_torch and device in ("auto", "cuda"))):
        from ser_pcq.models.classifier_onnx import load_onnx

        return load_onnx(graph, device=device)
    if not has_torch:
        raise SerError(
            "this model needs PyTorch",
            given=model,
            do="pip install 'ser-pcq[train]', or give a file that ser-export made of it",
        )
    from ser_pcq.models.checkpoint import load_checkpoint, refuse_adapted

    checkpoint = load_checkpoint(model, device=device)
    refuse_adapted(checkpoint)
    return checkpoint
