"""How far rounding alone moves a side's tensors: measured where it is needed, and once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nlblocks.backend import Array
from nlblocks.numerics import NoiseFloor
from nlblocks.parity.judging.passes import Pass
from nlblocks.parity.judging.side import Side
from nlblocks.parity.tracing import Trace, vocabulary


class SideFloors:
    """The noise floors of one side, by mode and dtype; more nudges are added to those already made.

    The nudged runs are ``held`` to what the side decides at thresholds and ties, or fall where they fall.
    """

    def __init__(self, *, held: bool) -> None:
        self.held = held
        self._measured: dict[tuple[bool, str], tuple[int, Mapping[vocabulary.Key, Array]]] = {}
        self._constants: dict[tuple[bool, str], Mapping[vocabulary.Key, Array]] = {}
        self._whole: dict[tuple[bool, str], tuple[int, Mapping[vocabulary.Key, Array]]] = {}
        self._largest: dict[tuple[bool, str], dict[str, float]] = {}

    def of(
        self, side: Side, runs: Pass, *, right: bool, nudges: int, constants: bool = True
    ) -> Mapping[vocabulary.Key, Array]:
        """The floors after so many nudges of one side of a pass; ``constants`` that are held as float32 move too."""
        key = (runs.training, runs.dtype)
        how: dict[str, Any] = {
            "training": runs.training, "dtype": runs.dtype, "base": runs.right if right else runs.left,
            "given": runs.given if right else None, "held": self.held,
        }  # fmt: skip
        done, floor = self._measured.get(key, (0, {}))
        if done < nudges:
            floor = NoiseFloor.larger(floor, side.noise(trials=range(done, nudges), constants=False, **how))
            done, self._measured[key] = nudges, (nudges, floor)
        if not constants:
            return floor
        if key not in self._constants:
            self._constants[key] = side.noise(trials=(), constants=True, **how)
        if key not in self._whole or self._whole[key][0] < done:
            self._whole[key] = done, NoiseFloor.larger(floor, self._constants[key])
        return self._whole[key][1]

    def largest(self, group: str, runs: Pass, *, right: bool) -> float:
        """The largest value in a group of a side's results."""
        key = (runs.training, runs.dtype)
        if key not in self._largest:
            self._largest[key] = _largest(runs.right if right else runs.left)
        return self._largest[key].get(group, 0.0)


def _largest(trace: Trace) -> dict[str, float]:
    found: dict[str, float] = {}
    for (group, _), value in trace.results().items():
        if value.dtype.kind == "f" and value.size:
            found[group] = max(found.get(group, 0.0), float(np.abs(value[np.isfinite(value)]).max(initial=0.0)))
    return found
