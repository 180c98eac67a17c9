"""Normalisations that have no float64 kernel: means, squares and roots of them."""

from __future__ import annotations

from nlblocks.exchange.programs.lowering.registry import lowers
from nlblocks.exchange.programs.lowering.windows import MOST
from nlblocks.exchange.programs.lowering.writing import END, Call, Unwritable, Value, Writer


@lowers("InstanceNormalization")
def instance_normalization(write: Writer, call: Call) -> Value:
    x = call[0]
    rows = _standard(write, write.reshape(x, 0, 0, -1), call.attribute("epsilon"), 2)
    return write("Reshape", _scaled(write, rows, call[1], call[2]), write("Shape", x))


@lowers("GroupNormalization")
def group_normalization(write: Writer, call: Call) -> Value:
    """Opset 21 has a scale for each channel, the ones before it a scale for each group."""
    x, groups = call[0], call.attribute("num_groups")
    rows = _standard(write, write.reshape(x, 0, groups, -1), call.attribute("epsilon"), 2)
    if write.opset < 21:
        return write("Reshape", _scaled(write, rows, call[1], call[2]), write("Shape", x))
    columns = write.reshape(rows, 0, write.size(call[1]), -1)
    return write("Reshape", _scaled(write, columns, call[1], call[2]), write("Shape", x))


@lowers("LayerNormalization")
def layer_normalization(write: Writer, call: Call) -> list[Value] | None:
    """Its mean and its spread are float32 in onnxruntime; where nobody asks for them it is exact."""
    if not any(call.outputs[1:]):
        return None
    x, axis, bias = call[0], call.attribute("axis"), call.input(2)
    rank = len(write.shape(x) or ())
    if axis >= 0 and not rank:
        raise Unwritable("the rank of its input is not known before it runs")
    axes = list(range(axis if axis < 0 else axis - rank, 0))
    mean = write.reduce("Mean", x, *axes)
    centred = x - mean
    inverse = 1.0 / write("Sqrt", write.reduce("Mean", centred * centred, *axes) + call.attribute("epsilon"))
    y = centred * inverse * call[1]
    return [y if bias is None else y + bias, mean, inverse]


@lowers("MeanVarianceNormalization")
def mean_variance_normalization(write: Writer, call: Call) -> Value:
    x, axes = call[0], call.attribute("axes")
    mean = write.reduce("Mean", x, *axes)
    spread = write.reduce("Mean", x * x, *axes) - mean * mean
    return (x - mean) / (write("Sqrt", spread) + 1e-9)


@lowers("LRN")
def lrn(write: Writer, call: Call) -> Value:
    """x / (bias + alpha / size · Σ x² over the channels beside)^beta."""
    x, size = call[0], call.attribute("size")
    rank = len(write.shape(x) or ())
    if not rank:
        raise Unwritable("the rank of its input is not known before it runs")
    if size > MOST:
        raise Unwritable(f"its window has {size} places, over {MOST}")
    before = (size - 1) // 2
    squares = write.pad(x * x, [0, before, *[0] * (rank - 2), 0, size - 1 - before, *[0] * (rank - 2)])
    total: Value | None = None
    for place in range(size):
        end = place - size + 1
        part = write.slice(squares, [place], [end], [1]) if end else write.slice(squares, [place], [END], [1])
        total = part if total is None else total + part
    assert total is not None  # a size is at least 1
    scale = call.attribute("alpha") / size
    return x / write("Pow", call.attribute("bias") + scale * total, call.attribute("beta"))


def _standard(write: Writer, x: Value, eps: float, axis: int) -> Value:
    """Mean 0 and variance 1 along an axis."""
    centred = x - write.reduce("Mean", x, axis)
    return centred / write("Sqrt", write.reduce("Mean", centred * centred, axis) + eps)


def _scaled(write: Writer, rows: Value, scale: Value, bias: Value) -> Value:
    """[B, C, N] by a scale and a bias for each channel."""
    return rows * write.column(scale, 3) + write.column(bias, 3)
