"""A graph without its large weights, which it takes from the package beside it when it is loaded.

An embedded model has its weights in safetensors files, for training and for torch. The graph with
which it predicts without torch needs the same numbers, in other shapes or rounded to 8 bits; they
are made when it is loaded, which takes a tenth of a second, instead of stored a second time. A JSON
file beside the graph says which initializer comes from which tensor.

Exporting writes such files and predicting reads them, so this is not part of `onnx_export`.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser_pcq.errors import CheckpointError
from ser_pcq.files import write_json
from ser_pcq.models.sharing.files import Weights, read_weights

LEAST = 16_384
"""Bytes; smaller initializers stay in the graph."""

FORMS: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "as stored": lambda w: w,
    "transposed": lambda w: w.T,
    "neighbours": lambda w: w.transpose(0, 2, 1).reshape(len(w), -1).T,
    "kernel": lambda w: w.reshape(len(w), -1, 3),
    "pointwise": lambda w: w[:, :, np.newaxis],
}
"""Tensor of the package to initializer. `neighbours`: a convolution of three as one product;
`kernel`: the same the other way round; `pointwise`: a product as a convolution of one."""


def rounded(values: NDArray[np.float32]) -> NDArray[np.int8]:
    """Round weights to 8 bits, each column on its own scale, as ONNX Runtime's quantizer does.

    Shape:
        (n_in, n_out) to the same.
    """
    scale = (2.0 * np.abs(values).max(axis=0).astype(np.float64) / 254.0).astype(np.float32)
    return np.clip(np.rint(values / np.where(scale > 0, scale, 1)), -127, 127).astype(np.int8)


def without_weights(
    content: bytes, tensors: Mapping[str, NDArray[np.float32]]
) -> tuple[bytes, dict[str, dict[str, str]]]:
    """Take out of a graph what can be made again, to the last bit, from the tensors of its package.

    Args:
        content: Of an ONNX file.
        tensors: The package's, in single precision.

    Returns:
        The graph, and for each initializer that is gone what it is made of.
    """
    import onnx
    from onnx import numpy_helper

    model = onnx.load_from_string(content)
    sources: dict[str, dict[str, str]] = {}
    for one in model.graph.initializer:
        source = _source(numpy_helper.to_array(one), tensors)
        if source is None:
            continue
        sources[one.name] = source
        one.ClearField("raw_data")
        one.data_location = onnx.TensorProto.EXTERNAL
        one.external_data.add(key="location", value="model.safetensors")
    stripped: bytes = model.SerializeToString()
    return stripped, sources


def _source(
    wanted: NDArray[Any], tensors: Mapping[str, NDArray[np.float32]]
) -> dict[str, str] | None:
    """Return what an initializer is made of; None when it is small, or matches no tensor."""
    if wanted.nbytes < LEAST:
        return None
    for tensor, held in tensors.items():
        if held.size != wanted.size:
            continue
        for form in FORMS:
            source = {"tensor": tensor, "form": form, "dtype": wanted.dtype.name}
            try:
                made = _made(source, held)
            except (ValueError, IndexError):
                continue
            if made.shape == wanted.shape and np.array_equal(made, wanted):
                return source
    return None


def _made(source: Mapping[str, str], held: NDArray[Any]) -> NDArray[Any]:
    """Return an initializer, made of a tensor."""
    shaped = FORMS[source["form"]](held.astype(np.float32))
    return np.ascontiguousarray(rounded(shaped) if source["dtype"] == "int8" else shaped)


def write_sources(path: Path, sources: Mapping[str, Mapping[str, str]], weights: Weights) -> None:
    """Write beside a graph what its initializers are made of, and of which weights.

    Args:
        path: The JSON file.
        sources: As `without_weights` gives them.
        weights: Of the package.
    """
    write_json(path, {"weights_sha256": weights.sha256, "sources": sources})


def _arrays(graph: Path) -> dict[str, NDArray[Any]]:
    """Return the weights that a graph is without, by the name of their initializer.

    Raises:
        CheckpointError: When the graph does not belong to the weights beside it, or one is damaged.
    """
    from safetensors import SafetensorError

    try:
        about = json.loads(graph.with_suffix(".json").read_text(encoding="utf-8"))
        weights = read_weights(graph.parent)
        if about["weights_sha256"] != weights.sha256:
            raise ValueError(f"the weights are not those that {graph.name} was made of")
        return {
            name: _made(source, weights.tensors[source["tensor"]])
            for name, source in about["sources"].items()
        }
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            "damaged model", given=graph.parent, do=f"install or copy it again ({error})"
        ) from error


def with_weights(graph: Path) -> bytes:
    """Return a graph with the weights that it is without: the content of a file that is complete.

    Args:
        graph: A file that `without_weights` made, with its sources and its package beside it.

    Raises:
        CheckpointError: When it does not belong to the weights beside it, or one is damaged.
    """
    import onnx
    from onnx import numpy_helper

    arrays = _arrays(graph)
    model = onnx.load(str(graph), load_external_data=False)
    for one in model.graph.initializer:
        if one.name in arrays:
            one.CopyFrom(numpy_helper.from_array(arrays[one.name], one.name))
    content: bytes = model.SerializeToString()
    return content


def session_options(graph: Path) -> tuple[Any, list[Any]]:
    """Return `onnxruntime.SessionOptions` that give a graph its weights, and these.

    ONNX Runtime does not copy the weights: they have to be kept as long as the session.

    Args:
        graph: A file that `without_weights` made, with its sources and its package beside it.

    Raises:
        CheckpointError: When it does not belong to the weights beside it, or one is damaged.
    """
    import onnxruntime

    arrays = _arrays(graph)
    options = onnxruntime.SessionOptions()
    # What numpy holds is not copied either, so it is kept beside.
    held = [onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in arrays.values()]
    options.add_external_initializers(list(arrays), held)
    return options, [held, arrays]
