"""What ONNX's operators are in the lab's vocabulary: one row each. An operator that has none keeps its own name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nlblocks.exchange.side import windows
from nlblocks.exchange.side.reading import At, Operands, Read, Reader, Row, first, listed, numbers_of, plain, taking

FLATTENING = 13
"""The opset from which Softmax is taken along one axis: before it was over all axes from the one that it names on."""


def _linear(at: At) -> Read:
    """Gemm: α A B + β C."""
    if at.attr("alpha", 1.0) != 1.0 or at.attr("beta", 1.0) != 1.0 or at.attr("transA", 0):
        attrs = {name: at.attr(name) for name in ("alpha", "beta", "transA", "transB")}
        return Read(at.given(), attrs, "Gemm.scaled")
    return Read(at.given(), {"layout": "out_in" if at.attr("transB", 0) else "in_out"})


def _batch_norm(at: At) -> Read:
    """Inputs are x, scale, bias, mean, variance. What the momentum is matters to no inference."""
    return Read([0, 3, 4, 1, 2], {"training": bool(at.attr("training_mode", 0)), "eps": at.attr("epsilon", 1e-5)})


def _layer_norm(at: At) -> Read:
    axis = int(at.attr("axis", -1)) % at.x.ndim
    return Read(at.given(), {"axes": tuple(at.x.shape[axis:]), "eps": at.attr("epsilon", 1e-5)})


def _group_norm(at: At) -> Read:
    return Read(at.given(), {"groups": int(at.attr("num_groups")), "eps": at.attr("epsilon", 1e-5)})


def _clip(at: At) -> Read:
    if len(at.arrays) < 2:
        return Read([0], {"low": at.attr("min"), "high": at.attr("max")})
    if any(at.array(i) is not None and not at.fixed[i] for i in (1, 2)):
        return Read(at.given(), name="Clip.computed")
    return Read([0], {"low": at.known(1), "high": at.known(2)})


def _softmax(at: At) -> Read:
    rank = at.x.ndim
    axis = int(at.attr("axis", -1 if at.version >= FLATTENING else 1)) % rank
    if at.version >= FLATTENING or all(extent == 1 for extent in at.x.shape[axis + 1 :]):
        return Read([0], {"axis": axis})
    return Read([0], {"axis": tuple(range(axis, rank))})


def _reduce(at: At) -> Read:
    axes = at.known(1) if at.array(1) is not None else at.attr("axes")
    if axes is None and at.attr("noop_with_empty_axes", 0):
        return Read([0], name="Identity")
    found = None if axes is None else tuple(sorted(axis % at.x.ndim for axis in numbers_of(axes)))
    return Read([0], {"axis": found, "keepdim": bool(at.attr("keepdims", 1))})


def _axis(default: int) -> Reader:
    return lambda at: Read([0], {"axis": int(at.attr("axis", default)) % at.x.ndim})


def _concat(at: At) -> Read:
    return Read([at.given()], {"axis": int(at.attr("axis"))})


def _slice(at: At) -> Read:
    """Slice: starts, ends, axes and steps, as inputs or, before opset 10, attributes."""
    if len(at.arrays) > 1:
        found = [at.known(i) if at.array(i) is not None else None for i in range(1, 5)]
        if any(at.array(i) is not None and not at.fixed[i] for i in range(1, len(at.arrays))):
            return Read(at.given(), name="Slice.computed")
    else:
        found = [at.attr("starts"), at.attr("ends"), at.attr("axes"), None]
    starts, ends = (list(one) for one in found[:2] if one is not None)
    axes, steps = found[2] or list(range(len(starts))), found[3] or [1] * len(starts)
    index: list[Any] = [slice(None)] * at.x.ndim
    for axis, start, stop, step in zip(axes, starts, ends, steps, strict=True):
        extent = at.x.shape[axis]
        stop = None if stop >= extent or (step < 0 and stop < -extent) else int(stop)
        index[axis] = slice(None if step > 0 and start == 0 else int(start), stop, None if step == 1 else int(step))
    return Read([0], {"index": tuple(index)})


def _gather(at: At) -> Read:
    """Rows of a table by computed indices; else what is picked is known."""
    axis = int(at.attr("axis", 0)) % at.x.ndim
    if not at.fixed[1]:
        return Read([1, 0], name="Gather.rows") if axis == 0 else Read([0, 1], {"axis": axis}, "Gather.computed")
    index = at.known(1)
    if not isinstance(index, int):
        return Read([0, 1], {"axis": axis}, "Gather.computed")
    return Read([0], {"index": (*[slice(None)] * axis, index)})


def _einsum(at: At) -> Read:
    return Read([at.given()], {"equation": str(at.attr("equation"))})


def _cumsum(at: At) -> Read:
    return Read([0], {"axis": int(np.ravel(at.known(1) or 0)[0]) % at.x.ndim})


def _unless(number: float) -> Reader:
    """Both operands; x alone where the other is a number that changes nothing: so paddle2onnx copies a tensor."""

    def read(at: At) -> Read:
        other = at.array(1)
        nothing = other is not None and at.fixed[1] and other.size == 1 and other.item() == number
        return Read([0], name="Identity") if nothing else plain(at)

    return read


def _with(line: str, read: Reader = plain, *shaped: int, **numbers: str) -> Row:
    return Row(line, read, numbers, frozenset(shaped))


_REDUCED = {
    "ReduceMean": "mean", "ReduceSum": "sum", "ReduceMax": "amax", "ReduceMin": "amin", "ReduceProd": "prod",
    "ReduceL1": "reduce_l1", "ReduceL2": "norm", "ReduceLogSumExp": "logsumexp", "ReduceSumSquare": "sum_square",
}  # fmt: skip
_OF_ONE = {
    "Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "HardSwish": "hard_swish", "Mish": "mish",
    "Softsign": "softsign", "Softplus": "softplus", "Identity": "identity", "Not": "logical_not", "IsNaN": "isnan",
    "Exp": "exp", "Log": "log", "Sqrt": "sqrt", "Neg": "neg", "Abs": "abs", "Reciprocal": "reciprocal", "Erf": "erf",
    "Floor": "floor", "Ceil": "ceil", "Round": "round", "Sign": "sign", "Sin": "sin", "Cos": "cos",
}  # fmt: skip
_OF_TWO = {
    "Add": "add", "Sub": "sub", "Mul": "mul", "Div": "div", "Pow": "pow", "MatMul": "matmul", "Less": "less",
    "LessOrEqual": "less_equal", "Greater": "greater", "GreaterOrEqual": "greater_equal", "Equal": "equal",
    "And": "logical_and", "Or": "logical_or", "Mod": "remainder",
}  # fmt: skip
_MOVED = {
    "Reshape": "reshape", "Flatten": "flatten", "Squeeze": "squeeze", "Unsqueeze": "unsqueeze", "Expand": "expand",
    "Cast": "cast", "CastLike": "cast", "Transpose": "permute", "Tile": "repeat", "Split": "split",
    "Dropout": "identity",
}  # fmt: skip

ROWS: Mapping[str, Row] = {
    **{name: _with(f"{kind}: x") for name, kind in _OF_ONE.items()},
    **{name: _with(f"{kind}: x other") for name, kind in _OF_TWO.items()},
    **{name: _with(f"{kind}: x", first, 1, 2) for name, kind in _MOVED.items()},
    **{name: _with(f"{kind}: x axis keepdim", _reduce, 1) for name, kind in _REDUCED.items()},
    "Add": _with("add: x other", _unless(0.0)),
    "Mul": _with("mul: x other", _unless(1.0)),
    "Conv": _with("conv: x weight bias=None stride padding dilation groups", windows.conv),
    "ConvTranspose": _with(
        "conv_transpose: x weight bias=None stride padding dilation groups output_padding size=None",
        windows.conv_transpose,
    ),
    "Gemm": _with("linear: x weight bias=None layout", _linear),
    "BatchNormalization": _with(
        "batch_norm: x running_mean running_var weight bias training eps", _batch_norm, eps="epsilon"
    ),
    "LayerNormalization": _with("layer_norm: x weight bias=None axes eps", _layer_norm, eps="epsilon"),
    "InstanceNormalization": _with("instance_norm: x weight bias eps", taking(eps="epsilon"), eps="epsilon"),
    "GroupNormalization": _with("group_norm: x weight bias groups eps", _group_norm, eps="epsilon"),
    "LRN": _with(
        "local_response_norm: x size alpha beta k",
        taking("size", "alpha", "beta", k="bias"),
        alpha="alpha",
        beta="beta",
        k="bias",
    ),
    "MaxPool": _with("max_pool: x kernel stride padding dilation ceil_mode", windows.max_pool),
    "AveragePool": _with("avg_pool: x kernel stride padding ceil_mode count_include_pad", windows.avg_pool),
    "GlobalAveragePool": _with("adaptive_avg_pool: x size", windows.global_pool),
    "GlobalMaxPool": _with("adaptive_max_pool: x size", windows.global_pool),
    "Resize": _with("interpolate: x size scale mode align_corners antialias", windows.resize, 1, 2, 3),
    "Upsample": _with("interpolate: x size scale mode align_corners antialias", windows.resize, 1),
    "GridSample": _with("grid_sample: x grid mode padding_mode align_corners", windows.grid_sample),
    "Pad": _with("pad: x pad mode fill", windows.pad, 1, 2, 3),
    "DepthToSpace": _with("pixel_shuffle: x factor order", windows.depth_to_space),
    "LeakyRelu": _with("leaky_relu: x slope", taking(slope="alpha"), slope="alpha"),
    "Elu": _with("elu: x alpha", taking("alpha"), alpha="alpha"),
    "Celu": _with("celu: x alpha", taking("alpha"), alpha="alpha"),
    "Selu": _with("selu: x alpha gamma", taking("alpha", "gamma"), alpha="alpha", gamma="gamma"),
    "ThresholdedRelu": _with("thresholded_relu: x threshold", taking(threshold="alpha"), threshold="alpha"),
    "HardSigmoid": _with(
        "hard_sigmoid: x slope offset", taking(slope="alpha", offset="beta"), slope="alpha", offset="beta"
    ),
    "Gelu": _with("gelu: x approximate", taking("approximate")),
    "PRelu": _with("prelu: x weight"),
    "Clip": _with("clip: x low high", _clip, 1, 2, low="min", high="max"),
    "Softmax": _with("softmax: x axis", _softmax),
    "LogSoftmax": _with("log_softmax: x axis", _softmax),
    "Where": _with("where: mask x other"),
    "Concat": _with("cat: x axis", _concat),
    "Slice": _with("getitem: x index", _slice, 1, 2, 3, 4),
    "Gather": _with("getitem: x index", _gather),
    "Max": _with("maximum: x other"),
    "Min": _with("minimum: x other"),
    "Einsum": _with("einsum: x equation", _einsum),
    "CumSum": _with("cumsum: x axis", _cumsum, 1),
    "ArgMax": _with("argmax: x axis", _axis(0)),
    "ArgMin": _with("argmin: x axis", _axis(0)),
    "Sum": _with("sum_of: x", listed),
}
OTHERS: Mapping[str, str] = {
    "Gemm.scaled": "gemm: x other added=None alpha beta transA transB",
    "Clip.computed": "clip: x low=None high=None",
    "Slice.computed": "slice: x starts ends axes=None steps=None",
    "Pad.computed": "pad: x sides fill=None axes=None",
    "Gather.rows": "embedding: x weight",
    "Gather.computed": "gather: x index axis",
}
"""Lines of operators whose nodes are several kinds."""
TABLE: Mapping[str, str] = {**{name: row.line for name, row in ROWS.items()}, **OTHERS}
"""Every line by the name that the tracer calls."""
MOVING = {*_MOVED, "Identity"}
"""Operators that compute nothing."""
DATALESS = {"Shape", "Size"}
"""Operators that look at no value."""
RANDOM = {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial"}
ARITHMETIC = {*_OF_TWO, "Max", "Min", "Where"} - {"MatMul", "And", "Or"}
"""Operators that a number of one element may be an operand of."""


def read(op_type: str, at: At) -> Read:
    """A node in the vocabulary: by its row, or as it is."""
    row = ROWS.get(op_type)
    return Read(at.given(), name=op_type.lower()) if row is None else row.read(at)


def flat(operands: Operands) -> list[int]:
    """The positions of all operands."""
    return [i for one in operands for i in ([one] if isinstance(one, int) else one)]
