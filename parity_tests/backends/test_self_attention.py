"""Position, channel, dual, criss-cross and relation-aware attention: what the conformance suite does not ask of all."""

from __future__ import annotations

import importlib
import math
from itertools import product
from typing import Any

import numpy as np
import pytest

import nlblocks
from nlblocks.proof.sample import random_array, random_state
from nlblocks.specs import (
    BatchNorm,
    ChannelAttention,
    CrissCrossAttention,
    DualAttention,
    PositionAttention,
    RelationAwareAttention,
)
from parity_tests.helpers.blocks import BACKENDS, NATIVE, Require, built

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
def test_backends_agree(spec: Any, shape: tuple[int, ...], require: Require) -> None:
    require("torch", "paddle")
    report = nlblocks.verify(spec, seed=3, input_shape=shape)
    assert report, report


@pytest.mark.parametrize("backend", NATIVE)
def test_verify_catches_a_position_counted_twice(
    backend: str, monkeypatch: pytest.MonkeyPatch, require: Require
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


def test_verify_catches_a_wrong_sign_of_the_energy(monkeypatch: pytest.MonkeyPatch, require: Require) -> None:
    require("torch")
    monkeypatch.setattr(ChannelAttention, "sign", 1.0)
    assert not nlblocks.verify(ChannelAttention(in_channels=4), backends=("torch", "reference"))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("extents", [(3, 4), (1, 3), (2, 3, 2)], ids=str)
def test_criss_cross_counts_each_position_once(backend: str, extents: tuple[int, ...], require: Require) -> None:
    require(backend)
    dims = len(extents)
    spec = CrissCrossAttention(in_channels=4, reduction=2, dims=dims)
    state, x = random_state(spec, 0), random_array((2, 4, *extents), 0, "x")
    output, attention = brute_criss_cross(state, x)
    module = built(spec, backend, state=state)
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
def test_criss_cross_is_finite_in_half_precision(dtype: str, dims: int, require: Require) -> None:
    require("torch")
    import torch

    spec = CrissCrossAttention(in_channels=4, inter_channels=4, dims=dims, recurrence=2)
    module = nlblocks.build(spec, backend="torch", seed=0, dtype=dtype)  # type: ignore[arg-type]
    state = random_state(spec, 0)
    # Energies in the hundreds: their exponential alone would overflow.
    state["query.weight"], state["key.weight"] = 8 * state["query.weight"], 8 * state["key.weight"]
    nlblocks.load_state(module, state)
    x = torch.from_numpy(random_array(spec.example_shape(), 0, "x")).to(getattr(torch, dtype)).requires_grad_()
    energy = (module.query(x) * module.key(x)).sum(1)
    assert energy.abs().max() > 100
    output, attention = module(x, return_attention=True)
    output.float().mean().backward()
    tensors = [output, attention, x.grad, *(parameter.grad for parameter in module.parameters())]
    assert all(tensor.dtype == getattr(torch, dtype) and tensor.isfinite().all() for tensor in tensors)
    assert (attention.float().sum(-1) - 1).abs().max() < 0.02


def test_criss_cross_exports_without_infinities(require: Require) -> None:
    require("torch")
    import torch

    module = nlblocks.build(CrissCrossAttention(in_channels=4, recurrence=2), backend="torch", seed=0).eval()
    nlblocks.load_state(module, random_state(module.spec, 0))
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
def test_a_new_block_is_the_identity(spec: Any, backend: str, require: Require) -> None:
    require(backend)
    x = random_array(spec.example_shape(), 0, "x")
    assert np.array_equal(nlblocks.run(nlblocks.build(spec, backend=backend, seed=1, dtype="float64"), x).output, x)


@pytest.mark.parametrize("backend", BACKENDS)
def test_dual_attention_drops_whole_channels(backend: str, require: Require) -> None:
    require(backend)
    spec = DualAttention(in_channels=6, num_classes=64, inter_channels=64, dropout=0.75)
    state = {name: np.zeros_like(array) for name, array in random_state(spec, 0).items()}
    state["classifier.weight"] = np.eye(64).reshape(64, 64, 1, 1)  # the logits are what the classifier sees
    state["position_out.norm.bias"] = np.ones(64)  # and that is all ones before the dropout
    module = built(spec, backend, state=state)
    x = random_array((2, 6, 2, 3), 0, "x")
    assert (nlblocks.run(module, x).output == 1.0).all()
    output = nlblocks.run(module, x, training=True).output
    assert set(np.unique(output)) == {0.0, 4.0}
    assert (output == output[:, :, :1, :1]).all()
