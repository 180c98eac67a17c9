"""What a run decides, held: numbers are put back on their side, and no farther than it takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nlblocks.numerics import NoiseFloor
from nlblocks.parity.recording.decisions import KINKS, _Larger, _Sides, _sides, _sign
from nlblocks.parity.recording.order import Order

DTYPES = ["float64", "float32"]


def rounded(x: Any, seed: int, far: float = 1e-6) -> Any:
    """The same numbers, each moved a little: what rounding makes of them behind a few layers."""
    return (x * (1 + far * np.random.default_rng(seed).normal(size=x.shape)) + far**2).astype(x.dtype)


def values(seed: int, dtype: str) -> Any:
    stream = np.random.default_rng(seed)
    x = np.maximum(stream.normal(size=(4, 9)), stream.choice([-9.0, 0.0, 0.5]))
    x[1, :3], x[0, :4] = -x[2, :3], 0.0
    return x.astype(dtype)


def ranks(x: Any) -> Any:
    return np.unique(x, return_inverse=True)[1].reshape(x.shape)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("seed", range(20))
def test_an_order_is_held_with_its_ties_and_its_zeros(seed: int, dtype: str) -> None:
    x = values(seed, dtype)
    moved = rounded(x, seed)
    held = Order.of(x).held(moved)
    assert held.dtype == x.dtype
    assert (ranks(held) == ranks(x)).all()
    assert ((held == 0) == (x == 0)).all()
    assert (np.sign(held) == np.sign(x)).all()
    assert np.abs(held - moved).max() <= 1e-5
    assert (Order.of(x).held(x) == x).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_infinities_stand_where_they_stood(dtype: str) -> None:
    x = np.array([-np.inf, 2.0, np.inf, -np.inf, 1.0], dtype)
    assert (Order.of(x).held(rounded(x, 0))[[0, 2, 3]] == x[[0, 2, 3]]).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["relu", "relu6", "hard_swish", "hard_sigmoid", "clip", "hardshrink"])
def test_every_element_stays_on_its_side_of_every_kink(kind: str, dtype: str) -> None:
    thresholds = [float(t) for t in KINKS[kind]({"low": -0.5, "high": 0.5})]
    at = np.array([*thresholds, *[np.nextafter(t, 9) for t in thresholds if t], 0.0, 1e-30, -1e-30, 7.0, -7.0], dtype)
    kept = _Sides.of(at, thresholds)
    for seed in range(20):
        moved = NoiseFloor.nudged(rounded(at, seed), seed, kind)
        held = kept.held(moved)
        assert held.dtype == at.dtype
        for number in thresholds:
            assert (_sides(held, number) == _sides(at, number)).all()
        assert np.abs(held - moved).max() <= 1e-4
    assert (kept.held(at) == at).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_larger_of_two_stays_the_larger_and_equal_ones_stay_equal(dtype: str) -> None:
    x, other = values(0, dtype), values(0, dtype)
    other[2:] = values(1, dtype)[2:]
    kept = _Larger(_sign(x, other))
    beside = rounded(other, 2)
    held = kept.held(rounded(x, 1), beside)
    assert (_sign(held, beside) == _sign(x, other)).all()
    assert (kept.held(x, other) == x).all()


def test_a_run_of_another_shape_is_held_to_nothing() -> None:
    x = values(0, "float64")
    assert (_Sides.of(x, [0.0]).held(-x[:2]) == -x[:2]).all()
