"""A trained model as one ONNX file: waveforms in, probabilities and embeddings out.

Frontend, encoder and network are all in the graph, and labels, card and facts in its metadata, so
that the file is all that a program needs. In 8 bits, the weights of matrix products are rounded to
one byte each (Jacob et al. 2018, section 2), and what flows through them while it runs; the rest
stays in single precision.

A model whose folder has a graph already, as the embedded ones do, is written without torch: the
graph gets its weights. Others are translated.
"""

import json
import math
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.fingerprint import load_prints
from ser_pcq.audio.waveform import SAMPLE_RATE
from ser_pcq.errors import CheckpointError, SerError
from ser_pcq.files import whole_file
from ser_pcq.models.adapted.info import read_adapted
from ser_pcq.models.adapted.metadata import ADAPTED_KEY, to_metadata
from ser_pcq.models.classifier import Classifier
from ser_pcq.models.classifier_onnx import OnnxClassifier, load_onnx, new_session
from ser_pcq.models.description.graph import INFO_KEY, GraphInfo
from ser_pcq.models.description.licence import checked_licence
from ser_pcq.models.folder import ADAPTED, CARD, GRAPH, PRINTS, find_model
from ser_pcq.models.onnx_export.lengths import with_lengths
from ser_pcq.models.onnx_export.opset import NEWEST, check_opset, with_opset
from ser_pcq.models.sharing.files import read_weights
from ser_pcq.models.sharing.graphs import with_weights, without_weights, write_sources

Precision = Literal["float32", "int8"]

TOLERANCE = 1e-4
"""Largest difference of a probability between the model and its graph in single precision, and
between a graph that was at hand and what is written of it."""


@dataclass(frozen=True)
class Export:
    """What was written, and how far it is from the model.

    Attributes:
        path: The file.
        precision: `float32` or `int8`.
        size: In bytes.
        difference: Largest difference of a probability to the model, over a few made-up sounds;
            where the model had a graph, to that graph.
        is_translated: Whether torch translated the model, instead of taking the graph that it had.
    """

    path: Path
    precision: Precision
    size: int
    difference: float
    is_translated: bool


def export_onnx(
    model: str,
    path: Path,
    *,
    precision: Precision | None = None,
    share_weights: bool = False,
    lengths: bool = False,
    opset: int | None = None,
    licence: str | None = None,
) -> Export:
    """Write a model as an ONNX file.

    Args:
        model: Embedded name or path of a checkpoint.
        path: The file to write; its name should end in `.onnx`.
        precision: `int8` is smaller and faster, and a little off. None for the precision of the
            graph that the model's folder has, which needs no torch, and `float32` without one.
        share_weights: Leave out what the checkpoint's `model.safetensors` holds, and write a JSON
            file beside that says how it is made from there. For a graph in the checkpoint's own
            folder, which then predicts without torch.
        lengths: Add an input with the true lengths of the recordings of a padded batch.
        opset: Version of the ONNX operators, 17 to 20; None for 20.
        licence: SPDX expression that the file states; None for what the model states.

    Raises:
        CheckpointError: When the model is missing, or needs more than one recording.
        SerError: When the model cannot be written as a graph, a package is missing, the graph
            does not compute what the model does, or it is no licence.
    """
    opset = NEWEST if opset is None else opset
    check_opset(opset)
    _check(precision, licence)
    if share_weights:
        _check_sharing(model, lengths=lengths)
    _need("onnx")
    import onnx

    source = _Source.of(model, precision, may_be_at_hand=not share_weights)
    graph = with_opset(onnx.load_from_string(source.content), opset)
    _state_licence(graph, licence or source.reference.licence)
    _state_adaptation(graph, find_model(model))
    content: bytes = (with_lengths(graph) if lengths else graph).SerializeToString()
    if lengths:
        onnx.checker.check_model(content, full_check=True)
    difference = _checked_difference(content, source)
    if share_weights:
        weights = read_weights(find_model(model))
        full = {name: value.astype(np.float32) for name, value in weights.tensors.items()}
        content, sources = without_weights(content, full)
        write_sources(path.with_suffix(".json"), sources, weights)
    with whole_file(path) as temporary:
        temporary.write_bytes(content)
    return Export(path, source.precision, len(content), difference, source.is_translated)


def _check(precision: str | None, licence: str | None) -> None:
    """Refuse a precision that there is not, and what is no licence.

    Raises:
        SerError: For these.
    """
    if precision is not None and precision not in get_args(Precision):
        raise SerError("no such precision", given=precision, accepted=get_args(Precision))
    if licence is not None:
        checked_licence(licence)


def _check_sharing(model: str, *, lengths: bool) -> None:
    """Refuse to leave out weights that the graph's folder does not have.

    Raises:
        SerError: For these.
    """
    if lengths:
        raise SerError(
            "a graph with an input of lengths cannot be the one in its model's folder",
            do="leave out --share-weights or --lengths",
        )
    if (find_model(model) / ADAPTED).is_file():
        raise SerError(
            "the head of an adapted model is in no graph's folder",
            given=model,
            do="leave out --share-weights",
        )


def _state_licence(graph: Any, licence: str | None) -> None:
    """Write a licence into the metadata of an `onnx.ModelProto`."""
    for entry in graph.metadata_props:
        if entry.key == INFO_KEY and licence is not None:
            info = GraphInfo.from_json(json.loads(entry.value))
            entry.value = json.dumps(replace(info, licence=licence).to_json())


def _state_adaptation(graph: Any, folder: Path) -> None:
    """Write how a model was adapted, and to what, into the metadata of an `onnx.ModelProto`."""
    if (folder / ADAPTED).is_file():
        value = to_metadata(read_adapted(folder), load_prints(folder / PRINTS))
        graph.metadata_props.add(key=ADAPTED_KEY, value=value)


@dataclass(frozen=True)
class _Source:
    """A graph with its weights, of the newest opset, and what it has to compute.

    Attributes:
        content: Of an ONNX file.
        precision: Of it.
        reference: The model, or the graph that it had.
        is_translated: Which of the two.
    """

    content: bytes
    precision: Precision
    reference: Classifier
    is_translated: bool

    @classmethod
    def of(cls, model: str, precision: Precision | None, *, may_be_at_hand: bool) -> "_Source":
        """Take the graph of a model's folder, or have the model translated.

        Raises:
            CheckpointError: When the model is missing or damaged, or needs more than one recording.
            SerError: When the model cannot be written as a graph, or a package is missing.
        """
        folder = find_model(model)
        if folder.is_file():
            raise SerError(
                "this is an ONNX file already",
                given=folder,
                accepted="the name of an embedded model, or the folder of a model",
            )
        at_hand = _graph_at_hand(folder) if may_be_at_hand else None
        if at_hand is not None and precision in (None, at_hand.info.precision):
            content = with_weights(folder / GRAPH)
            known: Precision = "int8" if at_hand.info.precision == "int8" else "float32"
            return cls(content, known, at_hand, is_translated=False)
        _need("torch", extra="train,export")
        _need("onnxscript")
        from ser_pcq.models.adapted.exported import adapted_checkpoint
        from ser_pcq.models.checkpoint import load_checkpoint, refuse_adapted
        from ser_pcq.models.onnx_export.translator import translated

        if (folder / ADAPTED).is_file():
            checkpoint = adapted_checkpoint(folder)
        else:
            checkpoint = load_checkpoint(model)
        refuse_adapted(checkpoint)
        card = folder / CARD
        text = card.read_text(encoding="utf-8") if card.is_file() else ""
        chosen = precision or "float32"
        content = translated(checkpoint, card=text, precision=chosen)
        return cls(content, chosen, checkpoint, is_translated=True)

    @property
    def tolerance(self) -> float:
        """How far a probability may be from that of the reference; rounding gives no bound."""
        is_rounded = self.is_translated and self.precision == "int8"
        return math.inf if is_rounded else TOLERANCE


def _graph_at_hand(folder: Path) -> OnnxClassifier | None:
    """Return the graph of a folder, if it surely belongs to the weights, and has all outputs."""
    graph = folder / GRAPH
    if not graph.is_file() or not graph.with_suffix(".json").is_file():
        return None
    try:
        classifier = load_onnx(graph)
    except CheckpointError:
        return None  # of other weights; the model itself may be all right
    return classifier if classifier.has_embeddings else None


def _need(package: str, *, extra: str = "export") -> None:
    """Refuse to go on without a package.

    Raises:
        SerError: When it is not installed.
    """
    if find_spec(package) is None:
        raise SerError(
            f"exporting needs the package {package}", do=f"pip install 'ser-pcq[{extra}]'"
        )


def _checked_difference(content: bytes, source: _Source) -> float:
    """Return `_difference` of a file to what it was made of.

    Raises:
        SerError: When it is too large.
    """
    difference = _difference(content, source.reference)
    if not difference <= source.tolerance:
        raise SerError(
            "the graph does not compute what the model does",
            given=f"a probability differs by {difference:.2g}",
            accepted=f"up to {source.tolerance:g}",
            do="report this, with the model's configuration",
        )
    return difference


def _difference(content: bytes, reference: Classifier) -> float:
    """Return the largest difference between file and model over sounds of several lengths."""
    classifier = OnnxClassifier(new_session(content))
    worst = 0.0
    for k, seconds in enumerate((0.1, 0.7, 1.0003, 2.50015, 4.13, 11.3)):
        sound = _made_up_sound(seconds, seed=k)
        scores = reference.probabilities([sound])[0]
        try:
            given = classifier.probabilities([sound])[0]
        except RuntimeError as error:
            raise SerError(
                "the graph cannot be run",
                given=f"{seconds} s of sound: {error}",
                do="report this, with the model's configuration",
            ) from error
        worst = max(worst, float(np.abs(given - scores).max()))
    return worst


def _made_up_sound(seconds: float, *, seed: int) -> NDArray[np.float32]:
    """Return syllables of a falling voice between pauses, (time,) at 16 kHz."""
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    pitch = 120 * (1 + seed / 3) * (1.1 - 0.2 * time / max(seconds, 0.1))
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    voice = sum(np.sin(k * phase) / k for k in range(1, 20))
    loudness = np.clip(np.sin(2 * np.pi * 3 * time + 0.5), 0, None) ** 2
    return (0.2 * voice * loudness + 0.001 * random.standard_normal(len(time))).astype(np.float32)
