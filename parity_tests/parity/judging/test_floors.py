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

    def noise(self, *, trials: Any, constants: bool, **_: Any) -> dict[Any, Any]:
        self.asked.append((len(trials), constants))
        return {KEY: np.array([1e-6 if constants else 1e-12 * len(trials)])}


def test_constants_are_moved_where_they_are_asked_for_and_once() -> None:
    side, floors = Recorded(), SideFloors(held=True)
    runs: Any = SimpleNamespace(training=True, dtype="float64", left=None, right=None, given=None)

    def of(nudges: int, *, constants: bool) -> float:
        found = floors.of(side, runs, right=False, nudges=nudges, constants=constants)  # type: ignore[arg-type]
        return float(found[KEY][0])

    assert of(2, constants=False) == 2e-12
    assert side.asked == [(2, False)]
    assert of(2, constants=True) == 1e-6
    assert of(16, constants=True) == 1e-6
    assert of(16, constants=False) == 1.4e-11
    assert side.asked == [(2, False), (0, True), (14, False)]
