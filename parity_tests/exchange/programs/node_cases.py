"""Nodes of ONNX and what torch gives for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from nlblocks.backend import Array

RNG = np.random.default_rng(0)


def draw(*shape: int) -> Array:
    return RNG.standard_normal(shape)


@dataclass(frozen=True)
class Case:
    """One node, and what it must give: ``right`` of its inputs in torch. What is no float is a constant of it."""

    op: str
    inputs: tuple[Array | None, ...]
    right: Callable[..., Any]
    attrs: Mapping[str, Any] = field(default_factory=dict)
    opset: int = 17
    constant: tuple[int, ...] = ()


def single(attribute: float) -> float:
    """A number as an attribute of ONNX holds it."""
    return float(np.float32(attribute))


IMAGE, LINE, BLOCK = draw(2, 4, 9, 8), draw(2, 4, 9), draw(1, 4, 5, 6, 7)
GRID = RNG.uniform(-1.3, 1.3, (2, 5, 6, 2))


def _conv(x: Any, w: Any, b: Any = None, **more: Any) -> Any:
    return [F.conv1d, F.conv2d, F.conv3d][x.ndim - 3](x, w, b, **more)


def _transposed(x: Any, w: Any, b: Any = None, **more: Any) -> Any:
    return [F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d][x.ndim - 3](x, w, b, **more)


def _padded_conv(x: Any, w: Any) -> Any:
    return F.conv2d(F.pad(x, (0, 2, 1, 0)), w)


CASES = {
    "conv": Case(
        "Conv",
        (IMAGE, draw(6, 4, 3, 3), draw(6)),
        lambda *t: _conv(*t, stride=2, padding=1),
        {"strides": [2, 2], "pads": [1] * 4},
        11,
        (1, 2),
    ),
    "conv of one pad": Case("Conv", (IMAGE, draw(6, 4, 3, 3)), _padded_conv, {"pads": [1, 0, 0, 2]}, 17, (1,)),
    "conv in groups, dilated": Case(
        "Conv",
        (IMAGE, draw(6, 2, 3, 2)),
        lambda *t: _conv(*t, groups=2, dilation=2),
        {"group": 2, "dilations": [2, 2]},
        13,
        (1,),
    ),
    "conv by channel": Case(
        "Conv", (IMAGE, draw(4, 1, 3, 3), draw(4)), lambda *t: _conv(*t, groups=4), {"group": 4}, 17, (1, 2)
    ),
    "conv 1d": Case(
        "Conv", (LINE, draw(6, 4, 3), draw(6)), lambda *t: _conv(*t, stride=2), {"strides": [2]}, 17, (1, 2)
    ),
    "conv 3d": Case(
        "Conv", (BLOCK, draw(2, 4, 2, 3, 3), draw(2)), lambda *t: _conv(*t, padding=1), {"pads": [1] * 6}, 17, (1, 2)
    ),
    "conv, same": Case(
        "Conv", (IMAGE, draw(6, 4, 3, 3)), lambda *t: _conv(*t, padding="same"), {"auto_pad": "SAME_UPPER"}, 17, (1,)
    ),
    "conv, same lower, strides": Case(
        "Conv",
        (IMAGE, draw(6, 4, 4, 3)),
        lambda x, w: F.conv2d(F.pad(x, (1, 0, 2, 1)), w, stride=2),
        {"auto_pad": "SAME_LOWER", "strides": [2, 2]},
        17,
        (1,),
    ),
    "conv of a weight that is made": Case(
        "Conv", (IMAGE, draw(6, 2, 3, 3)), lambda *t: _conv(*t, groups=2), {"group": 2}
    ),
    "transposed": Case(
        "ConvTranspose",
        (IMAGE, draw(4, 6, 3, 3), draw(6)),
        lambda *t: _transposed(*t, stride=2, padding=1, output_padding=1),
        {"strides": [2, 2], "pads": [1] * 4, "output_padding": [1, 1]},
        11,
        (1, 2),
    ),
    "transposed in groups, dilated": Case(
        "ConvTranspose",
        (IMAGE, draw(4, 3, 3, 2)),
        lambda *t: _transposed(*t, groups=2, dilation=2, stride=2),
        {"group": 2, "dilations": [2, 2], "strides": [2, 2]},
        17,
        (1,),
    ),
    "transposed 1d": Case(
        "ConvTranspose",
        (LINE, draw(4, 6, 4)),
        lambda *t: _transposed(*t, stride=3, padding=2),
        {"strides": [3], "pads": [2, 2]},
        17,
        (1,),
    ),
    "transposed 3d": Case(
        "ConvTranspose",
        (BLOCK, draw(4, 2, 2, 2, 2)),
        lambda *t: _transposed(*t, stride=2),
        {"strides": [2] * 3},
        17,
        (1,),
    ),
    "mean of a window": Case(
        "AveragePool",
        (IMAGE,),
        lambda x: F.avg_pool2d(x, 3, 2, 1),
        {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1] * 4, "count_include_pad": 1},
        11,
    ),
    "mean of what is there": Case(
        "AveragePool",
        (IMAGE,),
        lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
        {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1] * 4},
    ),
    "mean, rounded up": Case(
        "AveragePool",
        (IMAGE,),
        lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True),
        {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1] * 4, "ceil_mode": 1, "count_include_pad": 1},
        19,
    ),
    "mean of what is there, rounded up": Case(
        "AveragePool",
        (IMAGE,),
        lambda x: F.avg_pool2d(x, 2, 2, ceil_mode=True, count_include_pad=False),
        {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1},
    ),
    "mean of one pad": Case(
        "AveragePool",
        (IMAGE,),
        lambda x: F.avg_pool2d(F.pad(x, (0, 1, 2, 0)), 3),
        {"kernel_shape": [3, 3], "strides": [3, 3], "pads": [2, 0, 0, 1], "count_include_pad": 1},
    ),
    "mean 1d": Case(
        "AveragePool",
        (LINE,),
        lambda x: F.avg_pool1d(x, 3, 2, 1),
        {"kernel_shape": [3], "strides": [2], "pads": [1, 1], "count_include_pad": 1},
    ),
    "mean 3d": Case(
        "AveragePool",
        (BLOCK,),
        lambda x: F.avg_pool3d(x, 2, 2, 1),
        {"kernel_shape": [2] * 3, "strides": [2] * 3, "pads": [1] * 6, "count_include_pad": 1},
    ),
    "greatest": Case(
        "MaxPool",
        (IMAGE,),
        lambda x: F.max_pool2d(x, 3, 2, 1, ceil_mode=True),
        {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1] * 4, "ceil_mode": 1},
        11,
    ),
    "greatest, dilated": Case(
        "MaxPool",
        (IMAGE,),
        lambda x: F.max_pool2d(x, 3, 2, 1, 2),
        {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1] * 4, "dilations": [2, 2]},
    ),
    "power of a window": Case(
        "LpPool", (np.abs(IMAGE),), lambda x: F.lp_pool2d(x, 3, 2), {"kernel_shape": [2, 2], "strides": [2, 2], "p": 3}
    ),
    "mean of all": Case("GlobalAveragePool", (BLOCK,), lambda x: x.mean((2, 3, 4), keepdim=True)),
    "greatest of all": Case("GlobalMaxPool", (LINE,), lambda x: x.amax(2, keepdim=True)),
    "batch norm": Case(
        "BatchNormalization",
        (IMAGE, draw(4), draw(4), draw(4), draw(4) ** 2 + 0.1),
        lambda x, s, b, m, v: F.batch_norm(x, m, v, s, b, eps=single(1e-3)),
        {"epsilon": 1e-3},
        11,
    ),
    "instance norm": Case(
        "InstanceNormalization",
        (IMAGE, draw(4), draw(4)),
        lambda x, s, b: F.instance_norm(x, weight=s, bias=b, eps=single(1e-5)),
    ),
    "group norm": Case(
        "GroupNormalization",
        (IMAGE, draw(4), draw(4)),
        lambda x, s, b: F.group_norm(x, 2, s, b, single(1e-5)),
        {"num_groups": 2},
        21,
    ),
    "group norm of groups": Case(
        "GroupNormalization",
        (IMAGE, draw(2), draw(2)),
        lambda x, s, b: F.group_norm(x, 2, s.repeat_interleave(2), b.repeat_interleave(2), single(1e-5)),
        {"num_groups": 2},
        18,
    ),
    "layer norm": Case(
        "LayerNormalization",
        (IMAGE, draw(9, 8), draw(9, 8)),
        lambda x, s, b: F.layer_norm(x, (9, 8), s, b, single(1e-5)),
        {"axis": 2},
    ),
    "layer norm, kept in float64": Case(
        "LayerNormalization",
        (IMAGE, draw(8)),
        lambda x, s: F.layer_norm(x, (8,), s, None, single(1e-5)),
        {"stash_type": 11},
    ),
    "local response": Case(
        "LRN",
        (IMAGE,),
        lambda x: F.local_response_norm(x, 3, single(0.1), single(0.75), 1.0),
        {"size": 3, "alpha": 0.1},
    ),
    "mean and variance": Case(
        "MeanVarianceNormalization",
        (IMAGE,),
        lambda x: (
            (x - x.mean((0, 2, 3), keepdim=True))
            / ((x * x).mean((0, 2, 3), keepdim=True) - x.mean((0, 2, 3), keepdim=True) ** 2).sqrt().add(1e-9)
        ),
    ),
    "erf": Case("Erf", (4 * IMAGE,), torch.erf),
    "erf of little": Case("Erf", (1e-9 * IMAGE,), torch.erf),
    "gelu": Case("Gelu", (IMAGE,), F.gelu, {}, 20),
    "gelu by tanh": Case("Gelu", (IMAGE,), lambda x: F.gelu(x, approximate="tanh"), {"approximate": "tanh"}, 20),
    "softplus": Case("Softplus", (9 * IMAGE,), lambda x: torch.logaddexp(x, torch.zeros_like(x))),
    "softplus of what is far below 0": Case("Softplus", (IMAGE - 40,), lambda x: torch.log1p(x.exp())),
    "mish": Case("Mish", (IMAGE,), lambda x: x * torch.tanh(torch.log1p(x.exp())), {}, 18),
    "softsign": Case("Softsign", (IMAGE,), F.softsign),
    "sigmoid of what is far below 0": Case("Sigmoid", (IMAGE - 30,), torch.sigmoid),
    "hard sigmoid": Case("HardSigmoid", (4 * IMAGE,), lambda x: (single(0.2) * x + 0.5).clamp(0, 1)),
    "hard sigmoid of its numbers": Case(
        "HardSigmoid",
        (4 * IMAGE,),
        lambda x: (single(1 / 6) * x + single(0.4)).clamp(0, 1),
        {"alpha": 1 / 6, "beta": 0.4},
    ),
    "hard swish": Case("HardSwish", (4 * IMAGE,), F.hardswish),
    "leaky relu": Case("LeakyRelu", (IMAGE,), lambda x: F.leaky_relu(x, single(0.1)), {"alpha": 0.1}),
    "prelu": Case("PRelu", (IMAGE, draw(4, 1, 1)), lambda x, a: torch.where(x > 0, x, a * x)),
    "elu": Case("Elu", (IMAGE,), lambda x: F.elu(x, single(0.7)), {"alpha": 0.7}),
    "elu of little": Case("Elu", (-1e-9 * np.abs(IMAGE),), F.elu),
    "selu": Case(
        "Selu", (IMAGE,), lambda x: single(1.05070102214813232421875) * F.elu(x, single(1.67326319217681884765625))
    ),
    "celu": Case("Celu", (IMAGE,), lambda x: F.celu(x, single(0.7)), {"alpha": 0.7}),
    "thresholded relu": Case("ThresholdedRelu", (IMAGE,), lambda x: torch.where(x > 0.5, x, 0.0), {"alpha": 0.5}),
    "swish": Case("Swish", (IMAGE,), F.silu, {}, 24),
    "tanh": Case("Tanh", (4 * IMAGE,), torch.tanh),
    "tanh of little": Case("Tanh", (1e-9 * IMAGE,), torch.tanh),
    "exp": Case("Exp", (9 * IMAGE,), torch.exp),
    "softmax": Case("Softmax", (9 * IMAGE,), lambda x: x.softmax(1), {"axis": 1}, 13),
    "log softmax": Case("LogSoftmax", (9 * IMAGE,), lambda x: x.log_softmax(1), {"axis": 1}, 13),
    "softmax over all that follows": Case(
        "Softmax", (IMAGE,), lambda x: x.flatten(1).softmax(1).reshape(x.shape), {"axis": 1}, 11
    ),
    "softmax over all but the first axis": Case(
        "Softmax", (IMAGE,), lambda x: x.flatten(1).softmax(1).reshape(x.shape), {}, 11
    ),
    "log softmax over all that follows": Case(
        "LogSoftmax", (IMAGE,), lambda x: x.flatten(2).log_softmax(2).reshape(x.shape), {"axis": 2}, 11
    ),
    "power": Case("Pow", (np.abs(IMAGE), draw(8)), torch.pow),
    "root": Case("Sqrt", (np.abs(IMAGE),), torch.sqrt),
    "affine": Case(
        "Gemm",
        (draw(3, 4), draw(5, 4), draw(5)),
        lambda x, w, b: single(0.3) * (x @ w.T) + single(0.7) * b,
        {"alpha": 0.3, "beta": 0.7, "transB": 1},
    ),
    "norm": Case("ReduceL2", (IMAGE,), lambda x: x.norm(dim=(2, 3), keepdim=True), {"axes": [2, 3]}),
    "clip": Case("Clip", (IMAGE, np.array(-0.5), np.array(0.7)), lambda x, low, high: x.clamp(-0.5, 0.7), {}, 11),
    "mean of tensors": Case("Mean", (LINE, draw(2, 4, 9), draw(9)), lambda a, b, c: (a + b + c) / 3),
    "lstm": Case(
        "LSTM",
        (draw(7, 2, 4), draw(1, 20, 4), draw(1, 20, 5), draw(1, 40)),
        lambda *t: torch_recurrent("LSTM", *t),
        {"hidden_size": 5},
        17,
        (1, 2, 3),
    ),
    "gru, both ways": Case(
        "GRU",
        (draw(7, 2, 4), draw(2, 15, 4), draw(2, 15, 5), draw(2, 30)),
        lambda *t: torch_recurrent("GRU", *t),
        {"hidden_size": 5, "direction": "bidirectional", "linear_before_reset": 1},
        13,
    ),
    "rnn, backwards": Case(
        "RNN",
        (draw(7, 2, 4), draw(1, 5, 4), draw(1, 5, 5), draw(1, 10)),
        lambda x, *t: torch_recurrent("RNN", x.flip(0), *t).flip(0),
        {"hidden_size": 5, "direction": "reverse"},
    ),
}


def torch_recurrent(kind: str, x: Any, w: Any, r: Any, b: Any) -> Any:
    """A layer of torch with ONNX's weights, whose gates stand in another order: [T, directions, B, H]."""
    order = {"LSTM": [0, 2, 3, 1], "GRU": [1, 0, 2], "RNN": [0]}[kind]

    def gates(t: Any) -> Any:
        parts = t.chunk(len(order))
        return torch.cat([parts[place] for place in order])

    layer = getattr(torch.nn, kind)(x.shape[2], r.shape[2], bidirectional=len(w) == 2, dtype=torch.float64)
    with torch.no_grad():
        for number, end in enumerate(["", "_reverse"][: len(w)]):
            getattr(layer, f"weight_ih_l0{end}").copy_(gates(w[number]))
            getattr(layer, f"weight_hh_l0{end}").copy_(gates(r[number]))
            mine, theirs = b[number].chunk(2)
            getattr(layer, f"bias_ih_l0{end}").copy_(gates(mine))
            getattr(layer, f"bias_hh_l0{end}").copy_(gates(theirs))
        y = layer(x)[0]
    return y.reshape(*y.shape[:2], len(w), -1).permute(0, 2, 1, 3)


for _mode in ("nearest", "linear", "cubic"):
    for _around in ("zeros", "border", "reflection"):
        for _aligned in (0, 1):
            _name = {"linear": "bilinear", "cubic": "bicubic"}.get(_mode, _mode)
            CASES[f"grid, {_mode}, {_around}, {_aligned}"] = Case(
                "GridSample", (IMAGE, GRID),
                lambda x, g, m=_name, a=_around, c=_aligned: F.grid_sample(x, g, m, a, bool(c)),
                {"mode": _mode, "padding_mode": _around, "align_corners": _aligned}, 20,
            )  # fmt: skip
for _name, _size in {"larger": (13, 17), "smaller": (5, 3), "one value": (1, 16)}.items():
    for _mode, _torch, _way, _aligned in (
        ("linear", "bilinear", "pytorch_half_pixel", False), ("linear", "bilinear", "align_corners", True),
        ("cubic", "bicubic", "half_pixel", False), ("cubic", "bicubic", "align_corners", True),
        ("nearest", "nearest", "asymmetric", None), ("nearest", "nearest-exact", "half_pixel", None),
    ):  # fmt: skip
        if _name == "one value" and _way.endswith("half_pixel"):
            continue  # ONNX and torch take another value there
        CASES[f"resize to {_name}, {_torch}, {_way}"] = Case(
            "Resize", (IMAGE, None, None, np.array([2, 4, *_size])),
            lambda x, _s, z=_size, m=_torch, a=_aligned: F.interpolate(x, z, mode=m, align_corners=a),
            {"mode": _mode, "coordinate_transformation_mode": _way,
             "nearest_mode": "floor" if _torch == "nearest" else "round_prefer_ceil"}, 13,
        )  # fmt: skip
