"""What of a model can be adapted: its last layer, where that is a linear map of its embedding."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import SafetensorError, safe_open

from ser_pcq.audio.waveform import SAMPLE_RATE
from ser_pcq.errors import SerError
from ser_pcq.models.adapted.head import Head
from ser_pcq.models.folder import EMBEDDED, WEIGHTS, embedded_models, find_model
from ser_pcq.models.info import damaged, read_info
from ser_pcq.models.linear import LINEAR
from ser_pcq.models.linear.classifier import Floats, LinearClassifier
from ser_pcq.models.linear.voice_file import load_by_voice
from ser_pcq.models.sharing.files import weights_sha256

if TYPE_CHECKING:
    from ser_pcq.models.classifier import Classifier

_ACCEPTED = (
    "the embedded models, folders of discriminants and of whisper-svm, and what was adapted before"
)

TOLERANCE, TOLERANCE_INT8 = 1e-4, 1e-2
"""Largest difference between a probability of the model and that of its last layer, applied to its
embedding. In 8 bits the model's own last layer is rounded, and the adapted one is not."""


@dataclass(frozen=True, eq=False)
class Base:
    """A model that can be adapted.

    Attributes:
        folder: Its package.
        name: What it is called: the name of an embedded model, or that in its package.
        sha256: Of its weights.
        labels: Its emotions.
        licence: SPDX expression; None where none is stated.
        head: Its last layer; the prior is not in its bias where the package states it.
        within: How calibrated scores vary within an emotion, (class, class), for the emotions that
            the head knows; None where the package does not say.
        by_voice: What takes the place of the head where a voice is adapted to, for these emotions;
            None where the package has none. See `ser_pcq.models.linear.own_voice.adapt`.
    """

    folder: Path
    name: str
    sha256: str
    labels: tuple[str, ...]
    licence: str | None
    head: Head
    within: Floats | None
    by_voice: LinearClassifier | None

    @property
    def is_embedded(self) -> bool:
        """Whether it comes with the toolkit, under its name."""
        return self.name in embedded_models() and self.folder == EMBEDDED / self.name


def base_of(model: str) -> Base:
    """Return what can be adapted of a model that was not adapted before.

    Args:
        model: Embedded name or path.

    Raises:
        CheckpointError: When it is missing or damaged.
        SerError: When it cannot be adapted.
    """
    folder = find_model(model)
    if folder.is_file():
        raise _refusal("it is an ONNX file, whose last layer stands nowhere else", model)
    info = read_info(folder)
    if info.n_features is None:
        raise _refusal("it is a network, which is not linear in what it hears", model)
    if LINEAR[info.config.model.name].opensmile is not None:
        raise _refusal("it reads openSMILE's features", model)
    try:
        with safe_open(folder / WEIGHTS, framework="numpy") as file:
            weight, bias = (file.get_tensor(f"classify.{one}") for one in ("weight", "bias"))
        sha256, by_voice = weights_sha256(folder), load_by_voice(folder)
        if by_voice is not None and by_voice.weight.shape != weight.shape:
            raise ValueError("weights by voice do not fit the model")
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise damaged(folder, error) from error
    temperature, n_classes = info.calibration.temperature, len(info.labels)
    prior = np.zeros(n_classes) if info.voice is None else np.array(info.voice.log_prior)
    head = Head(
        weight.astype(np.float32),
        bias.astype(np.float64) - temperature * prior,
        temperature,
        prior,
    )
    within, known = None, head.is_known
    if info.voice is not None:
        within = np.array(info.voice.within)[np.ix_(known, known)] / temperature**2
    if by_voice is not None:
        by_voice = replace(by_voice, weight=by_voice.weight[known], bias=by_voice.bias[known])
    name = folder.name if folder == EMBEDDED / folder.name else info.name
    return Base(folder, name, sha256, info.labels, info.licence, head, within, by_voice)


def _refusal(why: str, model: str) -> SerError:
    """Return what to raise for a model that cannot be adapted."""
    return SerError(
        f"this model cannot be adapted: {why}",
        given=model,
        accepted=_ACCEPTED,
        do="take another model; ser-predict --models lists the embedded ones",
    )


def check_head(classifier: "Classifier", base: Base) -> None:
    """Refuse a model whose probabilities its last layer does not give, applied to its embedding.

    Raises:
        SerError: For this.
        RuntimeError, MemoryError: When the model cannot be run.
    """
    noise = np.random.default_rng(0).standard_normal(SAMPLE_RATE)
    # As loud as speech, louder and softer: what the last layer gets are statistics of it.
    sound = (0.1 * noise * np.hanning(SAMPLE_RATE)).astype(np.float32)
    expected, embeddings = classifier.outputs([sound])
    is_rounded = getattr(getattr(classifier, "info", None), "precision", None) == "int8"
    tolerance = TOLERANCE_INT8 if is_rounded else TOLERANCE
    difference = np.inf
    if embeddings.shape[1:] == base.head.weight.shape[1:] and base.labels == classifier.labels:
        difference = float(np.abs(base.head.probabilities(embeddings) - expected).max())
    if not difference <= tolerance:
        raise _refusal(
            f"its last layer gives other probabilities, by up to {difference:.2g}, "
            f"where {tolerance:g} is allowed",
            base.name,
        )
