"""A graph that takes recordings of several lengths at once, padded, with their true lengths."""

from typing import Any

from ser_pcq.models.classifier_onnx import INPUT, LENGTHS

_OF_ONE = "of_one."
"""Begins the names of what is added within the loop."""


def with_lengths(model: Any) -> Any:
    """Return the graph in a loop over the recordings of a batch, each cut to its length.

    A row is computed as the recording alone would be, whatever is in its padding and in the other
    rows, as the graph within the loop never sees them: no part of the model has to know how to
    treat padding. Rows are computed one after the other.

    Args:
        model: An `onnx.ModelProto`: (batch, time) to (batch, class) and (batch, width).

    Returns:
        The same with a second input, (batch,) of int64, samples from 1 to the time axis.
    """
    import onnx
    from onnx import helper

    integer = onnx.TensorProto.INT64
    inputs = [*model.graph.input, helper.make_tensor_value_info(LENGTHS, integer, ["batch"])]
    outputs = list(model.graph.output)
    nodes = [
        helper.make_node("Shape", [INPUT], ["batch"], start=0, end=1),
        helper.make_node("Loop", ["batch", ""], [one.name for one in outputs], body=_body(model)),
    ]
    looped = onnx.ModelProto()
    looped.CopyFrom(model)
    looped.graph.CopyFrom(helper.make_graph(nodes, model.graph.name, inputs, outputs))
    return looped


def _body(model: Any) -> Any:
    """Return the graph for one row of the batch: cut, judged, without the axis of the batch."""
    import onnx
    from onnx import helper

    def described(name: str, kind: int, *shape: int) -> Any:
        return helper.make_tensor_value_info(name, kind, list(shape))

    graph = onnx.GraphProto()
    graph.CopyFrom(model.graph)
    inside = {name: _OF_ONE + name for name in (INPUT, *(one.name for one in graph.output))}
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [inside.get(name, name) for name in names]
    row, begin, length, padded, goes_on, stays, *axes = (
        _OF_ONE + name
        for name in ("row", "begin", "length", "padded", "goes_on", "stays", "axis_0", "axis_1")
    )
    cut = [
        helper.make_node("Unsqueeze", [row, axes[0]], [begin]),
        helper.make_node("Gather", [LENGTHS, begin], [length]),
        helper.make_node("Gather", [INPUT, begin], [padded]),
        helper.make_node("Slice", [padded, axes[0], length, axes[1]], [inside[INPUT]]),
        helper.make_node("Identity", [goes_on], [stays]),
    ]
    results, ends = [described(stays, onnx.TensorProto.BOOL)], []
    for one in graph.output:
        width = one.type.tensor_type.shape.dim[1].dim_value
        results.append(described(f"{inside[one.name]}.row", onnx.TensorProto.FLOAT, width))
        ends.append(helper.make_node("Squeeze", [inside[one.name], axes[0]], [results[-1].name]))
    numbers = [
        helper.make_tensor(axis, onnx.TensorProto.INT64, [1], [k]) for k, axis in enumerate(axes)
    ]
    return helper.make_graph(
        [*cut, *graph.node, *ends],
        "one recording",
        [described(row, onnx.TensorProto.INT64), described(goes_on, onnx.TensorProto.BOOL)],
        results,
        # The weights lie within, as ONNX Runtime prepares only those for the processor. Outside,
        # those in 8 bits would overflow where it lacks VNNI: see `classifier_onnx.new_session`.
        [*graph.initializer, *numbers],
    )
