"""The one record of what was compared: what passes, what is a problem, and what is zero but for rounding."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError, replace
from typing import Any

import numpy as np
import pytest

from nlblocks.numerics.comparison import Comparison
from nlblocks.numerics.tolerance import EPSILON, LIMITS, MODEL_LIMIT, RATIO

NAN, INF, TINIEST = math.nan, math.inf, 5e-324
VALUES = np.array([1.0, -2.0, 0.5, 4.0])


def compared(left: Any, right: Any, dtype: str = "float64", **record: Any) -> Comparison:
    arrays = (np.asarray(side, dtype=dtype) for side in (left, right))
    limit = MODEL_LIMIT if dtype == "float64" else None
    return Comparison.of(
        *arrays, **{"phase": "eval", "group": "output", "name": "x", "dtype": dtype, "limit": limit, **record}
    )


@pytest.mark.parametrize(
    ("left", "right", "said"),
    [
        ([1.0, NAN], [1.0, 2.0], "the left has nan at [1]"),
        ([1.0, 2.0], [1.0, NAN], "the right has nan at [1]"),
        ([1.0, NAN], [1.0, NAN], "the left has nan at [1]"),
        ([INF, 1.0], [2.0, 1.0], "the left has inf at [0]"),
        ([2.0, 1.0], [-INF, 1.0], "the right has -inf at [0]"),
        ([INF, 1.0], [INF, 1.0], "the left has inf at [0]"),
        ([NAN, 1.0], [INF, 1.0], "the left has nan at [0]"),
        ([[1.0, 2.0]], [1.0, 2.0], "shapes differ: (1, 2) and (2,)"),
        ([1.0], [1.0, 1.0], "shapes differ: (1,) and (2,)"),
    ],
)
@pytest.mark.parametrize("noise", [None, 0.0, 1.0, INF])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_what_cannot_be_compared_is_no_pass(left: Any, right: Any, said: str, noise: float | None, dtype: str) -> None:
    found = compared(left, right, dtype, noise=noise)
    assert found.difference.problem == said
    assert not found.passed
    assert found.difference.relative == found.ratio == 0.0  # no number is made of it


def test_another_dtype_is_a_problem() -> None:
    found = Comparison.of(
        VALUES, VALUES.astype(np.float32), phase="eval", group="output", name="x", dtype="float64", noise=1.0, limit=1.0
    )
    assert found.difference.problem == "dtypes differ: float64 and float32"
    assert not found.passed


def test_a_tensor_that_is_missing_is_a_problem() -> None:
    found = Comparison.impossible(
        "torch computed no such tensor", phase="eval", group="grad_params", name="w", dtype="float64", noise=1.0
    )
    assert not found.passed
    assert not replace(found, noise=INF, limit=INF).passed


def test_a_difference_that_overflows_is_infinite_and_fails() -> None:
    found = compared([1.7e308, 1.0], [-1.7e308, 1.0], noise=1.0)
    assert found.difference.error == INF
    assert found.ratio == INF
    assert not found.passed


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_empty_tensors_of_one_shape_agree(dtype: str) -> None:
    found = compared(np.zeros((0, 3)), np.zeros((0, 3)), dtype, noise=0.0)
    assert found.passed
    assert found.zero
    assert found.difference.size == 0
    assert not compared(np.zeros((0, 3)), np.zeros((3, 0)), dtype, noise=0.0).passed


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_zeros_agree_with_zeros_only(dtype: str) -> None:
    assert compared([0.0, -0.0], [0.0, 0.0], dtype, noise=0.0).passed
    assert compared([0.0, -0.0], [0.0, 0.0], dtype, noise=0.0).zero
    assert not compared([0.0, 0.0], [0.0, 1e-30], dtype, noise=0.0).passed


@pytest.mark.parametrize(("dtype", "tiniest"), [("float64", TINIEST), ("float32", float(np.float32(1e-45)))])
def test_subnormals_are_numbers_like_others(dtype: str, tiniest: float) -> None:
    assert compared([tiniest], [tiniest], dtype, noise=0.0).passed
    apart = compared([0.0], [tiniest], dtype, noise=0.0)
    assert apart.difference.relative == 1.0
    assert not apart.passed  # though half a unit in its last place is no number: that floor is 0
    assert apart.ratio > RATIO
    assert not apart.zero
    rounded = compared([0.0], [tiniest], dtype, noise=tiniest)
    assert rounded.passed
    assert rounded.zero


@pytest.mark.parametrize(("floors", "passes"), [(31.0, True), (32.0, True), (33.0, False), (1e4, False)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("noise", [2.0**-20, 0.0])
def test_an_error_passes_up_to_32_noise_floors(floors: float, passes: bool, dtype: str, noise: float) -> None:
    """At 31 floors and at 33, whether nudges measured the floor or half a unit in the last place is all there is."""
    right = VALUES.copy()
    floor = max(noise, EPSILON[dtype] * 4.0)
    right[1] += floors * floor  # powers of two and few bits: exact in both dtypes
    found = compared(VALUES, right, dtype, noise=noise, limit=None)
    assert found.difference.index == (1,)
    assert found.floor == floor
    assert found.ratio == floors
    assert found.passed is passes


@pytest.mark.parametrize(("relative", "passes"), [(0.9e-13, True), (1.1e-13, False)])
def test_a_limit_judges_float64_without_a_floor(relative: float, passes: bool) -> None:
    found = compared(VALUES, [1.0, -2.0, 0.5, 4.0 + 4 * relative], limit=LIMITS["output"])
    assert found.noise is None
    assert found.floor == found.ratio == 0.0  # none was needed
    assert found.passed is passes
    assert replace(found, noise=1.0).passed


def test_float32_is_judged_by_its_noise_alone() -> None:
    assert not compared(VALUES, VALUES, "float32").passed  # equal, but nothing judged it
    assert compared(VALUES, VALUES, "float32", noise=0.0).passed
    near = VALUES + 2.0**-16  # 64 times half a unit in the last place of 4
    assert not compared(VALUES, near, "float32", noise=0.0).passed
    assert compared(VALUES, near, "float32", noise=2.0**-20).passed


@pytest.mark.parametrize(("scale", "zero"), [(31.0, True), (32.0, True), (33.0, False)])
def test_a_tensor_within_32_floors_is_zero_but_for_rounding(scale: float, zero: bool) -> None:
    found = compared([scale * 1e-20, 0.0], [0.0, 0.0], noise=1e-20)
    assert found.zero is zero
    assert found.zero is (found.rounding >= 1.0)
    assert found.passed is zero  # one side says 0: that is 31, 32 or 33 floors away
    assert found.rounding == pytest.approx(RATIO / scale)


def test_without_a_floor_only_exact_zeros_are_zero() -> None:
    assert not compared(VALUES * 1e-300, VALUES * 1e-300).zero
    assert compared([0.0], [0.0]).zero


def test_the_record_cannot_be_changed_in_place() -> None:
    found = compared(VALUES, VALUES + 1, noise=0.0)
    with pytest.raises(FrozenInstanceError):
        found.accepted = True  # type: ignore[misc]
    wanted = replace(found, accepted=True)
    assert wanted.accepted
    assert not wanted.passed  # accepting a difference makes it no agreement
