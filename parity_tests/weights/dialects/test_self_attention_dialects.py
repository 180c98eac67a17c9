"""The public classes of SAGAN, DANet, CCNet and RGA: what they compute, and what they cannot be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nlblocks
from nlblocks.proof.sample import random_array, random_state
from nlblocks.specs import (
    ChannelAttention,
    CrissCrossAttention,
    DualAttention,
)
from parity_tests.helpers.blocks import BACKENDS, Require, built


def test_relation_aware_shapes_where_channels_and_positions_differ() -> None:
    dialect = nlblocks.dialects.get("rga")
    spec = dialect.spec("RGA_Module", in_channel=24, in_spatial=20, cha_ratio=4, spa_ratio=5, down_ratio=2)
    foreign = dialect.from_canonical(spec, random_state(spec, 0))
    convolutions = {name: array.shape[:2] for name, array in foreign.items() if array.ndim == 4}
    inner_c, inner_n = 24 // 4, 20 // 5
    assert convolutions == {
        **{f"{layer}_spatial.0.weight": (inner_c, 24) for layer in ("gx", "theta", "phi")},
        **{f"{layer}_channel.0.weight": (inner_n, 20) for layer in ("gx", "theta", "phi")},
        "gg_spatial.0.weight": (inner_n, 40),
        "gg_channel.0.weight": (inner_c, 48),
        "W_spatial.0.weight": ((1 + inner_n) // 2, 1 + inner_n),
        "W_channel.0.weight": ((1 + inner_c) // 2, 1 + inner_c),
        "W_spatial.3.weight": (1, (1 + inner_n) // 2),
        "W_channel.3.weight": (1, (1 + inner_c) // 2),
    }


@pytest.mark.parametrize("backend", BACKENDS)
def test_danet_head_is_dual_attention(backend: str, require: Require) -> None:
    require(backend, "torch")
    dialect = nlblocks.dialects.get("danet")
    spec = dialect.spec("DANetHead", in_channels=32, out_channels=3)
    state = random_state(spec, 0)
    foreign = dialect.from_canonical(spec, state)
    counters = {f"{name}.1.num_batches_tracked": np.array(7) for name in ("conv5a", "conv5c", "conv51", "conv52")}
    assert set(dialect.to_canonical(spec, {**foreign, **counters})) == set(state)
    x = random_array((2, 32, 3, 4), 0, "x")
    module = built(spec, backend, state=state)
    found = nlblocks.run(module, x).output
    for index, expected in enumerate(danet_head(foreign, x)):
        assert np.abs(found[:, index] - expected).max() < 1e-12


def danet_head(state: dict[str, Any], x: Any) -> list[Any]:
    """DANet's head in eval mode, from its own tensor names: the fused logits, the position ones, the channel ones."""
    import torch
    import torch.nn.functional as F

    p = {name: torch.from_numpy(array) for name, array in state.items()}

    def conv_bn_relu(name: str, x: torch.Tensor) -> torch.Tensor:
        mean, var, weight, bias = (p[f"{name}.1.{k}"] for k in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(F.conv2d(x, p[f"{name}.0.weight"], padding=1), mean, var, weight, bias, eps=1e-5).relu()

    def conv(name: str, x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(x, p[f"{name}.weight"], p[f"{name}.bias"])

    a = conv_bn_relu("conv5a", torch.from_numpy(x))
    query, key, value = (conv(f"sa.{name}_conv", a).flatten(2) for name in ("query", "key", "value"))
    weights = torch.einsum("bdi,bdj->bij", query, key).softmax(-1)
    a = a + p["sa.gamma"] * torch.einsum("bij,bcj->bci", weights, value).reshape(a.shape)
    a = conv_bn_relu("conv51", a)

    c = conv_bn_relu("conv5c", torch.from_numpy(x))
    energy = torch.einsum("bin,bjn->bij", c.flatten(2), c.flatten(2))
    weights = (energy.max(-1, keepdim=True).values - energy).softmax(-1)
    c = c + p["sc.gamma"] * torch.einsum("bij,bjn->bin", weights, c.flatten(2)).reshape(c.shape)
    c = conv_bn_relu("conv52", c)
    return [conv("conv8.1", a + c).numpy(), conv("conv6.1", a).numpy(), conv("conv7.1", c).numpy()]


REFUSED: list[tuple[str, Callable[[Any], Any], str]] = [
    ("sagan", lambda d: d.spec("Self_Attn", in_dim=7, activation=None), "in_dim // 8 = 0"),
    ("danet", lambda d: d.from_canonical(ChannelAttention(in_channels=4, energy="plain"), {}), "energy='plain'"),
    ("danet", lambda d: d.spec("DANetHead", in_channels=16, out_channels=2), "in_dim // 8 = 0"),
    ("danet", lambda d: d.spec("DANetHead", in_channels=64, out_channels=2, norm_layer="GroupNorm"), "GroupNorm"),
    ("danet", lambda d: d.from_canonical(DualAttention(in_channels=64, num_classes=2), {}), "auxiliary=False"),
    ("ccnet", lambda d: d.from_canonical(CrissCrossAttention(in_channels=16, inter_channels=3), {}), "form with 3"),
    ("rga", lambda d: d.spec("RGA_Module", in_channel=64, in_spatial=64, use_spatial=False, use_channel=False), "both"),
]


@pytest.mark.parametrize(("name", "attempt", "fragment"), REFUSED, ids=[f"{name}-{f}" for name, _, f in REFUSED])
def test_dialects_refuse_what_the_public_class_cannot_be(name: str, attempt: Any, fragment: str) -> None:
    with pytest.raises(nlblocks.InputError, match=fragment) as caught:
        attempt(nlblocks.dialects.get(name))
    assert "\n" not in str(caught.value)


def test_criss_cross_3d_dialect_has_the_same_names() -> None:
    dialect = nlblocks.dialects.get("ccnet")
    spec = dialect.spec("CrissCrossAttention3D", in_dim=16)
    assert spec == CrissCrossAttention(in_channels=16, dims=3)
    foreign = dialect.from_canonical(spec, random_state(spec, 0))
    assert foreign["query_conv.weight"].shape == (2, 16, 1, 1, 1)
    assert set(foreign) == {*(f"{n}_conv.{k}" for n in ("query", "key", "value") for k in ("weight", "bias")), "gamma"}
