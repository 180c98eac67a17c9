"""Context blocks and gates of statistics: where they start, what they refuse, and gradients at their edges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nlblocks
from nlblocks.backend import package
from nlblocks.errors import InputError
from nlblocks.proof import sample
from nlblocks.specs import (
    BlockSpec,
    CompactGeneralisedNonLocal,
    DisentangledNonLocal,
    GaussianContext,
    GlobalContext,
    SpatialGroupEnhance,
    StyleRecalibration,
)
from nlblocks.specs.base import describe
from parity_tests.helpers.blocks import BACKENDS, NATIVE, Require, built

LIMIT = 1e-12  # relative to the largest entry: what v z itself leaves of these gradients is 1e-10 off
IDENTITIES = [
    GlobalContext(in_channels=6),
    DisentangledNonLocal(in_channels=6),
    DisentangledNonLocal(in_channels=6, norm=None),
    DisentangledNonLocal(in_channels=6, norm=None, output=False, pair_gamma=True),
    CompactGeneralisedNonLocal(in_channels=6),
    CompactGeneralisedNonLocal(in_channels=6, taylor=CompactGeneralisedNonLocal.gaussian(2)),
]
OF_STATISTICS = [
    SpatialGroupEnhance(groups=2),
    StyleRecalibration(in_channels=6),
    StyleRecalibration(in_channels=6, eps=0.0),
    GaussianContext(),
    GaussianContext(deviation="biased"),
    CompactGeneralisedNonLocal(in_channels=6),
]
INVALID: list[tuple[Callable[[], Any], str]] = [
    (lambda: GlobalContext(in_channels=6, pool="max"), "pool='max' must be one of"),  # type: ignore[arg-type]
    (lambda: GlobalContext(in_channels=6, ln_eps=0.0), "ln_eps=0.0"),
    (lambda: DisentangledNonLocal(in_channels=6, mode="gaussian"), "mode='gaussian'"),  # type: ignore[arg-type]
    (lambda: DisentangledNonLocal(in_channels=6, temperature=0), "temperature=0"),
    (lambda: DisentangledNonLocal(in_channels=6, output=False, output_bias=True), "output_bias=True is for w_z"),
    (lambda: DisentangledNonLocal(in_channels=6, whiten="all", unary="mean"), "unary='mean'"),
    (lambda: DisentangledNonLocal(in_channels=6, sub_sample="before").check_input((1, 6, 1, 4)), "at least"),
    (lambda: CompactGeneralisedNonLocal(in_channels=6, groups=2), "groups=2 must divide C=6 and D=3"),
    (lambda: CompactGeneralisedNonLocal(in_channels=6, taylor=(1.0, float("nan"))), "tuple of finite numbers"),
    (lambda: SpatialGroupEnhance(groups=4).check_input((1, 6, 3, 3)), "multiple of groups=4"),
    (lambda: SpatialGroupEnhance(groups=2).check_input((1, 6, 1, 1)), "it must have at least 2"),
    (lambda: StyleRecalibration(in_channels=6).check_input((2, 6, 1, 1)), "it must have at least 2"),
    (lambda: GaussianContext().check_input((2, 1, 3, 3)), "no unbiased deviation"),
    (lambda: GaussianContext(c=0.0), "c=0.0"),
]


@pytest.mark.parametrize(("make", "message"), INVALID, ids=[message for _, message in INVALID])
def test_what_is_refused_says_why_in_one_line(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        make()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("spec", IDENTITIES, ids=describe)
def test_it_starts_as_the_identity(spec: BlockSpec, backend: str, require: Require) -> None:
    require(backend)
    x = sample.random_array(spec.example_shape(), 0, "x")
    assert np.array_equal(nlblocks.run(nlblocks.build(spec, backend=backend, dtype="float64"), x).output, x)


@pytest.mark.parametrize("backend", NATIVE)
@pytest.mark.parametrize("spec", OF_STATISTICS, ids=describe)
def test_a_dead_map_has_finite_gradients(spec: BlockSpec, backend: str, require: Require) -> None:
    """All zeros, as a ReLU may leave them: no deviation, and nothing that a norm could divide by."""
    require(backend)
    x = np.zeros((2, 6, 4, 3))
    run = nlblocks.run(built(spec, backend), x, training=True, grad_output=np.ones(x.shape))
    for array in (run.output, run.grad_input, *run.grad_params.values()):
        assert np.isfinite(array).all()


@pytest.mark.parametrize("backend", NATIVE)
def test_a_norm_leaves_the_gradients_of_what_it_divides_out(backend: str, require: Require) -> None:
    """Of the norm of the product itself by a complex step in long double, which has digits to lose."""
    require(backend)
    spec = CompactGeneralisedNonLocal(in_channels=4, inter_channels=2)
    state, x = sample.random_state(spec, 0), sample.random_array((1, 4, 3, 2), 0, "x")
    grad = sample.random_array(x.shape, 1, "grad")
    run = nlblocks.run(built(spec, backend, state=state), x, grad_output=grad)
    wide = {name: value.astype(np.clongdouble) for name, value in state.items()}
    for name in ("phi.weight", "g.weight"):
        expected = np.zeros(state[name].shape)
        for place in np.ndindex(expected.shape):
            moved = wide | {name: wide[name].copy()}
            moved[name][place] += 1e-30j
            expected[place] = float((_product_and_norm(moved, x) * grad).sum().imag / np.longdouble(1e-30))
        assert np.abs(run.grad_params[name] - expected).max() <= LIMIT * np.abs(expected).max()


def _product_and_norm(state: dict[str, Any], x: Any) -> Any:
    theta, phi, g = (
        np.einsum("dc,bchw->bdhw", state[f"{name}.weight"][:, :, 0, 0], x) for name in ("theta", "phi", "g")
    )
    y = np.einsum("cd,bdhw->bchw", state["w_z.weight"][:, :, 0, 0], theta * (phi * g).sum())
    y = (y - y.mean()) / np.sqrt(((y - y.mean()) ** 2).mean() + np.longdouble("1e-5"))
    return y * state["norm.weight"][:, None, None] + state["norm.bias"][:, None, None]


def test_a_dot_product_builds_no_map(monkeypatch: pytest.MonkeyPatch, require: Require) -> None:
    require("torch")
    cls = package("torch").DisentangledNonLocal
    monkeypatch.setattr(cls, "_pairwise", lambda *args: pytest.fail("the map was built"))
    spec = DisentangledNonLocal(in_channels=4, mode="dot_product")
    nlblocks.run(nlblocks.build(spec, backend="torch", dtype="float64"), sample.random_array((1, 4, 8, 8), 0, "x"))
