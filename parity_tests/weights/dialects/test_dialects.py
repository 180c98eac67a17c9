"""Each dialect against what its codebase computes, written out here from the names that the codebase's tensors have."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nlblocks
from nlblocks.errors import InputError

State = dict[str, Any]
NORMS = ("running_var", "_variance")


def conv(x: Any, state: State, name: str, **options: Any) -> Any:
    import torch.nn.functional as F

    weight = state[f"{name}.weight"]
    function = {3: F.conv1d, 4: F.conv2d, 5: F.conv3d}[weight.ndim]
    return function(x, weight, state.get(f"{name}.bias"), **options)


def norm(
    x: Any, state: State, name: str, names: tuple[str, str] = ("running_mean", "running_var"), eps: float = 1e-5
) -> Any:
    import torch.nn.functional as F

    mean, var = (state[f"{name}.{each}"] for each in names)
    return F.batch_norm(x, mean, var, state[f"{name}.weight"], state[f"{name}.bias"], eps=eps)


def flat(x: Any) -> Any:
    return x.flatten(2)


def mixed(affinity: Any, g: Any, x: Any, softmax: bool) -> Any:
    """Σ_j a_ij g_j for affinities [B, N, M], over the positions of x."""
    weights = affinity.softmax(-1) if softmax else affinity / affinity.shape[-1]
    return (flat(g) @ weights.transpose(1, 2)).reshape(x.shape[0], g.shape[1], *x.shape[2:])


def dots(theta: Any, phi: Any) -> Any:
    return flat(theta).transpose(1, 2) @ flat(phi)


def pool(x: Any) -> Any:
    import torch.nn.functional as F

    return {3: F.max_pool1d, 4: F.max_pool2d}[x.ndim](x, 2) if x.ndim < 5 else F.max_pool3d(x, (1, 2, 2))


def relation(theta: Any, phi: Any, weight: Any, bias: Any = 0.0) -> Any:
    """relu(w·[θ_i, φ_j] + b), from the pairs themselves."""
    import torch

    theta, phi = flat(theta), flat(phi)
    (batch, width, n), m = theta.shape, phi.shape[2]
    pairs = torch.cat([theta[..., None].expand(batch, width, n, m), phi[:, :, None].expand(batch, width, n, m)], 1)
    return torch.relu(torch.einsum("d,bdnm->bnm", weight.flatten(), pairs) + bias)


def tea1528(mode: str, bn: bool) -> Callable[[Any, State], Any]:
    def compute(x: Any, s: State) -> Any:
        g = conv(x, s, "g")
        theta, phi = (x, x) if mode == "gaussian" else (conv(x, s, "theta"), conv(x, s, "phi"))
        concatenate = mode == "concatenate"
        f = relation(theta, phi, s["W_f.0.weight"], s["W_f.0.bias"]) if concatenate else dots(theta, phi)
        y = mixed(f, g, x, softmax=mode in ("gaussian", "embedded"))
        return x + (norm(conv(y, s, "W_z.0"), s, "W_z.1") if bn else conv(y, s, "W_z"))

    return compute


def mmcv(mode: str, pooled: bool, scaled: bool, bn: bool) -> Callable[[Any, State], Any]:
    def compute(x: Any, s: State) -> Any:
        g_name, phi_name = ("g.0.conv", "phi.0.conv") if pooled else ("g.conv", "phi.conv")
        less = pool if pooled else lambda value: value
        g = less(conv(x, s, g_name))
        theta, phi = (x, less(x)) if mode == "gaussian" else (conv(x, s, "theta.conv"), less(conv(x, s, phi_name)))
        f = relation(theta, phi, s["concat_project.conv.weight"]) if mode == "concatenation" else dots(theta, phi)
        if scaled and mode == "embedded_gaussian":
            f = f / theta.shape[1] ** 0.5
        y = conv(mixed(f, g, x, softmax=mode.endswith("gaussian")), s, "conv_out.conv")
        assert ("conv_out.conv.bias" in s) != bn
        return x + (norm(y, s, "conv_out.bn", eps=1e-3) if bn else y)

    return compute


def slowfast(x: Any, s: State, softmax: bool, pooled: bool) -> Any:
    less = pool(x) if pooled else x
    f = dots(conv(x, s, "conv_theta"), conv(less, s, "conv_phi"))
    f = f * s["conv_theta.weight"].shape[0] ** -0.5 if softmax else f
    return x + norm(conv(mixed(f, conv(less, s, "conv_g"), x, softmax), s, "conv_out"), s, "bn", eps=1e-4)


def timm(x: Any, s: State, scaled: bool = True) -> Any:
    f = dots(conv(x, s, "t"), conv(x, s, "p")) * (x.shape[1] ** -0.5 if scaled else 1.0)
    return norm(conv(mixed(f, conv(x, s, "g"), x, True), s, "z"), s, "norm") + x


def paddleseg(x: Any, s: State, mode: str, pooled: bool = False) -> Any:
    g_name, phi_name = ("g.0", "phi.0") if pooled else ("g", "phi")
    less = pool if pooled else lambda value: value
    theta, phi = (x, less(x)) if mode == "gaussian" else (conv(x, s, "theta"), less(conv(x, s, phi_name)))
    f = dots(theta, phi)
    f = f / theta.shape[1] ** 0.5 if mode == "embedded_gaussian" else f
    y = conv(mixed(f, less(conv(x, s, g_name)), x, mode != "dot_product"), s, "conv_out._conv")
    return x + norm(y, s, "conv_out._batch_norm", ("_mean", "_variance"), float(np.float32(1e-5))).relu()


def position(x: Any, s: State, names: tuple[str, str, str], gamma: str) -> Any:
    q, k, v = (conv(x, s, name) for name in names)
    return s[gamma] * mixed(dots(q, k), v, x, True) + x


def channel(x: Any, s: State, gamma: str) -> Any:
    energy = flat(x) @ flat(x).transpose(1, 2)
    weights = (energy.max(-1, keepdim=True).values - energy).softmax(-1)
    return s[gamma] * (weights @ flat(x)).reshape(x.shape) + x


def criss_cross(x: Any, s: State, names: tuple[str, str, str], gamma: str) -> Any:
    """Every position with its own row and column, by a mask over all pairs."""
    import torch

    q, k, v = (conv(x, s, name) for name in names)
    height, width = x.shape[2:]
    rows = torch.arange(height).repeat_interleave(width)
    columns = torch.arange(width).repeat(height)
    near = (rows[:, None] == rows[None]) | (columns[:, None] == columns[None])
    return s[gamma] * mixed(dots(q, k).masked_fill(~near, -math.inf), v, x, True) + x


def gated(x: Any, gate: Any) -> Any:
    return x * gate.reshape(*gate.shape[:2], *[1] * (x.ndim - gate.ndim), *gate.shape[2:])


def mlp(v: Any, s: State, first: str, second: str, in_out: bool = False) -> Any:
    def linear(value: Any, name: str) -> Any:
        weight = s[f"{name}.weight"].flatten(1)
        return value @ (weight if in_out else weight.T) + s.get(f"{name}.bias", 0.0)

    return linear(linear(v, first).relu(), second)


def means(x: Any) -> Any:
    return flat(x).mean(-1)


def eca(x: Any, s: State, circular: bool) -> Any:
    import torch.nn.functional as F

    v, k = means(x)[:, None], s["conv.weight"].shape[-1]
    padded = F.pad(v, (k // 2, k // 2), mode="circular" if circular else "constant")
    return gated(x, F.conv1d(padded, s["conv.weight"])[:, 0].sigmoid())


def cbam(x: Any, s: State, first: str, second: str, spatial: str, bn: str, maximum_first: bool) -> Any:
    import torch

    largest = flat(x).max(-1).values
    x = gated(x, (mlp(means(x), s, first, second) + mlp(largest, s, first, second)).sigmoid())
    parts = [x.max(1, keepdim=True).values, x.mean(1, keepdim=True)]
    joined = torch.cat(parts if maximum_first else parts[::-1], 1)
    return x * norm(conv(joined, s, spatial, padding=s[f"{spatial}.weight"].shape[-1] // 2), s, bn).sigmoid()


DAN, MMSEG = ("query_conv", "key_conv", "value_conv"), ("query_project", "key_project", "value_project")
SHAPES = {1: (2, 6, 7), 2: (2, 6, 5, 4), 3: (2, 6, 3, 4, 5)}
WIDE = (2, 16, 5, 4)
CASES: list[tuple[str, str, dict[str, Any], tuple[int, ...], Callable[[Any, State], Any]]] = [
    *(("tea1528", "NLBlockND", {"in_channels": 6, "mode": mode, "dimension": dims, "bn_layer": bn}, SHAPES[dims],
       tea1528(mode, bn)) for mode in ("embedded", "gaussian", "dot", "concatenate")
      for dims, bn in ((1, False), (2, True), (3, True))),
    *(("mmcv", f"NonLocal{dims}d", {"in_channels": 6, "mode": mode, "sub_sample": pooled, "use_scale": scaled,
                                    "norm_cfg": {"type": "BN", "eps": 1e-3} if bn else None}, SHAPES[dims],
       mmcv(mode, pooled, scaled, bn)) for mode in ("embedded_gaussian", "gaussian", "dot_product", "concatenation")
      for dims, pooled, scaled, bn in ((1, True, True, False), (2, False, True, True), (3, True, False, True))),
    *(("slowfast", "Nonlocal", {"dim": 6, "dim_inner": 4, "pool_size": [1, 2, 2] if pooled else None,
                                "instantiation": "softmax" if softmax else "dot_product", "norm_eps": 1e-4}, SHAPES[3],
       lambda x, s, softmax=softmax, pooled=pooled: slowfast(x, s, softmax, pooled))
      for softmax in (True, False) for pooled in (True, False)),
    ("timm", "NonLocalAttn", {"in_channels": 16}, WIDE, timm),
    ("timm", "NonLocalAttn", {"in_channels": 6, "rd_channels": 3, "use_scale": False}, SHAPES[2],
     lambda x, s: timm(x, s, scaled=False)),
    *(("paddleseg", "NonLocal2D", {"in_channels": 6, "mode": mode, "reduction": reduction, "sub_sample": pooled},
       SHAPES[2], lambda x, s, mode=mode, pooled=pooled: paddleseg(x, s, mode, pooled))
      for mode, reduction, pooled in (("embedded_gaussian", 2, False), ("dot_product", 3, True),
                                      ("gaussian", 1, True))),
    ("paddleseg", "PAM", {"in_channels": 16}, WIDE, lambda x, s: position(x, s, DAN, "gamma")),
    ("paddleseg", "CAM", {"channels": 16}, WIDE, lambda x, s: channel(x, s, "gamma")),
    ("paddleseg", "CrissCrossAttention", {"in_channels": 16}, WIDE,
     lambda x, s: criss_cross(x, s, ("q_conv", "k_conv", "v_conv"), "gamma")),
    ("mmseg", "PAM", {"in_channels": 6, "channels": 3}, SHAPES[2], lambda x, s: position(x, s, MMSEG, "gamma.scale")),
    ("mmseg", "CAM", {"in_channels": 6}, SHAPES[2], lambda x, s: channel(x, s, "gamma.scale")),
    ("mmcv", "CrissCrossAttention", {"in_channels": 16}, WIDE, lambda x, s: criss_cross(x, s, DAN, "gamma.scale")),
    ("senet_pytorch", "SELayer", {"channel": 16, "reduction": 4}, WIDE,
     lambda x, s: gated(x, mlp(means(x), s, "fc.0", "fc.2").sigmoid())),
    ("timm_attn", "SEModule", {"channels": 16, "rd_ratio": 0.5}, WIDE,
     lambda x, s: gated(x, mlp(means(x), s, "fc1", "fc2").sigmoid())),
    ("timm_attn", "SEModule", {"channels": 16, "gate_layer": "hard_sigmoid", "bias": False}, WIDE,
     lambda x, s: gated(x, ((mlp(means(x), s, "fc1", "fc2") + 3).clamp(0, 6) / 6))),
    ("timm_attn", "EcaModule", {"channels": 16}, WIDE, lambda x, s: eca(x, s, False)),
    ("timm_attn", "CecaModule", {"channels": 16}, WIDE, lambda x, s: eca(x, s, True)),
    ("timm_attn", "CbamModule", {"channels": 16, "rd_ratio": 0.25, "spatial_kernel_size": 3}, WIDE,
     lambda x, s: cbam(x, s, "channel.fc1", "channel.fc2", "spatial.conv.conv", "spatial.conv.bn", False)),
    ("jongchan_cbam", "CBAM", {"gate_channels": 16, "reduction_ratio": 4}, WIDE,
     lambda x, s: cbam(x, s, "ChannelGate.mlp.1", "ChannelGate.mlp.3", "SpatialGate.spatial.conv",
                       "SpatialGate.spatial.bn", True)),
    ("paddleclas_se", "SELayer", {"num_channels": 16, "num_filters": 16, "reduction_ratio": 4}, WIDE,
     lambda x, s: gated(x, mlp(means(x), s, "squeeze", "excitation", in_out=True).sigmoid())),
    ("paddleclas_se", "SEModule", {"channel": 16}, WIDE,
     lambda x, s: gated(x, (mlp(means(x), s, "conv1", "conv2") * float(np.float32(0.2)) + 0.5).clamp(0, 1))),
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
        foreign: np.abs(stream.normal(size=size)) + 0.5 if foreign.endswith(NORMS) else stream.normal(size=size)
        for foreign, size in dialect.rows(spec).values()
    }
    block = nlblocks.build(spec, backend="reference", dtype="float64")
    nlblocks.load_state(block, dialect.to_canonical(spec, state))
    x = stream.normal(size=shape)
    expected = compute(torch.tensor(x), {foreign: torch.tensor(array) for foreign, array in state.items()}).numpy()
    found = nlblocks.run(block, x).output
    assert np.abs(found - expected).max() <= 1e-12 * np.abs(expected).max()

    back = dialect.from_canonical(spec, nlblocks.state_of(block))
    assert set(back) == set(state)
    assert all(back[foreign].tobytes() == np.ascontiguousarray(array).tobytes() for foreign, array in state.items())


@pytest.mark.parametrize(("name", "cls", "options", "message"), [
    ("tea1528", "NLBlockND", {"in_channels": 6, "mode": "dot_product"}, "must be one of 'embedded'"),
    ("mmcv", "NonLocal2d", {"in_channels": 6, "norm_cfg": {"type": "GN"}}, "type='GN' is not covered"),
    ("mmcv", "NonLocal2d", {"in_channels": 6, "norm_cfg": {"type": "BN", "affine": False}}, "norm_cfg has 'affine'"),
    ("mmcv", "CrissCrossAttention", {"in_channels": 7}, "inner=1"),
    ("slowfast", "Nonlocal", {"dim": 6, "dim_inner": 3, "pool_size": [2, 2, 2]}, "pool_size="),
    ("slowfast", "Nonlocal", {"dim": 6, "dim_inner": 3, "instantiation": "gaussian"}, "must be one of 'softmax'"),
    ("timm", "BatNonLocalAttn", {"in_channels": 6}, "is not covered"),
    ("paddleseg", "NonLocal2D", {"in_channels": 6, "mode": "concatenation"}, "mode='concatenation'"),
    ("paddleseg", "NonLocal2D", {"in_channels": 6, "mode": "gaussian"}, "crashes with reduction=2"),
    ("psa", "PSA_p", {"inplanes": 8, "planes": 6}, "planes=6 must be inplanes=8"),
    ("psa", "PSA_p", {"inplanes": 8, "planes": 8, "stride": 2}, "stride=2 must be 1"),
    ("psa", "PSA_s", {"inplanes": 7, "planes": 7}, "planes=7 leaves a layer without channels"),
    ("xmu", "ParallelPolarizedSelfAttention", {"channel": 1}, "inner=1"),
    ("csra", "MHA", {"num_heads": 3, "lam": 0.1, "input_dim": 4, "num_classes": 2}, "num_heads=3 must be one of 1, 2"),
    ("paddleclas_se", "SELayer", {"num_channels": 6, "num_filters": 7}, "must be num_channels=6"),
    ("timm_attn", "SEModule", {"channels": 16, "add_maxpool": True}, "averages two pools"),
    ("timm_attn", "SEModule", {"channels": 16, "gate_layer": "tanh"}, "gate_layer='tanh'"),
    ("timm_attn", "EcaModule", {}, "channels=None"),
    ("timm_attn", "EffectiveSEModule", {"channels": 16}, "is not covered"),
    ("jongchan_cbam", "CBAM", {"gate_channels": 16, "no_spatial": True}, "no_spatial=True"),
    ("jongchan_cbam", "CBAM", {"gate_channels": 16, "pool_types": ["lp"]}, "pool_types="),
    ("senet_pytorch", "SELayer", {"channel": 16, "ratio": 2}, "the class takes 'channel', 'reduction'"),
])  # fmt: skip
def test_what_a_dialect_refuses_by_name(name: str, cls: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        nlblocks.dialects.get(name).spec(cls, **options)


@pytest.mark.parametrize(("name", "spec", "message"), [
    ("alexhex7", nlblocks.specs.NonLocal(in_channels=6, output_bias=False), "output_bias=False"),
    ("tea1528", nlblocks.specs.NonLocal(in_channels=6, sub_sample="after"), "sub_sample='after'"),
    ("mmcv", nlblocks.specs.NonLocal(in_channels=6), "output_bias=True"),
    ("slowfast", nlblocks.specs.NonLocal(in_channels=6), "dims=2"),
    ("timm", nlblocks.specs.NonLocal(in_channels=6, norm=None), "norm=None"),
    ("paddleseg", nlblocks.specs.NonLocal(in_channels=6), "output_bias=True"),
    ("mmseg", nlblocks.specs.ChannelAttention(in_channels=6, energy="plain"), "energy='plain'"),
    ("senet_pytorch", nlblocks.specs.SqueezeExcitation(in_channels=6, bias=True), "bias=True"),
    ("jongchan_cbam", nlblocks.specs.CBAM(in_channels=6, order=("mean", "max")), "order="),
])  # fmt: skip
def test_specs_that_a_codebase_cannot_express(name: str, spec: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        nlblocks.dialects.get(name).rows(spec)


def test_timm_rounds_widths_in_two_ways() -> None:
    spec = nlblocks.dialects.get("timm").spec("NonLocalAttn", in_channels=95)
    assert spec.inner == 16  # 95 / 8 = 11.9 rounds to 8, which loses over a tenth
    assert nlblocks.dialects.get("timm_attn").spec("SEModule", channels=95, rd_ratio=1 / 8).inner == 8


@pytest.mark.parametrize(
    ("dialect", "cls", "kwargs"),
    [
        ("xmu", "SKAttention", {"channel": 8, "kernels": 3}),
        ("mmseg", "MSCAAttention", {"channels": 8, "kernel_sizes": 5}),
        ("eanet", "Attention", {"dim": 8, "num_heads": 0}),
        ("timm", "CoordAttn", {"channels": "8"}),
    ],
)
def test_an_argument_of_another_type_is_refused_in_one_line(dialect: str, cls: str, kwargs: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=rf"^dialect {dialect}: {cls}\(.*\) cannot be: .*$"):
        nlblocks.dialects.get(dialect).spec(cls, **kwargs)
