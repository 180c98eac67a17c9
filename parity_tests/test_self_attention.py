"""Position, channel, dual, criss-cross and relation-aware attention: what the conformance suite does not ask of all."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

import nlblocks
from nlblocks.proof import sample
from nlblocks.specs import (
    BatchNorm,
    ChannelAttention,
    CrissCrossAttention,
    DualAttention,
    PositionAttention,
    RelationAwareAttention,
)

BACKENDS = ("torch", "paddle", "reference")
BIASED = BatchNorm(eps=1e-3, momentum=0.3, variance="biased")
DUAL = {"in_channels": 6, "num_classes": 2, "inter_channels": 3}
RELATION = {"in_channels": 6, "positions": 4, "channel_ratio": 2, "spatial_ratio": 2, "down_ratio": 1}

CASES: list[tuple[Any, tuple[int, ...]]] = [
    *(
        (PositionAttention(in_channels=5, inter_channels=inter), (2, 5, *extents))
        for inter, extents in product((None, 3), ((4, 3), (1, 7), (1, 1)))
    ),
    *(
        (ChannelAttention(in_channels=channels, energy=energy), (2, channels, *extents))
        for energy, (channels, extents) in product(("negated", "plain"), ((4, (3, 5)), (3, (1, 1)), (1, (2, 3))))
    ),
    *(
        (DualAttention(**DUAL, energy=energy, auxiliary=auxiliary, norm=norm), (2, 6, *extents))
        for energy, auxiliary, norm, extents in (
            ("negated", True, BatchNorm(), (1, 3)),
            ("plain", False, BIASED, (2, 1)),
            ("plain", True, BatchNorm(), (1, 1)),
        )
    ),
    *(
        (CrissCrossAttention(in_channels=4, reduction=2, recurrence=recurrence), (1, 4, *extents))
        for recurrence, extents in product((1, 2), ((3, 4), (1, 5), (5, 1), (1, 1)))
    ),
    *(
        (CrissCrossAttention(in_channels=3, dims=3, recurrence=recurrence), (2, 3, *extents))
        for recurrence, extents in ((1, (2, 3, 4)), (2, (3, 1, 2)), (3, (1, 1, 1)))
    ),
    *(
        (RelationAwareAttention(**RELATION, mode=mode, norm=norm), (2, 6, *extents))
        for mode, norm, extents in (
            ("both", BatchNorm(), (2, 2)),
            ("spatial", BIASED, (1, 4)),
            ("channel", BatchNorm(), (4, 1)),
        )
    ),
]


@pytest.mark.parametrize(
    ("spec", "shape"), CASES, ids=lambda value: value.kind if hasattr(value, "kind") else str(value)
)
def test_backends_agree(spec: Any, shape: tuple[int, ...], require: Callable[..., None]) -> None:
    require("torch", "paddle")
    report = nlblocks.verify(spec, seed=3, input_shape=shape)
    assert report, report


@pytest.mark.parametrize("backend", ["torch", "paddle"])
def test_verify_catches_a_position_counted_twice(
    backend: str, monkeypatch: pytest.MonkeyPatch, require: Callable[..., None]
) -> None:
    require("torch", "paddle")
    spec = CrissCrossAttention(in_channels=4)
    assert nlblocks.verify(spec)
    module = importlib.import_module(f"nlblocks_{backend}.criss_cross_attention")
    exact = module._repeated
    monkeypatch.setattr(module, "_repeated", lambda *arguments: exact(*arguments) != exact(*arguments))  # all False
    report = nlblocks.verify(spec)
    assert not report
    assert backend in report.failures[0].pair
    assert {"output", "attention", "grad_input", "grad_params", "derivative"} <= {c.group for c in report.failures}


def test_verify_catches_a_wrong_sign_of_the_energy(
    monkeypatch: pytest.MonkeyPatch, require: Callable[..., None]
) -> None:
    require("torch")
    monkeypatch.setattr(ChannelAttention, "sign", 1.0)
    assert not nlblocks.verify(ChannelAttention(in_channels=4), backends=("torch", "reference"))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("extents", [(3, 4), (1, 3), (2, 3, 2)], ids=str)
def test_criss_cross_counts_each_position_once(
    backend: str, extents: tuple[int, ...], require: Callable[..., None]
) -> None:
    require(backend)
    dims = len(extents)
    spec = CrissCrossAttention(in_channels=4, reduction=2, dims=dims)
    state, x = sample.random_state(spec, 0), sample.random_array((2, 4, *extents), 0, "x")
    output, attention = brute_criss_cross(state, x)
    module = nlblocks.build(spec, backend=backend, dtype="float64")
    nlblocks.load_state(module, state)
    found = nlblocks.run(module, x, return_attention=True)
    assert np.abs(found.output - output).max() < 1e-13
    assert np.abs(found.attention - attention).max() < 1e-14
    assert np.abs(found.attention.sum(-1) - 1).max() < 1e-14
    counted = (found.attention != 0).sum(-1)
    assert (counted == sum(extents) - (dims - 1)).all(), counted


def brute_criss_cross(state: dict[str, Any], x: Any) -> tuple[Any, Any]:
    """One position at a time, over a set of positions, in which each can stand only once."""
    extents = x.shape[2:]

    def project(name: str) -> Any:
        weight = state[f"{name}.weight"].reshape(state[f"{name}.weight"].shape[:2])
        return np.moveaxis(np.tensordot(weight, x, axes=(1, 1)), 0, 1) + state[f"{name}.bias"].reshape(
            1, -1, *[1] * len(extents)
        )

    query, key, value = project("query"), project("key"), project("value")
    output, attention = x.copy(), np.zeros((x.shape[0], *extents, sum(extents)))
    for b, u in product(range(x.shape[0]), np.ndindex(*extents)):
        cross = {
            (*u[:axis], k, *u[axis + 1 :]) for axis, extent in enumerate(extents) for k in range(extent)
        }  # a set: u is in it once
        energy = {j: float(query[(b, slice(None), *u)] @ key[(b, slice(None), *j)]) for j in cross}
        total = math.fsum(math.exp(e) for e in energy.values())
        for j, e in energy.items():
            share = math.exp(e) / total
            output[(b, slice(None), *u)] += state["gamma"][0] * share * value[(b, slice(None), *j)]
            axis = next((a for a, (i, k) in enumerate(zip(u, j, strict=True)) if i != k), len(extents) - 1)
            attention[(b, *u, sum(extents[:axis]) + j[axis])] = share
    return output, attention


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("dims", [2, 3])
def test_criss_cross_is_finite_in_half_precision(dtype: str, dims: int, require: Callable[..., None]) -> None:
    require("torch")
    import torch

    spec = CrissCrossAttention(in_channels=4, inter_channels=4, dims=dims, recurrence=2)
    module = nlblocks.build(spec, backend="torch", seed=0, dtype=dtype)  # type: ignore[arg-type]
    state = sample.random_state(spec, 0)
    # Energies in the hundreds: their exponential alone would overflow.
    state["query.weight"], state["key.weight"] = 8 * state["query.weight"], 8 * state["key.weight"]
    nlblocks.load_state(module, state)
    x = torch.from_numpy(sample.random_array(spec.example_shape(), 0, "x")).to(getattr(torch, dtype)).requires_grad_()
    energy = (module.query(x) * module.key(x)).sum(1)
    assert energy.abs().max() > 100
    output, attention = module(x, return_attention=True)
    output.float().mean().backward()
    tensors = [output, attention, x.grad, *(parameter.grad for parameter in module.parameters())]
    assert all(tensor.dtype == getattr(torch, dtype) and tensor.isfinite().all() for tensor in tensors)
    assert (attention.float().sum(-1) - 1).abs().max() < 0.02


def test_criss_cross_exports_without_infinities(require: Callable[..., None]) -> None:
    require("torch")
    import torch

    module = nlblocks.build(CrissCrossAttention(in_channels=4, recurrence=2), backend="torch", seed=0).eval()
    nlblocks.load_state(module, sample.random_state(module.spec, 0))
    x = torch.randn(2, 4, 3, 5)
    sizes = {0: torch.export.Dim("batch"), 2: torch.export.Dim("height", min=2), 3: torch.export.Dim("width", min=2)}
    program = torch.export.export(module, (x,), dynamic_shapes=(sizes,))
    assert "inf" not in program.graph_module.code
    assert all(torch.isfinite(tensor).all() for tensor in program.constants.values())
    for tensor in (x, torch.randn(1, 4, 6, 2)):
        assert torch.equal(program.module()(tensor), module(tensor))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "spec",
    [
        PositionAttention(in_channels=8),
        ChannelAttention(in_channels=8),
        CrissCrossAttention(in_channels=8, recurrence=2),
        CrissCrossAttention(in_channels=8, dims=3),
    ],
    ids=lambda spec: spec.kind,
)
def test_a_new_block_is_the_identity(spec: Any, backend: str, require: Callable[..., None]) -> None:
    require(backend)
    x = sample.random_array(spec.example_shape(), 0, "x")
    assert np.array_equal(nlblocks.run(nlblocks.build(spec, backend=backend, seed=1, dtype="float64"), x).output, x)


@pytest.mark.parametrize("backend", BACKENDS)
def test_dual_attention_drops_whole_channels(backend: str, require: Callable[..., None]) -> None:
    require(backend)
    spec = DualAttention(in_channels=6, num_classes=64, inter_channels=64, dropout=0.75)
    state = {name: np.zeros_like(array) for name, array in sample.random_state(spec, 0).items()}
    state["classifier.weight"] = np.eye(64).reshape(64, 64, 1, 1)  # the logits are what the classifier sees
    state["position_out.norm.bias"] = np.ones(64)  # and that is all ones before the dropout
    module = nlblocks.build(spec, backend=backend, dtype="float64")
    nlblocks.load_state(module, state)
    x = sample.random_array((2, 6, 2, 3), 0, "x")
    assert (nlblocks.run(module, x).output == 1.0).all()
    output = nlblocks.run(module, x, training=True).output
    assert set(np.unique(output)) == {0.0, 4.0}
    assert (output == output[:, :, :1, :1]).all()


INVALID: list[tuple[Callable[[], Any], str]] = [
    (lambda: PositionAttention(in_channels=0), "in_channels=0"),
    (lambda: PositionAttention(in_channels=8, reduction=0), "reduction=0"),
    (lambda: PositionAttention(in_channels=8, inter_channels=0), "inter_channels=0"),
    (lambda: PositionAttention(in_channels=8).check_input((1, 8, 5)), "[B, C, H, W]"),
    (lambda: ChannelAttention(in_channels=8, energy="max"), "energy='max'"),
    (lambda: ChannelAttention(in_channels=8).check_input((1, 7, 5, 5)), "7 channels"),
    (lambda: DualAttention(in_channels=8, num_classes=0), "num_classes=0"),
    (lambda: DualAttention(in_channels=8, num_classes=2, dropout=1.0), "dropout=1.0"),
    (lambda: DualAttention(in_channels=8, num_classes=2, auxiliary=1), "auxiliary=1"),
    (lambda: DualAttention(in_channels=8, num_classes=2, energy="x"), "energy='x'"),
    (lambda: DualAttention(in_channels=8, num_classes=2, query_reduction=0), "query_reduction=0"),
    (lambda: CrissCrossAttention(in_channels=8, dims=1), "dims=1"),
    (lambda: CrissCrossAttention(in_channels=8, recurrence=0), "recurrence=0"),
    (lambda: CrissCrossAttention(in_channels=8).check_input((1, 8, 2, 3, 4)), "[B, C, H, W]"),
    (lambda: CrissCrossAttention(in_channels=8, dims=3).check_input((1, 8, 3, 4)), "[B, C, T, H, W]"),
    (lambda: CrissCrossAttention(in_channels=8).check_input((1, 8, 0, 4)), "at least (1, 1)"),
    (lambda: RelationAwareAttention(in_channels=64, positions=55), "positions=55 gives it 1 + 6"),
    (lambda: RelationAwareAttention(in_channels=55, positions=64), "in_channels=55 gives it 1 + 6"),
    (lambda: RelationAwareAttention(in_channels=7, positions=64, mode="spatial"), "channel_ratio=8"),
    (lambda: RelationAwareAttention(in_channels=64, positions=7, mode="channel"), "spatial_ratio=8"),
    (lambda: RelationAwareAttention(in_channels=64, positions=64, mode="none"), "mode='none'"),
    (lambda: RelationAwareAttention(in_channels=64, positions=64).check_input((1, 64, 8, 9)), "72 positions"),
]


@pytest.mark.parametrize(("attempt", "fragment"), INVALID, ids=[fragment for _, fragment in INVALID])
def test_errors_name_the_field_and_what_would_do(attempt: Callable[[], Any], fragment: str) -> None:
    with pytest.raises(nlblocks.InputError) as caught:
        attempt()
    assert fragment in str(caught.value)
    assert "\n" not in str(caught.value)


def test_relation_aware_sizes_at_the_limit() -> None:
    RelationAwareAttention(in_channels=56, positions=56)
    RelationAwareAttention(in_channels=8, positions=56, mode="spatial")
    RelationAwareAttention(in_channels=56, positions=8, mode="channel")


def test_relation_aware_shapes_where_channels_and_positions_differ() -> None:
    dialect = nlblocks.dialects.get("rga")
    spec = dialect.spec("RGA_Module", in_channel=24, in_spatial=20, cha_ratio=4, spa_ratio=5, down_ratio=2)
    foreign = dialect.from_canonical(spec, sample.random_state(spec, 0))
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
def test_danet_head_is_dual_attention(backend: str, require: Callable[..., None]) -> None:
    require(backend, "torch")
    dialect = nlblocks.dialects.get("danet")
    spec = dialect.spec("DANetHead", in_channels=32, out_channels=3)
    state = sample.random_state(spec, 0)
    foreign = dialect.from_canonical(spec, state)
    counters = {f"{name}.1.num_batches_tracked": np.array(7) for name in ("conv5a", "conv5c", "conv51", "conv52")}
    assert set(dialect.to_canonical(spec, {**foreign, **counters})) == set(state)
    x = sample.random_array((2, 32, 3, 4), 0, "x")
    module = nlblocks.build(spec, backend=backend, dtype="float64")
    nlblocks.load_state(module, state)
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
    foreign = dialect.from_canonical(spec, sample.random_state(spec, 0))
    assert foreign["query_conv.weight"].shape == (2, 16, 1, 1, 1)
    assert set(foreign) == {*(f"{n}_conv.{k}" for n in ("query", "key", "value") for k in ("weight", "bias")), "gamma"}
