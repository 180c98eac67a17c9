"""The nudge and the noise floor."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from nlblocks.init import generator
from nlblocks.numerics.difference import CHUNK, gap
from nlblocks.numerics.noise import NoiseFloor
from nlblocks.numerics.tolerance import SPREAD
from nlblocks.numerics.ulp import nudged

KEY = ("output", "output")
VALUES = np.array([1.0, -2.0, 0.5, 4.0])


def floor_of(base: np.ndarray, *moved: np.ndarray, weight: float = 1.0) -> Any:
    noise = NoiseFloor({KEY: base})
    for other in moved:
        noise.add(KEY, other, weight)
    found = noise.floors.get(KEY)
    return None if found is None else found.tolist()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_nudge_moves_each_number_to_its_neighbour_and_leaves_zeros(dtype: str) -> None:
    tiniest = np.finfo(dtype).smallest_subnormal
    x = np.array([0.0, -0.0, 1.0, -3.0, 1e-3, tiniest, np.finfo(dtype).tiny] * 50, dtype=dtype)
    moved = nudged(x, 0, "x")
    assert moved.dtype == dtype
    assert (moved[x == 0] == 0).all()
    assert (np.signbit(moved) == np.signbit(x))[x == 0].all()
    steps = np.stack([np.nextafter(x, np.asarray(side, dtype=dtype)) for side in (-np.inf, np.inf)])
    assert (moved == steps).any(axis=0)[x != 0].all()
    assert all(0.2 < (moved == side)[x != 0].mean() < 0.8 for side in steps)  # both ways


def test_a_nudge_depends_on_trial_and_name_and_on_nothing_else() -> None:
    x = np.arange(1.0, 200.0)
    assert (nudged(x, 3, "x") == nudged(x, 3, "x")).all()
    assert (nudged(x, 3, "x") != nudged(x, 4, "x")).any()
    assert (nudged(x, 3, "x") != nudged(x, 3, "y")).any()
    turned = np.asfortranarray(x[:198].reshape(18, 11))
    assert (nudged(turned, 3, "x") == nudged(np.ascontiguousarray(turned), 3, "x")).all()


@pytest.mark.parametrize("size", [7, CHUNK + 7])
def test_the_directions_are_those_of_one_draw(size: int) -> None:
    """Figures that were published rest on this stream, in pieces or whole."""
    x = np.ones(size)
    up = generator(5, "nudge:x").random(size) < 0.5
    assert (nudged(x, 5, "x") == np.nextafter(x, np.where(up, np.inf, -np.inf))).all()


def test_a_nudge_leaves_what_has_no_unit_in_the_last_place() -> None:
    for array in (np.arange(5), np.array([True]), np.ones(3, dtype=np.float16)):
        assert nudged(array, 0, "x") is array
    assert nudged(np.zeros((0, 3)), 0, "x").shape == (0, 3)
    assert nudged(np.array(1.0), 0, "x").shape == ()
    assert (nudged(np.full(20, 0.1), 0, "x", "float32").astype(np.float64) != np.float32(0.1)).all()


def test_the_floor_of_an_element_is_its_largest_change_in_any_run() -> None:
    assert floor_of(VALUES) is None
    assert floor_of(VALUES, VALUES) == [0.0] * 4
    assert floor_of(VALUES, VALUES + 0.25, VALUES - [0, 0.5, 0, 0], VALUES) == [0.25, 0.5, 0.25, 0.25]
    assert floor_of(VALUES, VALUES + 0.25, weight=1 / 8) == [0.25 / 8] * 4


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e300])
def test_a_change_that_is_not_finite_excuses_nothing(bad: float) -> None:
    """1e300 neither: a floor is kept as float32, where it is infinite."""
    wild, moved = VALUES.copy(), [0.25, 0.25, 0.25, 0.25]
    wild[2] = bad
    assert floor_of(VALUES, wild) == [0.0] * 4
    assert floor_of(VALUES, wild, VALUES + 0.25) == floor_of(VALUES, VALUES + 0.25, wild) == moved
    assert floor_of(wild, VALUES) == [0.0] * 4
    assert floor_of(wild, wild) == [0.0] * 4


def test_an_element_that_nudges_happen_to_leave_is_not_starved_by_the_others() -> None:
    floor = np.array([1e-16, 4e-16, 0.0, 2e-16], np.float32)
    assert (NoiseFloor.smoothed(floor) == floor.max()).all()


def test_an_element_that_jumps_excuses_no_other() -> None:
    floor = np.array([1e-16, 0.5, 2e-16, 1e-16, 0.0], np.float32)
    smoothed = NoiseFloor.smoothed(floor)
    assert smoothed[1] == 0.5
    assert smoothed[[0, 2, 3, 4]].max() <= SPREAD * 1.01e-16


def test_where_few_elements_are_moved_at_all_the_others_have_no_floor() -> None:
    floor = np.zeros(1000, np.float32)
    floor[[5, 7]] = 0.5, 0.25
    smoothed = NoiseFloor.smoothed(floor)
    assert smoothed[5] == smoothed[7] == 0.5
    assert smoothed.sum() == 1.0
    assert (NoiseFloor.smoothed(np.zeros(4, np.float32)) == 0.0).all()


def test_only_what_the_run_itself_has_alike_gets_a_floor() -> None:
    noise = NoiseFloor({KEY: VALUES})
    noise.add_all({("output", "other"): VALUES + 1, KEY: VALUES[:2]})
    noise.add(KEY, np.arange(4))
    noise.add(KEY, np.zeros((0,)))
    assert noise.floors == {}


def test_changes_are_taken_in_float64() -> None:
    a, b = np.array([1.0], dtype=np.float32), np.array([-1.0 - 2.0**-23], dtype=np.float32)
    assert gap(a, b).tolist() == [2.0 + 2.0**-23]


def test_the_larger_floor_of_several_counts_element_by_element() -> None:
    a, b = {("output", "x"): np.array([1.0, 3.0])}, {("output", "x"): np.array([2.0, 0.5]), KEY: VALUES}
    found = NoiseFloor.larger(a, b)
    assert found["output", "x"].tolist() == [2.0, 3.0]
    assert (found[KEY] == VALUES).all()
    assert NoiseFloor.larger() == NoiseFloor.larger({}) == {}
