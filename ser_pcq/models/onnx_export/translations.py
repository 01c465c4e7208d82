"""Operations that the exporter of torch would write slowly, or wrongly, for these graphs."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def pooling_matrix(n_in: int, n_out: int) -> NDArray[np.float32]:
    """Return what `torch.nn.functional.adaptive_avg_pool1d` multiplies by, (n_in, n_out).

    Window k reaches from floor(k n_in / n_out) to ceil((k + 1) n_in / n_out).
    """
    matrix = np.zeros((n_in, n_out), np.float32)
    for k in range(n_out):
        start, end = k * n_in // n_out, -(-(k + 1) * n_in // n_out)
        matrix[start:end, k] = 1 / (end - start)
    return matrix


def translations() -> dict[Any, Any]:
    """Return how the exporter should write some operations.

    Adaptive pooling as products with constants: its own way is a loop over the longest window,
    which it gets wrong for batches of any size. Whole quotients as the bare division: graphs divide
    indices and lengths, none of them negative, and so need no care for how it rounds.
    """
    import torch
    from onnx import numpy_helper
    from onnxscript import opset20

    op: Any = opset20

    def constant(n_in: int, n_out: int) -> Any:
        return op.Constant(value=numpy_helper.from_array(pooling_matrix(n_in, n_out)))

    def pool1d(x: Any, output_size: Any) -> Any:
        return op.Einsum(x, constant(x.shape[-1], output_size[0]), equation="...i,io->...o")

    def pool2d(x: Any, output_size: Any) -> Any:
        rows, columns = (constant(x.shape[2 + k], output_size[k]) for k in range(2))
        pooled = op.Einsum(x, columns, equation="abij,jo->abio")
        return op.Einsum(pooled, rows, equation="abij,io->aboj")

    def floor_divide(one: Any, other: Any) -> Any:
        quotient = op.Div(one, other)
        return op.Floor(quotient) if one.dtype.is_floating_point() else quotient

    ops = torch.ops.aten
    return {
        ops.floor_divide.default: floor_divide,
        ops.adaptive_avg_pool1d.default: pool1d,
        ops._adaptive_avg_pool2d.default: pool2d,
    }
