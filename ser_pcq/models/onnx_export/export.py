"""A trained model as one ONNX file: waveforms in, probabilities out.

Frontend, encoder and network are all in the graph, and labels, card and facts in its metadata, so
that the file is all that a program needs. In 8 bits, the weights of matrix products are rounded to
one byte each (Jacob et al. 2018, section 2), and what flows through them while it runs; the rest
stays in single precision.
"""

import contextlib
import json
import logging
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file

from ser_pcq.audio.waveform import MIN_DURATION, SAMPLE_RATE
from ser_pcq.errors import SerError
from ser_pcq.files import whole_file
from ser_pcq.models.checkpoint import Checkpoint, load_checkpoint, refuse_adapted
from ser_pcq.models.classifier_onnx import (
    EMBEDDING,
    INFO_KEY,
    INPUT,
    OUTPUT,
    GraphInfo,
    OnnxClassifier,
    new_session,
)
from ser_pcq.models.folder import CARD, WEIGHTS, find_model
from ser_pcq.models.onnx_export.recognizers import LinearGraph, NetworkGraph, as_graph
from ser_pcq.models.onnx_export.translations import translations
from ser_pcq.models.shared_weights import without_weights, write_sources

Precision = Literal["float32", "int8"]

OPSET = 20
"""Version of the ONNX operators; the first one with GELU."""

TOLERANCE = 1e-4
"""Largest difference of a probability between the model and its graph in single precision."""

LONGEST = 24 * 3600 * SAMPLE_RATE
"""Samples; an upper end has to be stated for the length."""


@dataclass(frozen=True)
class Export:
    """What was written, and how far it is from the model.

    Attributes:
        path: The file.
        precision: `float32` or `int8`.
        size: In bytes.
        difference: Largest difference of a probability to the model, over a few made-up sounds.
    """

    path: Path
    precision: Precision
    size: int
    difference: float


def export_onnx(
    model: str, path: Path, *, precision: Precision = "float32", share_weights: bool = False
) -> Export:
    """Write a model as an ONNX file.

    Args:
        model: Embedded name or path of a checkpoint.
        path: The file to write; its name should end in `.onnx`.
        precision: `int8` is smaller and faster, and a little off.
        share_weights: Leave out what the checkpoint's `model.safetensors` holds, and write a JSON
            file beside that says how it is made from there. For a graph in the checkpoint's own
            folder, which then predicts without torch.

    Raises:
        CheckpointError: When the model is missing, or needs more than one recording.
        SerError: When the model cannot be written as a graph, a package is missing, or the graph
            does not compute what the model does.
    """
    if precision not in get_args(Precision):
        raise SerError("no such precision", given=precision, accepted=get_args(Precision))
    missing = [name for name in ("onnx", "onnxscript") if find_spec(name) is None]
    if missing:
        raise SerError(
            f"exporting needs the package {missing[0]}", do="pip install 'ser-pcq[export]'"
        )
    checkpoint = load_checkpoint(model)
    refuse_adapted(checkpoint)
    card = find_model(model) / CARD
    graph = as_graph(checkpoint.recognizer)
    text = card.read_text(encoding="utf-8") if card.is_file() else ""
    content = _with_metadata(_translate(graph), checkpoint, text, precision)
    if precision == "int8":
        content = _in_8_bits(content)
    difference = _difference(content, checkpoint)
    if precision == "float32" and not difference <= TOLERANCE:
        raise SerError(
            "the graph does not compute what the model does",
            given=f"a probability differs by {difference:.2g}",
            accepted=f"up to {TOLERANCE:g}",
            do="report this, with the model's configuration",
        )
    if share_weights:
        tensors = load_file(find_model(model) / WEIGHTS)
        full = {name: value.astype(np.float32) for name, value in tensors.items()}
        content, sources = without_weights(content, full)
        write_sources(path.with_suffix(".json"), sources, find_model(model) / WEIGHTS)
    with whole_file(path) as temporary:
        temporary.write_bytes(content)
    return Export(path, precision, len(content), difference)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hide the exporter's messages for its developers from the terminal."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)


@contextlib.contextmanager
def _translating() -> Iterator[None]:
    """Turn what the exporter raises into an error that the user understands.

    Raises:
        SerError: When a part of the model has no translation.
    """
    try:
        yield
    except torch.onnx.errors.OnnxExporterError as error:
        raise SerError(
            "this model cannot be written as a graph",
            given=str(error.__cause__ or error).strip().splitlines()[0],
            do="report this, with the model's configuration",
        ) from error


def _translate(graph: NetworkGraph | LinearGraph) -> Any:
    """Return the ONNX model of a graph, without anything that says where it was made."""
    batch = torch.export.Dim("batch", min=1, max=4096)
    time = torch.export.Dim("time", min=round(MIN_DURATION * SAMPLE_RATE), max=LONGEST)
    # Two recordings of several segments: what is 1 in the example is taken for a constant.
    segment = graph.cutting.length
    # A length that is a multiple of the segment's could be taken for a rule.
    length = 2 * segment + segment // 2 + 37
    example = torch.randn(2, length, generator=torch.Generator().manual_seed(0))
    with _quiet(), torch.inference_mode(), _translating():
        program = torch.onnx.export(
            graph,
            (example,),
            dynamo=True,
            dynamic_shapes=({0: batch, 1: time},),
            input_names=[INPUT],
            output_names=[OUTPUT, EMBEDDING],
            opset_version=OPSET,
            custom_translation_table=translations(),
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    # The exporter notes the line of code behind each node, with paths; and shapes of the example.
    del model.graph.value_info[:], model.metadata_props[:], model.graph.metadata_props[:]
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for initializer in model.graph.initializer:
        initializer.doc_string = ""
    return model


def _with_metadata(model: Any, checkpoint: Checkpoint, card: str, precision: Precision) -> bytes:
    """Return the file's content, with its facts and its card in the metadata."""
    info = checkpoint.info
    model.producer_name, model.producer_version = "ser-pcq", info.versions.ser_pcq
    model.graph.name = info.name
    graph_info = GraphInfo(
        name=info.name,
        labels=info.labels,
        sample_rate=SAMPLE_RATE,
        precision=precision,
        data=info.data,
        protocol_name=info.protocol_name,
        leaky=info.leaky,
    )
    for key, value in ((INFO_KEY, json.dumps(graph_info.to_json())), ("card", card)):
        model.metadata_props.add(key=key, value=value)
    content: bytes = model.SerializeToString()
    return content


def _in_8_bits(content: bytes) -> bytes:
    """Round the weights of all matrix products to 8 bits, a scale for each column."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "float32.onnx"), Path(folder, "int8.onnx")
        source.write_bytes(content)
        root = logging.getLogger()
        before = root.level
        # It advises to optimise first, which would tie the file to this processor.
        root.setLevel(logging.ERROR)
        try:
            quantize_dynamic(
                source,
                target,
                op_types_to_quantize=["MatMul"],
                per_channel=True,
                weight_type=QuantType.QInt8,
                extra_options={"MatMulConstBOnly": True},
            )
        finally:
            root.setLevel(before)
        return target.read_bytes()


def _difference(content: bytes, checkpoint: Checkpoint) -> float:
    """Return the largest difference between file and model over sounds of several lengths."""
    classifier = OnnxClassifier(new_session(content))
    worst = 0.0
    for k, seconds in enumerate((0.1, 0.7, 1.0003, 2.50015, 4.13, 11.3)):
        sound = _made_up_sound(seconds, seed=k)
        scores = checkpoint.recognizer.log_probabilities(torch.from_numpy(sound)).exp()
        try:
            given = classifier.probabilities([sound])[0]
        except RuntimeError as error:
            raise SerError(
                "the graph cannot be run",
                given=f"{seconds} s of sound: {error}",
                do="report this, with the model's configuration",
            ) from error
        worst = max(worst, float(np.abs(given - scores.double().numpy()).max()))
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
