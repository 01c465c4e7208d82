"""Graphs in older versions of the ONNX operators, for older runtimes.

The converter of the package onnx does not know how to go back from GELU, nor from axes that are an
input. Our graphs use few operators that have changed, so that the steps back can stand here.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ser_pcq.errors import SerError

NEWEST, OLDEST = 20, 17
"""Versions of the operators: what models are translated to, and the oldest on request. Opset 17 is
read by ONNX Runtime from 1.12 on (2022)."""

_FILE_VERSION = {17: 8, 18: 8, 19: 9, 20: 10}
"""Opset to the version of the file format of the same release of ONNX: older runtimes refuse later
ones."""

_REDUCTIONS = ("ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceL2", "ReduceSumSquare")
"""Those used by a torch model whose axes were an attribute before opset 18."""


def check_opset(opset: int) -> None:
    """Refuse what cannot be written.

    Raises:
        SerError: For another number than 17 to 20.
    """
    if not OLDEST <= opset <= NEWEST:
        raise SerError("no such opset", given=opset, accepted=f"{OLDEST} to {NEWEST}")


def with_opset(model: Any, opset: int) -> Any:
    """Return a graph without loops in an older version of the operators.

    Args:
        model: An `onnx.ModelProto` of version `NEWEST`.
        opset: 17 to 20.

    Raises:
        SerError: When an operator cannot be written in that version.
    """
    import onnx
    from onnx import numpy_helper

    if opset == NEWEST:
        return model
    older = onnx.ModelProto()
    older.CopyFrom(model)
    older.ir_version = _FILE_VERSION[opset]
    for one in older.opset_import:
        if one.domain in ("", "ai.onnx"):
            one.version = opset
    graph = older.graph
    constants = {
        one.name: numpy_helper.to_array(one)
        for one in graph.initializer
        if one.data_type == onnx.TensorProto.INT64
    }
    nodes: list[Any] = []
    for node in graph.node:
        step = _steps(opset).get(node.op_type)
        nodes += [node] if step is None else step(node, constants)
    del graph.node[:]
    graph.node.extend(nodes)
    _fill_biases(graph)
    if any(node.op_type == "Erf" for node in nodes):
        for name, value in _NUMBERS.items():
            graph.initializer.append(numpy_helper.from_array(np.array(value, np.float32), name))
    try:
        onnx.checker.check_model(older, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise SerError(
            f"this model cannot be written in opset {opset}",
            given=str(error).strip().splitlines()[0],
            accepted=f"opset {NEWEST}",
            do="leave --opset out",
        ) from error
    return older


_Step = Callable[[Any, Mapping[str, Any]], Sequence[Any]]

_NUMBERS = {"opset.half": 0.5, "opset.one": 1.0, "opset.root_half": 0.5**0.5}


def _steps(opset: int) -> dict[str, _Step]:
    """Return by operator what takes its place; each takes a node and the known integers."""
    steps: dict[str, _Step] = {"Gelu": _gelu}
    if opset < 18:
        steps |= dict.fromkeys(_REDUCTIONS, _reduction)
        steps |= {"Split": _split, "Resize": _resize}
    return steps


def _gelu(node: Any, _: Mapping[str, Any]) -> list[Any]:
    """Write x Φ(x) = x / 2 (1 + erf(x / √2))."""
    from onnx import helper

    for attribute in node.attribute:
        if attribute.name == "approximate" and attribute.s != b"none":
            return [node]  # for the checker to refuse
    (x,), (result,) = node.input, node.output
    scaled, error, share, half = (f"{result}.{part}" for part in ("scaled", "erf", "share", "half"))
    return [
        helper.make_node("Mul", [x, "opset.root_half"], [scaled]),
        helper.make_node("Erf", [scaled], [error]),
        helper.make_node("Add", [error, "opset.one"], [share]),
        helper.make_node("Mul", [x, "opset.half"], [half]),
        helper.make_node("Mul", [half, share], [result]),
    ]


def _fill_biases(graph: Any) -> None:
    """Give normalisations without a bias one of 0: ONNX Runtime of 2023 aborts where there is none.

    Its optimiser reads the third input without looking how many there are.
    """
    from onnx import numpy_helper

    shapes = {one.name: tuple(one.dims) for one in graph.initializer}
    for node in graph.node:
        has_none = node.op_type == "LayerNormalization" and len(node.input) == 2
        if has_none and node.input[1] in shapes:
            bias = f"{node.output[0]}.bias"
            zeros = np.zeros(shapes[node.input[1]], np.float32)
            graph.initializer.append(numpy_helper.from_array(zeros, bias))
            node.input.append(bias)


def _reduction(node: Any, constants: Mapping[str, Any]) -> list[Any]:
    """Write the axes as an attribute, where they are an input that is known."""
    from onnx import helper

    if len(node.input) > 1 and node.input[1] in constants:
        axes = np.atleast_1d(constants[node.input[1]]).tolist()
        del node.input[1:]
        _drop(node, "noop_with_empty_axes")
        node.attribute.append(helper.make_attribute("axes", axes))
    return [node]


def _split(node: Any, _: Mapping[str, Any]) -> list[Any]:
    """Leave out how many parts there are: equal ones, one for each output, were the rule."""
    if len(node.input) == 1:
        _drop(node, "num_outputs")
    return [node]


def _resize(node: Any, _: Mapping[str, Any]) -> list[Any]:
    """Leave out what came with opset 18, where it says nothing."""
    for attribute in node.attribute:
        if attribute.name == "antialias" and attribute.i:
            return [node]
        if attribute.name == "keep_aspect_ratio_policy" and attribute.s != b"stretch":
            return [node]
    _drop(node, "antialias", "keep_aspect_ratio_policy")
    return [node]


def _drop(node: Any, *names: str) -> None:
    """Take attributes away."""
    kept = [attribute for attribute in node.attribute if attribute.name not in names]
    del node.attribute[:]
    node.attribute.extend(kept)
