"""A trained model translated to an ONNX graph, by the exporter of torch."""

import contextlib
import json
import logging
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from ser_pcq.audio.waveform import MIN_DURATION, SAMPLE_RATE
from ser_pcq.errors import SerError
from ser_pcq.models.checkpoint import Checkpoint
from ser_pcq.models.classifier_onnx import EMBEDDING, INPUT, OUTPUT
from ser_pcq.models.description.graph import INFO_KEY, GraphInfo
from ser_pcq.models.onnx_export.opset import NEWEST
from ser_pcq.models.onnx_export.recognizers import LinearGraph, NetworkGraph, as_graph
from ser_pcq.models.onnx_export.speech import with_head
from ser_pcq.models.onnx_export.translations import translations

LONGEST = 24 * 3600 * SAMPLE_RATE
"""Samples; an upper end has to be stated for the length."""


def translated(checkpoint: Checkpoint, *, card: str, precision: str) -> bytes:
    """Return a model as the content of an ONNX file, labels, facts and card in its metadata.

    Args:
        checkpoint: The model.
        card: Text of its card.
        precision: `float32` or `int8`.

    Raises:
        SerError: When the model cannot be written as a graph.
    """
    content = _with_metadata(
        translate(as_graph(checkpoint.recognizer)), checkpoint, card, precision
    )
    content = _in_8_bits(content) if precision == "int8" else content
    # Not rounded: it costs nothing.
    head = checkpoint.speech_head
    return content if head is None else with_head(content, head)


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


def translate(graph: NetworkGraph | LinearGraph) -> Any:
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
            opset_version=NEWEST,
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


def _with_metadata(model: Any, checkpoint: Checkpoint, card: str, precision: str) -> bytes:
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
        licence=info.licence,
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
