"""Constants that a framework holds as float32 move only where nudges alone do not excuse a difference, and once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from nlblocks.parity.judging.noise_floor import SideFloors

KEY = ("output", "0")


class Recorded:
    """A side that notes what it is asked to move."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, bool]] = []
        self.decisions = 0
        self.wanted: list[Any] = []

    def decided(self, **_: Any) -> str:
        self.decisions += 1
        return "decisions"

    def noise(self, *, trials: Any, constants: bool, wanted: Any = None, **_: Any) -> dict[Any, Any]:
        self.wanted.append(wanted)
        self.asked.append((len(trials), constants))
        return {KEY: np.array([1e-6 if constants else 1e-12 * len(trials)])}


def one_pass(dtype: str, *, back: bool = True) -> Any:
    return SimpleNamespace(training=True, dtype=dtype, left=None, right=None, given=None, back=back)


def test_constants_are_moved_where_they_are_asked_for_and_once() -> None:
    side, floors, runs = Recorded(), SideFloors(held=True), one_pass("float64")

    def of(nudges: int, *, constants: bool) -> float:
        found = floors.of(side, runs, KEY, right=False, nudges=nudges, constants=constants)  # type: ignore[arg-type]
        return max(float(floor[KEY][0]) for floor in found)

    assert of(2, constants=False) == 2e-12
    assert side.asked == [(2, False)]
    assert of(2, constants=True) == 1e-6
    assert of(16, constants=True) == 1e-6
    assert of(16, constants=False) == 1.4e-11
    assert side.asked == [(2, False), (0, True), (14, False)]
    assert side.decisions == 1


def test_the_floors_of_one_pass_are_let_go_of_where_another_is_judged() -> None:
    side, floors = Recorded(), SideFloors(held=True)
    for dtype in ("float64", "float32", "float32", "float64"):
        floors.of(side, one_pass(dtype), KEY, right=False, nudges=2, constants=False)  # type: ignore[arg-type]
    assert side.asked == [(2, False)] * 3


def test_floors_without_gradients_are_not_those_with_them() -> None:
    side, floors = Recorded(), SideFloors(held=True)
    for back in (False, False, True):
        floors.of(side, one_pass("float64", back=back), KEY, right=False, nudges=2, constants=False)  # type: ignore[arg-type]
    assert side.asked == [(2, False)] * 2


def test_of_what_needs_no_floor_none_is_kept_until_it_is_asked_for() -> None:
    side, floors, runs = Recorded(), SideFloors(held=True), one_pass("float64")
    floors.expect(runs, ({KEY}, {("output", "own")}))
    for key in (KEY, ("output", "1"), KEY):
        floors.of(side, runs, key, right=False, nudges=1, constants=False)  # type: ignore[arg-type]
    assert side.wanted == [{("output", "own")}, None]
    assert side.asked == [(1, False)] * 2
