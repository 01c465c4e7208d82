"""The head in an ONNX graph: one more output, made of the embedding."""

from typing import Any

from ser_pcq.models.classifier_onnx import EMBEDDING
from ser_pcq.models.speech_head.head import BIAS, SPEECH, WEIGHT, SpeechHead


def with_head(content: bytes, head: SpeechHead, card: str | None = None) -> bytes:
    """Return a graph with the output `SPEECH`, in the place of one that it may have had.

    Args:
        content: Of an ONNX file that has all its weights, and the output `EMBEDDING`.
        head: Fitted on the model's embeddings.
        card: What takes the place of the model card in the metadata; None to keep that.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load_from_string(content)
    graph = model.graph
    without_head(graph)
    for name, value in head.tensors().items():
        graph.initializer.append(numpy_helper.from_array(value, name))
    product, axes, total = (f"{SPEECH}.{name}" for name in ("product", "axes", "total"))
    graph.initializer.append(helper.make_tensor(axes, TensorProto.INT64, [1], [1]))
    # Not as a product of matrices, which tools that round to 8 bits would round.
    graph.node.extend(
        (
            helper.make_node("Mul", [EMBEDDING, WEIGHT], [product]),
            helper.make_node("ReduceSum", [product, axes], [total], keepdims=1),
            helper.make_node("Add", [total, BIAS], [SPEECH]),
        )
    )
    embedding = next(one for one in graph.output if one.name == EMBEDDING)
    batch = embedding.type.tensor_type.shape.dim[0]
    shape = [batch.dim_param or batch.dim_value, 1]
    graph.output.append(helper.make_tensor_value_info(SPEECH, TensorProto.FLOAT, shape))
    for one in model.metadata_props:
        if one.key == "card" and card is not None:
            one.value = card
    whole: bytes = model.SerializeToString()
    return whole


def without_head(graph: Any) -> None:
    """Remove the head that a graph has."""
    for group in (graph.initializer, graph.node, graph.output):
        for one in list(group):
            made = [one.name, *getattr(one, "output", [])]
            if any(name == SPEECH or name.startswith(f"{SPEECH}.") for name in made):
                group.remove(one)
