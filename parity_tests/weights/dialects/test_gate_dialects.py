"""Dialects of gates over channels, rows and columns: what the classes compute with options of no golden file."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nlblocks
from nlblocks.errors import InputError
from parity_tests.weights.dialects.test_dialects import State, conv, gated, mlp, norm


def alone(x: Any, s: State, name: str, dilation: int = 1) -> Any:
    """A convolution of each channel alone, which keeps the extents."""
    padding = [size // 2 * dilation for size in s[f"{name}.weight"].shape[2:]]
    return conv(x, s, name, padding=padding, dilation=dilation, groups=x.shape[1])


def strips(x: Any, s: State, pairs: list[tuple[str, str]], mix: str, inner: str = "") -> Any:
    near = alone(x, s, f"{inner}conv0")
    far = sum(alone(alone(near, s, inner + row), s, inner + column) for row, column in pairs)
    return x * conv(near + far, s, inner + mix)


def projected(x: Any, s: State, attention: Callable[[Any], Any]) -> Any:
    import torch.nn.functional as F

    return x + conv(attention(F.gelu(conv(x, s, "proj_1"))), s, "proj_2")


def coordinates(x: Any, s: State, act: Callable[[Any], Any], normed: bool) -> Any:
    import torch

    z = conv(torch.cat([x.mean(3, keepdim=True), x.mean(2)[..., None]], 2), s, "conv1")
    z = act(norm(z, s, "bn1") if normed else z)
    rows, columns = conv(z[:, :, : x.shape[2]], s, "conv_h"), conv(z[:, :, x.shape[2] :], s, "conv_w")
    return rows, columns.transpose(2, 3)


def outer(rows: Any, columns: Any) -> Any:
    return rows[..., None] + columns[:, :, None]


def strip(x: Any, s: State, names: tuple[str, str]) -> Any:
    """The means of rows and columns, each channel alone along its strip."""
    return outer(alone(x.mean(3, True), s, names[0])[..., 0], alone(x.mean(2, True), s, names[1])[:, :, 0])


def strip_pooling(x: Any, s: State, sizes: tuple[int, int], align_corners: bool) -> Any:
    """SPNet's, with torch's own pooling and interpolation, which are exact to 1e-12 forwards."""
    import torch
    import torch.nn.functional as F

    def layer(value: Any, name: str) -> Any:
        padding = [size // 2 for size in s[f"{name}.0.weight"].shape[2:]]
        return norm(conv(value, s, f"{name}.0", padding=padding), s, f"{name}.1")

    def up(value: Any) -> Any:
        return F.interpolate(value, x.shape[2:], mode="bilinear", align_corners=align_corners)

    first, second = layer(x, "conv1_1").relu(), layer(x, "conv1_2").relu()
    near = layer(first, "conv2_0")
    for size, name in zip(sizes, ("conv2_1", "conv2_2"), strict=True):
        near = near + up(layer(F.adaptive_avg_pool2d(first, size), name))
    far = up(layer(second.mean(2, True), "conv2_3")) + up(layer(second.mean(3, True), "conv2_4"))
    joined = torch.cat([layer(near.relu(), "conv2_5").relu(), layer(far.relu(), "conv2_6").relu()], 1)
    return (x + layer(joined, "conv3")).relu()


INNER, MMSEG = "spatial_gating_unit.", [(f"conv{i}_1", f"conv{i}_2") for i in range(3)]
CASES: list[tuple[str, str, dict[str, Any], tuple[int, ...], Callable[[Any, State], Any]]] = [
    ("timm", "EffectiveSEModule", {"channels": 6, "add_maxpool": True, "gate_layer": "hardsigmoid"}, (2, 6, 5, 4),
     lambda x, s: x * ((conv((x.mean((2, 3), True) + x.amax((2, 3), True)) / 2, s, "fc") + 3).clamp(0, 6) / 6)),
    ("paddledetection", "EffectiveSELayer", {"channels": 6, "act": "sigmoid"}, (2, 6, 5, 4),
     lambda x, s: x * conv(x.mean((2, 3), True), s, "fc").sigmoid()),
    ("paddleseg", "SpatialAttention", {"d_model": 3, "atten_kernel_sizes": [5]}, (2, 3, 5, 4),
     lambda x, s: projected(x, s, lambda v: strips(v, s, [("dwconvs.0.conv1_1", "dwconvs.0.conv1_2")], "conv_out",
                                                   INNER))),
    ("mmseg", "MSCAAttention", {"channels": 3}, (2, 3, 5, 4), lambda x, s: strips(x, s, MMSEG, "conv3")),
    ("mmseg", "MSCASpatialAttention", {"in_channels": 3, "attention_kernel_sizes": [3, [1, 3], [1, 5], [1, 7]],
                                       "attention_kernel_paddings": [1, [0, 1], [0, 2], [0, 3]]}, (2, 3, 5, 4),
     lambda x, s: projected(x, s, lambda v: strips(v, s, MMSEG, "conv3", INNER))),
    ("timm", "CoordAttn", {"channels": 6, "bias": True, "has_skip": True, "rd_channels": 3, "gate_layer": "hardsigmoid",
                           "norm_layer": None, "act_layer": "ReLU"}, (2, 6, 5, 4),
     lambda x, s: x + x * math.prod((v + 3).clamp(0, 6) / 6 for v in coordinates(x, s, lambda z: z.relu(), False))),
    *((name, "CoordAtt", {"inp": 6, "oup": 6}, (2, 6, 5, 4),
       lambda x, s: x * math.prod(v.sigmoid() for v in coordinates(x, s, lambda z: z * (z + 3).clamp(0, 6) / 6, True)))
      for name in ("coordatt", "xmu")),
    ("spnet", "StripPooling", {"in_channels": 9, "pool_size": [6, 2], "up_kwargs": {"mode": "bilinear"}}, (2, 9, 5, 4),
     lambda x, s: strip_pooling(x, s, (6, 2), False)),
    ("spnet", "SPBlock", {"inplanes": 3, "outplanes": 5}, (2, 3, 5, 4),
     lambda x, s: conv(outer(norm(conv(x.mean(3, True), s, "conv1", padding=(1, 0)), s, "bn1")[..., 0],
                             norm(conv(x.mean(2, True), s, "conv2", padding=(0, 1)), s, "bn2")[:, :, 0]).relu(),
                       s, "conv3").sigmoid()),
    ("timm", "StripAttn", {"channels": 3, "kernel_size": 5, "bias": True, "has_skip": True}, (2, 3, 5, 4),
     lambda x, s: x + x * strip(x, s, ("conv_h", "conv_w")).sigmoid()),
    ("timm", "StripAttn", {"channels": 3, "use_conv": False, "gate_layer": "hard_sigmoid"}, (2, 3, 5, 4),
     lambda x, s: x * ((outer(x.mean(3), x.mean(2)) + 3).clamp(0, 6) / 6)),
    ("fcanet", "MultiSpectralAttentionLayer", {"channel": 6, "dct_h": 4, "dct_w": 7, "reduction": 2,
                                               "freq_sel_method": "bot2"}, (2, 6, 4, 7),
     lambda x, s: gated(x, mlp((x * s["dct_layer.weight"]).sum((2, 3)), s, "fc.0", "fc.2").sigmoid())),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1]}-{'-'.join(map(str, case[2].values()))}")
def test_what_the_codebase_computes(case: Any, require: Any) -> None:
    require("torch")
    import torch

    name, cls, options, shape, compute = case
    dialect = nlblocks.dialects.get(name)
    spec = dialect.spec(cls, **options)
    stream = np.random.default_rng(7)
    state = {
        foreign: np.abs(stream.normal(size=size)) + 0.5 if param.layout == "variance" else stream.normal(size=size)
        for param, (foreign, size) in dialect.rows(spec).items()
    }
    block = nlblocks.build(spec, backend="reference", dtype="float64")
    nlblocks.load_state(block, dialect.to_canonical(spec, state))
    x = stream.normal(size=shape)
    expected = compute(torch.tensor(x), {foreign: torch.tensor(array) for foreign, array in state.items()}).numpy()
    found = nlblocks.run(block, x).output
    assert np.abs(found - expected).max() <= 1e-12 * np.abs(expected).max()
    back = dialect.from_canonical(spec, nlblocks.state_of(block))
    assert {foreign: array.tobytes() for foreign, array in back.items()} == {
        foreign: array.tobytes() for foreign, array in state.items()
    }


@pytest.mark.parametrize(("name", "cls", "options", "message"), [
    ("timm", "EffectiveSEModule", {"channels": 6, "gate_layer": "tanh"}, "gate_layer='tanh' is not covered"),
    ("paddledetection", "EffectiveSELayer", {"channels": 6, "act": "relu"}, "act='relu' is not covered"),
    ("mmseg", "MSCAAttention", {"channels": 3, "paddings": [2, [0, 3], [0, 5], [0, 9]]}, "are not covered"),
    ("timm", "CoordAttn", {"channels": 6, "act_layer": "SiLU"}, "act_layer='SiLU'"),
    ("coordatt", "CoordAtt", {"inp": 6, "oup": 7}, "must be inp=6"),
    ("timm", "StripAttn", {"channels": 6, "kernel_size": 4}, "kernel_size=4 must be odd"),
    ("spnet", "StripPooling", {"in_channels": 9, "up_kwargs": {"mode": "nearest"}}, "is not covered"),
    ("spnet", "StripPooling", {"in_channels": 3}, "at least 4 channels"),
    ("spnet", "SPBlock", {"inplanes": 3, "outplanes": 3, "norm_layer": "GroupNorm"}, "norm_layer='GroupNorm'"),
    ("fcanet", "MultiSpectralAttentionLayer", {"channel": 16, "dct_h": 7, "dct_w": 7, "freq_sel_method": "top3"},
     "freq_sel_method='top3' is not covered"),
    ("fcanet", "MultiSpectralAttentionLayer", {"channel": 8, "dct_h": 7, "dct_w": 7}, "reduction=16 leaves none"),
])  # fmt: skip
def test_what_a_dialect_refuses_by_name(name: str, cls: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        nlblocks.dialects.get(name).spec(cls, **options)
