"""A trained model to be scored on other data: a package, an adapted one, or an ONNX file.

What it has heard, in training and in adapting, is looked for in the data.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.fingerprint import AudioPrint, load_prints
from ser_pcq.errors import CheckpointError, ScoreError
from ser_pcq.models.adapted.exported import adapted_checkpoint
from ser_pcq.models.adapted.info import LABELLED, AdaptedInfo, read_adapted
from ser_pcq.models.adapted.metadata import ADAPTED_KEY, of_metadata
from ser_pcq.models.adapted.package import base_folder, read_base
from ser_pcq.models.checkpoint import Checkpoint, load_checkpoint, refuse_adapted
from ser_pcq.models.classifier_onnx import load_onnx
from ser_pcq.models.data_info import DataInfo
from ser_pcq.models.device import resolve_device
from ser_pcq.models.folder import ADAPTED, PRINTS
from ser_pcq.models.info import read_info
from ser_pcq.models.sharing.files import prints_file

Run = Callable[[NDArray[np.float32]], list[float]]
"""A waveform, (time,) at 16 kHz, to probabilities, (class,)."""

TRAINED, ADAPTED_TO = "trained on", "adapted to"
"""What was done with recordings that a model has heard."""


@dataclass(frozen=True)
class TrainedModel:
    """A model that is run on other data.

    Attributes:
        path: Its package or file.
        labels: The emotions, in the order of the outputs.
        data: What it, or what it was adapted from, was trained on; None where it does not say.
        leaky: How the test set of its training leaked, a sentence each.
        adapted: How it was adapted to a voice or to labelled recordings; None where it was not.
        load: Loads it on a device.
        prints: Files or contents of fingerprints of what it has heard, beside what was done with
            these recordings. Those of training are missing where they are not kept.
    """

    path: Path
    labels: tuple[str, ...]
    data: DataInfo | None
    leaky: tuple[str, ...]
    adapted: AdaptedInfo | None
    load: Callable[[str], Run]
    prints: tuple[tuple[str, Callable[[], list[AudioPrint]]], ...]

    @property
    def keeps_training(self) -> bool:
        """Whether it keeps fingerprints of all that it was trained on."""
        return any(what == TRAINED for what, _ in self.prints)

    def heard(self) -> Iterator[tuple[str, list[AudioPrint]]]:
        """Yield what was done with recordings, and their fingerprints.

        Raises:
            DataError: When these are damaged.
        """
        for what, read in self.prints:
            yield what, read()

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what scores have to say of an adapted model."""
        if self.adapted is None:
            return ()
        steps = "; ".join(
            f"{step.method}, {step.recordings} recordings, {step.seconds:.0f} s"
            for step in self.adapted.steps
        )
        name, methods = self.adapted.base.name, {step.method for step in self.adapted.steps}
        if methods == {LABELLED}:
            return (
                f"{name} was adapted to labelled recordings ({steps}): the score is for speakers "
                "and rooms like those that it is scored on",
            )
        return (
            f"{name} was adapted to a voice ({steps}): for other voices the score says nothing",
        )


def trained_model(path: Path) -> TrainedModel:
    """Look at a model without loading it.

    Args:
        path: What `find_model` returns.

    Raises:
        ScoreError: When it is damaged.
    """
    try:
        if path.is_file():
            return _of_graph(path)
        return _of_adapted(path) if (path / ADAPTED).is_file() else _of_package(path)
    except CheckpointError as error:
        raise ScoreError(str(error)) from error


def _of_package(folder: Path) -> TrainedModel:
    """Look at what training wrote."""
    info = read_info(folder)

    def load(device: str) -> Run:
        return _run(load_checkpoint(str(folder), device=resolve_device(device)))

    prints = _training_prints(folder)
    return TrainedModel(folder, info.labels, info.data, info.leaky, None, load, prints)


def _of_adapted(folder: Path) -> TrainedModel:
    """Look at a package with another last layer, and at its base."""
    info = read_adapted(folder)
    read_base(folder, info)  # it has to be there, and the one that was adapted
    base = base_folder(folder, info)
    about = read_info(base)

    def load(device: str) -> Run:
        return _run(adapted_checkpoint(folder, device=resolve_device(device)))

    own = (ADAPTED_TO, lambda: load_prints(folder / PRINTS))
    prints = (*_training_prints(base), own)
    return TrainedModel(folder, info.labels, about.data, about.leaky, info, load, prints)


def _of_graph(file: Path) -> TrainedModel:
    """Look at an ONNX file; one of an adapted model has the fingerprints of that in itself."""
    graph = load_onnx(file)
    adapted = None
    prints: tuple[tuple[str, Callable[[], list[AudioPrint]]], ...] = ()
    if (text := graph.metadata.get(ADAPTED_KEY)) is not None:
        adapted, own = of_metadata(text)
        prints = ((ADAPTED_TO, lambda: own),)
        if adapted.base.is_embedded:
            # The base comes with the toolkit, unless this is another version of it.
            try:
                read_base(file, adapted)
                prints = (*_training_prints(base_folder(file, adapted)), *prints)
            except CheckpointError:
                pass

    def load(device: str) -> Run:
        classifier = load_onnx(file, device=device)
        return lambda waveform: [float(p) for p in classifier.probabilities([waveform])[0]]

    info = graph.info
    return TrainedModel(file, info.labels, info.data, info.leaky, adapted, load, prints)


def _training_prints(
    folder: Path,
) -> tuple[tuple[str, Callable[[], list[AudioPrint]]], ...]:
    """Return what is kept of the recordings that a package was trained on."""
    kept = prints_file(folder)
    return () if kept is None else ((TRAINED, lambda: load_prints(kept)),)


def _run(checkpoint: Checkpoint) -> Run:
    """Return what runs a model by PyTorch.

    Raises:
        CheckpointError: When it cannot judge single recordings.
    """
    import torch

    refuse_adapted(checkpoint)

    def run(waveform: NDArray[np.float32]) -> list[float]:
        scores = checkpoint.recognizer.log_probabilities(torch.from_numpy(waveform)).exp()
        return [float(score) for score in scores.tolist()]

    return run
