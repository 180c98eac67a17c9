"""float16 ends at 65504: scores, sums of products of features, pass it where no feature does."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import nlblocks
from nlblocks.paths import force
from nlblocks.proof import sample
from nlblocks.specs import (
    BlockSpec,
    ChannelAffinity,
    ChannelAttention,
    CompactGeneralisedNonLocal,
    CrissCrossAttention,
    DisentangledNonLocal,
    ExpectationMaximisationAttention,
    NonLocal,
    PositionAttention,
    SimAM,
    SpatialGroupEnhance,
)
from nlblocks.specs.base import describe
from parity_tests.helpers.blocks import Require

BEYOND = [
    *(NonLocal(in_channels=64, mode=mode, norm=None, zero_init=False) for mode in ("embedded_gaussian", "gaussian")),
    NonLocal(in_channels=64, mode="dot_product", norm=None, zero_init=False),
    ChannelAffinity(in_channels=64),
    ChannelAffinity(in_channels=64, mode="gaussian"),
    PositionAttention(in_channels=64),
    ChannelAttention(in_channels=64),
    ChannelAttention(in_channels=64, energy="plain"),
    CrissCrossAttention(in_channels=64),
    DisentangledNonLocal(in_channels=64, unary="none", norm=None, zero_init=False),
    DisentangledNonLocal(in_channels=64, mode="dot_product", unary="none", norm=None, zero_init=False),
]


ROUNDING = 2.0**-9
"""Four times float16's rounding: the shortcut, the product and their sum are rounded, each by up to 2^-11."""


def run(spec: BlockSpec, dtype: str, autocast: bool = False) -> list[Any]:
    """Output on either path, map and the input's gradient; the input is the same in every dtype."""
    import torch

    module = nlblocks.build(spec, backend="torch", dtype=dtype)  # type: ignore[arg-type]
    state = sample.random_state(spec, 0)
    for name in {"g.weight", "g.bias"} & set(state):
        state[name] = state[name] / 1000  # a dot product's output is as large as scores times values
    nlblocks.load_state(module, state)
    x = torch.from_numpy(100 * np.abs(sample.random_array((1, 64, 12, 12), 0, "x"))).half()
    x = x.to(getattr(torch, dtype), copy=True).requires_grad_()
    module.eval()
    with torch.autocast("cpu", torch.float16, enabled=autocast):
        y, attention = module(x, return_attention=True)
        with force("fast"):
            y_fast = module(x)
    y.double().mean().backward()
    return [tensor.detach().double().numpy() for tensor in (y, y_fast, attention, x.grad)]


@pytest.mark.parametrize("autocast", [False, True], ids=["float16", "autocast"])
@pytest.mark.parametrize("spec", BEYOND, ids=describe)
def test_scores_beyond_float16_are_no_infinities(spec: BlockSpec, autocast: bool, require: Require) -> None:
    require("torch")
    found, exact = run(spec, "float32" if autocast else "float16", autocast), run(spec, "float64")
    assert all(np.isfinite(array).all() for array in found)
    for output in found[:2]:
        assert np.abs(output - exact[0]).max() < ROUNDING * np.abs(exact[0]).max()


@pytest.mark.parametrize("spec", BEYOND, ids=describe)
def test_they_would_be(spec: BlockSpec, require: Require, monkeypatch: pytest.MonkeyPatch) -> None:
    """With scores in float16: what the test above sees, were they left as they come."""
    require("torch")
    block = sys.modules[type(nlblocks.build(spec, backend="torch")).__module__]
    monkeypatch.setattr(block, "affinity", lambda left, right: left @ right)
    assert not all(np.isfinite(array).all() for array in run(spec, "float16"))


@pytest.mark.parametrize("path", ["direct", "fast"])
@pytest.mark.parametrize("spec", BEYOND, ids=describe)
def test_autocast_leaves_float64_as_it_is(spec: BlockSpec, path: Any, require: Require) -> None:
    require("torch")
    import torch

    block = nlblocks.build(spec, backend="torch", dtype="float64")
    x = torch.from_numpy(sample.random_array(spec.example_shape(), 0, "x"))
    with force(path):
        plain = block(x)
        with torch.autocast("cpu", dtype=torch.float16):
            assert torch.equal(block(x), plain)


@pytest.mark.parametrize("transposed", [False, True])
def test_paddle_scores_beyond_float16(transposed: bool, require: Require, monkeypatch: pytest.MonkeyPatch) -> None:
    """By themselves, and where auto_cast makes float16 of them; its kernels are not on a CPU, so it is played."""
    require("paddle")
    import paddle

    scores = importlib.import_module("nlblocks_paddle.kernels.scores")
    left = paddle.to_tensor(300 * np.abs(sample.random_array((2, 3, 4), 0, "left"))).astype("float16")
    right = left if transposed else left.transpose([0, 2, 1])
    exact = left.astype("float64").numpy() @ left.astype("float64").numpy().transpose(0, 2, 1)
    assert np.abs(exact).max() > np.finfo(np.float16).max

    matmul, casting = paddle.matmul, [True]

    @contextmanager
    def auto_cast(enable: bool) -> Iterator[None]:
        casting.append(enable)
        yield
        casting.pop()

    def cast(x: Any, y: Any, *transposed: bool) -> Any:
        return matmul(x, y, *transposed).astype("float16" if casting[-1] else x.dtype)

    both = [scores.affinity(left, right, transpose_y=transposed)]
    monkeypatch.setattr(paddle, "matmul", cast)
    monkeypatch.setattr(paddle.amp, "auto_cast", auto_cast)
    both.append(scores.affinity(left.astype("float32"), right.astype("float32"), transpose_y=transposed))
    for found in both:
        assert found.dtype == paddle.float32
        np.testing.assert_allclose(found.numpy(), exact, rtol=1e-6)
    assert scores.narrowed(both[0], left).dtype == paddle.float16
    assert scores.narrowed(both[0], both[0]) is both[0]


def test_squares_pass_it_where_values_do_not(require: Require) -> None:
    """SimAM's: (1000)² is no number of float16, and the gate is one of a spread that is."""
    require("torch")
    import torch

    x = torch.from_numpy(1000 * sample.random_array((1, 3, 12, 12), 0, "x")).half()
    module = nlblocks.build(SimAM(), backend="torch", dtype="float16")
    assert x.square().isinf().any()
    expected = nlblocks.build(SimAM(), backend="torch", dtype="float64")(x.double())
    assert ((module(x) - expected).abs() <= ROUNDING * expected.abs()).all()


@pytest.mark.parametrize("autocast", [False, True], ids=["float16", "autocast"])
@pytest.mark.parametrize(
    "spec", [SpatialGroupEnhance(groups=2), ExpectationMaximisationAttention(in_channels=8, num_bases=3)], ids=describe
)
def test_products_of_features_pass_it_too(spec: BlockSpec, autocast: bool, require: Require) -> None:
    require("torch")
    import torch

    x = torch.from_numpy(300 * np.abs(sample.random_array((2, 8, 6, 5), 0, "x"))).half()
    assert x.square().sum(1).isinf().any()
    found = {}
    for dtype in ("float64", "float32" if autocast else "float16"):
        module = nlblocks.build(spec, backend="torch", dtype=dtype)  # type: ignore[arg-type]
        nlblocks.load_state(module, sample.random_state(spec, 0))
        module.eval()
        with torch.autocast("cpu", torch.float16, enabled=autocast and dtype == "float32"):
            found[dtype] = module(x.to(getattr(torch, dtype))).double()
    exact, other = found.values()
    assert ((other - exact).abs() <= ROUNDING * exact.abs().max()).all()


@pytest.mark.parametrize("autocast", [False, True], ids=["float16", "autocast"])
def test_a_product_over_a_whole_map_passes_it_too(autocast: bool, require: Require) -> None:
    """That of compact generalised non-local, which the norm divides out again: the gradients are numbers."""
    require("torch")
    import torch

    spec = CompactGeneralisedNonLocal(in_channels=32, zero_init=False)
    module = nlblocks.build(spec, backend="torch", dtype="float32" if autocast else "float16")
    nlblocks.load_state(module, sample.random_state(spec, 0))
    x = torch.from_numpy(20 * np.abs(sample.random_array((1, 32, 24, 24), 0, "x"))).half().requires_grad_()
    with torch.autocast("cpu", torch.float16, enabled=autocast):
        product = (module.phi(x.to(module.phi.weight.dtype)) * module.g(x.to(module.g.weight.dtype))).half()
        assert product.sum().isinf()
        y = module(x.to(module.phi.weight.dtype))
    y.float().mean().backward()
    assert all(tensor.grad.isfinite().all() for tensor in (x, *module.parameters()))
