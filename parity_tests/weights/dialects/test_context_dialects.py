"""Context blocks and gates of statistics: calls that no golden file has, written out, and calls that are refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import nlblocks
from nlblocks.errors import InputError

torch = pytest.importorskip("torch")

State = dict[str, Any]
LIMIT = 1e-12  # relative to the largest entry, as for golden files


def conv(x: Any, s: State, name: str, **options: Any) -> Any:
    return torch.nn.functional.conv2d(x, s[f"{name}.weight"], s.get(f"{name}.bias"), **options)


def less_mean(x: Any, axis: int) -> Any:
    return x - x.mean(axis, keepdim=True)


def dnl(x: Any, s: State, axis: int, unary: bool) -> Any:
    """The authors' block with pooled keys, τ 0.7, a mask, and perhaps the unary map of the mean query."""
    pooled = torch.nn.functional.max_pool2d(x, 2)
    q, k, v = conv(x, s, "conv_query"), conv(pooled, s, "conv_key"), conv(pooled, s, "conv_value")
    q, k, v = q.flatten(2), k.flatten(2), v.flatten(2)
    white_q, white_k = less_mean(q, axis), less_mean(k, axis)
    pairwise = (white_q.mT @ white_k / math.sqrt(q.shape[1]) / 0.7).softmax(-1)
    shared = conv(pooled, s, "conv_mask").flatten(2).softmax(-1)  # [B, 1, M]
    if unary:
        shared = shared + (q.mean(2).unsqueeze(1) @ white_k).softmax(-1)
    y = s["gamma"] * (v @ pairwise.mT) + v @ shared.mT
    return x + y.reshape(x.shape)


def mmseg_concatenation(x: Any, s: State) -> Any:
    theta, phi = (less_mean(conv(x, s, f"{name}.conv").flatten(2), 2) for name in ("theta", "phi"))
    g, weight = conv(x, s, "g.conv").flatten(2), s["concat_project.conv.weight"].flatten()
    rows = [
        torch.relu(torch.cat([theta[:, :, i : i + 1].expand_as(phi), phi], 1).mT @ weight)
        for i in range(theta.shape[2])
    ]
    pairwise = torch.stack(rows, 1) / phi.shape[2]  # [B, N, N]
    unary = conv(x, s, "conv_mask").flatten(2).softmax(-1)
    y = (g @ pairwise.mT + g @ unary.mT).reshape(x.shape[0], g.shape[1], *x.shape[2:])
    return x + conv(y, s, "conv_out.conv")


def timm_context(x: Any, s: State, gate: Any = torch.sigmoid) -> Any:
    """Both branches on a plain mean."""

    def mlp(name: str) -> Any:
        h = conv(x.mean((2, 3), keepdim=True), s, f"{name}.fc1")
        h = less_mean(h, 1) / (h.var(1, keepdim=True, unbiased=False) + 1e-6).sqrt()
        h = h * s[f"{name}.norm.weight"].view(-1, 1, 1) + s[f"{name}.norm.bias"].view(-1, 1, 1)
        return conv(h.relu(), s, f"{name}.fc2")

    return x * gate(mlp("mlp_scale")) + mlp("mlp_add")


def cgnl(x: Any, s: State) -> Any:
    """The plain product in two groups, scaled."""
    parts = []
    for t, p, g in zip(*(conv(x, s, name).chunk(2, 1) for name in "tpg"), strict=True):
        parts.append(t * (p * g).sum((1, 2, 3), keepdim=True) / math.sqrt(t[0].numel()))
    y = conv(torch.cat(parts, 1), s, "z", groups=2)
    return x + torch.nn.functional.group_norm(y, 2, s["gn.weight"], s["gn.bias"])


def gct(x: Any, c: float, eps: float) -> Any:
    pooled = x.mean((2, 3), keepdim=True)
    z = less_mean(pooled, 1) / (pooled.var(1, keepdim=True, unbiased=False) + eps).sqrt()
    return x * torch.exp(-z * z / 2 * c)


CASES = [
    ("dnl", "NonLocal2d_bn", {"inplanes": 6, "planes": 3, "temperature": 0.7, "with_gc": True, "with_unary": True},
     lambda x, s: dnl(x, s, 2, unary=True)),
    ("dnl", "NonLocal2d_bn",
     {"inplanes": 6, "planes": 4, "temperature": 0.7, "with_gc": True, "whiten_type": ["spatial"]},
     lambda x, s: dnl(x, s, 1, unary=False)),
    ("dnl", "NonLocal2d_bn",
     {"inplanes": 6, "planes": 4, "temperature": 0.7, "with_gc": True, "whiten_type": "spatial"},
     lambda x, s: dnl(x, s, 1, unary=False)),
    ("mmseg", "DisentangledNonLocal2d", {"in_channels": 6, "temperature": 0.05, "mode": "concatenation"},
     mmseg_concatenation),
    ("timm", "GlobalContext", {"channels": 6, "rd_ratio": 0.6, "use_attn": False, "fuse_add": True}, timm_context),
    ("timm", "GlobalContext", {"channels": 6, "rd_channels": 4, "use_attn": False, "fuse_add": True,
                               "act_layer": "ReLU", "gate_layer": "hard_sigmoid"},
     lambda x, s: timm_context(x, s, torch.nn.functional.hardsigmoid)),
    ("cgnl", "SpatialCGNL", {"inplanes": 6, "planes": 4, "groups": 2, "use_scale": True}, cgnl),
    ("changzy00", "GCT", {"channels": 6, "c": 3, "eps": 1e-2}, lambda x, s: gct(x, 3, 1e-2)),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join((case[0], *map(str, case[2].values()))))
def test_what_the_codebase_computes(case: Any) -> None:
    name, cls, options, compute = case
    dialect = nlblocks.dialects.get(name)
    spec, stream = dialect.spec(cls, **options), np.random.default_rng(7)
    state = {foreign: stream.normal(size=size) for foreign, size in dialect.rows(spec).values()}
    x = stream.normal(size=(2, 6, 4, 6))
    block = nlblocks.build(spec, backend="reference", dtype="float64")
    nlblocks.load_state(block, dialect.to_canonical(spec, state))
    expected = compute(torch.tensor(x), {foreign: torch.tensor(array) for foreign, array in state.items()}).numpy()
    assert np.abs(nlblocks.run(block, x).output - expected).max() <= LIMIT * np.abs(expected).max()


@pytest.mark.parametrize(("name", "cls", "options", "message"), [
    ("mmcv", "ContextBlock", {"in_channels": 8, "ratio": 0.1}, "inter_channels=0 must be at least 1"),
    ("mmcv", "ContextBlock", {"in_channels": 8, "ratio": 0.5, "pooling_type": "max"}, "pooling_type='max'"),
    ("mmcv", "ContextBlock", {"in_channels": 8, "ratio": 0.5, "fusion_types": []}, r"fusion_types=\(\)"),
    ("timm", "GlobalContext", {"channels": 8, "fuse_scale": False}, "is the identity"),
    ("timm", "GlobalContext", {"channels": 8, "gate_layer": "tanh"}, "gate_layer='tanh' is not covered"),
    ("paddleseg", "GlobalContextBlock", {"gc_channels": 8, "in_channels": 6, "ratio": 0.5}, "needs in_channels=6"),
    ("mmseg", "DisentangledNonLocal2d", {"in_channels": 6, "temperature": 1.0, "mode": "gaussian"}, "overwrites"),
    ("mmseg", "DisentangledNonLocal2d", {"in_channels": 6, "temperature": 1.0, "sub_sample": True}, "sub_sample=True"),
    ("paddleseg", "DisentangledNonLocal2D", {"in_channels": 6, "temperature": 1.0, "sub_sample": True}, "fails"),
    ("paddleseg", "DisentangledNonLocal2D", {"in_channels": 6, "temperature": 1.0, "mode": "concatenation"},
     "mode='concatenation'"),
    ("dnl", "NonLocal2d_bn", {"inplanes": 6, "planes": 3, "whiten_type": ["bn"]}, "is not covered"),
    ("dnl", "NonLocal2d_bn", {"inplanes": 6, "planes": 3, "whiten_type": ["spatial"], "with_unary": True},
     "whiten must be 'positions'"),
    ("timm", "GlobalContext", {"channels": 8, "act_layer": "gelu"}, "act_layer='gelu' is not covered"),
    ("mmcv", "ContextBlock", {"in_channels": "8", "ratio": 0.5}, r"\(in_channels='8', ratio=0.5\) cannot be"),
    ("mmcv", "ContextBlock", {"in_channels": 8, "ratio": 0.5, "pooling_type": []}, "cannot be: unhashable"),
    ("openseg", "ISA_Module", {"in_channels": 8, "key_channels": 4, "value_channels": 4, "out_channels": 8,
                               "down_factors": [2, 3]}, "cannot be: 'int' object is not iterable"),
    ("mmseg", "DisentangledNonLocal2d", {"in_channels": 6, "temperature": "hot"}, "cannot be: could not convert"),
    ("timm", "SplitAttn", {"in_channels": 8, "norm_layer": "LayerNorm"}, "norm_layer='LayerNorm' is not covered"),
    ("resnest", "SplAtConv2d", {"in_channels": 8, "channels": 8, "kernel_size": 3, "norm_layer": "GroupNorm"},
     "norm_layer='GroupNorm' is not covered"),
    ("cgnl", "SpatialCGNL", {"inplanes": 6, "planes": 3}, "groups=None cannot be built"),
    ("changzy00", "GCT", {"channels": 6, "c": 0}, "c=0 makes no Gaussian"),
])  # fmt: skip
def test_what_is_refused_in_one_line(name: str, cls: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        nlblocks.dialects.get(name).spec(cls, **options)
    assert "\n" not in str(error.value)
