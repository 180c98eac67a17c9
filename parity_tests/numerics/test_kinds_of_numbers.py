"""Complex numbers are compared whole, integers exactly, and NaN beside NaN is no difference where that is allowed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from nlblocks.numerics import Comparison, NoiseFloor, distance
from nlblocks.numerics.difference import gap, measure
from nlblocks.numerics.tolerance import MODEL_LIMIT

NAN, INF = math.nan, math.inf
Z = np.array([1 + 2j, -3 - 1j, 0.5j])


def compared(left: Any, right: Any, **record: Any) -> Comparison:
    return Comparison.of(
        np.asarray(left), np.asarray(right), phase="eval", group="output", name="x", dtype="float64", limit=MODEL_LIMIT,
        **record,
    )  # fmt: skip


@pytest.mark.parametrize("dtype", [np.complex128, np.complex64])
def test_an_imaginary_part_counts_as_much_as_a_real_one(dtype: Any) -> None:
    z = Z.astype(dtype)
    assert compared(z, z.copy()).passed
    found = measure(z, z.conj())
    assert (found.error, found.index, found.values) == (4.0, (0,), (1 + 2j, 1 - 2j))
    assert found.scale == pytest.approx(math.sqrt(10))
    assert (found.same, found.size) == (0, 3)
    assert not compared(z, z.conj(), noise=1e-9).passed
    assert gap(z, z.conj()).max() == 4.0
    assert distance(z, z.conj()) == pytest.approx(4 / math.sqrt(10))
    assert distance(z, z.real) > 0.5


def test_the_floor_of_a_complex_tensor_moves_both_parts() -> None:
    moved = NoiseFloor.nudged(Z, 0, "z")
    assert moved.dtype == np.complex128
    assert (moved.imag != Z.imag).all()
    assert (moved.real[:2] != Z.real[:2]).all()
    assert moved.real[2] == 0.0  # zeros stay
    assert NoiseFloor.nudged(Z, 0, "z", "float32").dtype == np.complex64
    noise = NoiseFloor({("output", ""): Z})
    noise.add(("output", ""), moved)
    assert noise.floors


def test_integers_are_exact_however_large() -> None:
    large = np.array([2**53, 7], np.int64)
    assert compared(large, large.copy()).passed
    found = measure(large, large + np.array([1, 0]))
    assert (found.error, found.same) == (1.0, 1)
    assert measure(large, large.copy()).error == 0.0


@pytest.mark.parametrize(
    ("left", "right", "spoilt", "said"),
    [
        ([NAN, 1.0], [NAN, 1.0], "", ""),
        ([INF, 1.0], [INF, 1.0], "", ""),
        ([NAN, 1.0], [NAN, 2.0], "", ""),
        ([complex(NAN, 1), 1j], [complex(NAN, 2), 1j], "", ""),
        ([NAN, 1.0], [0.0, 1.0], "left", "the left has nan at [0]"),
        ([0.0, 1.0], [0.0, NAN], "right", "the right has nan at [1]"),
        ([NAN, 1.0], [INF, 1.0], "left", "the left has nan at [0], the right inf"),
        ([INF, 1.0], [-INF, 1.0], "left", "the left has inf at [0], the right -inf"),
        ([NAN, NAN], [NAN, 1.0], "left", "the left has nan at [1]"),
    ],
)
def test_what_is_not_finite_alike_is_counted_and_the_rest_compared(
    left: Any, right: Any, spoilt: str, said: str
) -> None:
    found = measure(np.array(left), np.array(right), alike=True)
    assert (found.spoilt, found.problem) == (spoilt, said)
    if not said:
        assert found.nan + found.infinite == 1
        assert "1" in found.not_finite
        assert found.error == float(abs(left[1] - right[1]))
        assert found.scale == float(max(abs(left[1]), abs(right[1])))
    assert measure(np.array(left), np.array(right)).problem  # never alike unless that is asked for


def test_a_tensor_that_is_nan_all_over_leaves_nothing_to_judge() -> None:
    found = compared([NAN, NAN], [NAN, NAN], alike=True)
    assert found.undecided == "it is NaN all over on both sides, or infinite"
    assert not found.passed
    assert compared([NAN, INF], [NAN, INF], alike=True).undecided
    assert compared([INF, -INF], [INF, -INF], alike=True).passed


def test_a_floor_is_measured_beside_what_is_not_finite() -> None:
    base = np.array([NAN, INF, 1.0])
    noise = NoiseFloor({("output", ""): base})
    noise.add(("output", ""), base + np.array([0, 0, 1e-3]))
    assert np.allclose(np.max(noise.floors["output", ""]), 1e-3)
