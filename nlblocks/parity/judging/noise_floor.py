"""Pairs of tensors on the scales: how far apart they are, and whether that is more than rounding does."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nlblocks.backend import Array
from nlblocks.numerics.difference import Difference, measure
from nlblocks.numerics.tolerance import EPSILON, RATIO
from nlblocks.parity.findings.comparison import Comparison
from nlblocks.parity.findings.finding import Phase
from nlblocks.parity.findings.report import LabReport
from nlblocks.parity.running.passes import Pass, Runs
from nlblocks.parity.tracing.trace import Key, Trace

LIMIT = 1e-12
"""A float64 difference up to this, relative to the tensor's largest value, needs no further question."""
NUDGES = 2
MORE_NUDGES = 16
"""How often one side is nudged in its own dtype where a few nudges do not suffice: a maximum or a ReLU close to a tie
jumps, and a few nudges may not show it."""


class Scales:
    """Writes every comparison into the report; a noise floor is measured only where it is needed."""

    def __init__(self, report: LabReport, left: Runs, right: Runs) -> None:
        self.report, self.left, self.right = report, left, right
        self.floors: dict[tuple[str, bool, str], tuple[int, Mapping[Key, float]]] = {}

    def run(self, **options: object) -> tuple[Trace, Trace]:
        return self.left.run(**options), self.right.run(**options)

    def agree(
        self, phase: Phase, key: Key, a: Array, b: Array, runs: Pass, *, other: str | None = None, extra: float = 0.0
    ) -> bool:
        """Compare one pair of tensors, the right's by the name ``other``; ``extra`` is what else counts as noise."""
        found = self.weigh(phase, key, a, b, runs, other=other, extra=extra)
        self.report.comparisons.append(found)
        return found.passed

    def weigh(
        self, phase: Phase, key: Key, a: Array, b: Array, runs: Pass, *, other: str | None = None, extra: float = 0.0
    ) -> Comparison:
        """The comparison, which is not written into the report.

        In the models' own dtype the smaller floor counts: both compute the same function, so that it moves as little
        on either side, and a side that loses precision must not excuse itself by it.
        """
        difference = _measured(a, b)
        noise = 0.0
        passed = not difference.problem
        if passed and (difference.relative > LIMIT or runs.dtype != "float64"):
            for nudges in (NUDGES,) if runs.dtype == "float64" else (NUDGES, MORE_NUDGES):
                floors = (
                    self._floor("left", runs, nudges).get(key, 0.0),
                    self._floor("right", runs, nudges).get((key[0], other or key[1]), 0.0),
                )
                measured = max(floors) if runs.dtype == "float64" else min(floors)
                noise = max(measured, EPSILON[runs.dtype] * difference.scale, extra)
                passed = difference.error <= RATIO * noise
                if passed:
                    break
        return Comparison(
            phase=phase, group=key[0], name=key[1], dtype=runs.dtype, difference=difference, noise=noise, passed=passed
        )

    def swing(self, key: Key, runs: Pass, other: str | None) -> float:
        """The most that nudges moved a tensor on either side, after as many as are ever made."""
        left, right = (self._floor(side, runs, MORE_NUDGES) for side in ("left", "right"))
        return max(left.get(key, 0.0), right.get((key[0], other or key[1]), 0.0))

    def _floor(self, side: str, runs: Pass, nudges: int) -> Mapping[Key, float]:
        key = (side, runs.training, runs.dtype)
        done, floor = self.floors.get(key, (0, {}))
        if done < nudges:
            options = {"training": runs.training, "dtype": runs.dtype, "trials": range(done, nudges)}
            if side == "left":
                more = self.left.noise(base=runs.left, **options)
            else:
                more = self.right.noise(base=runs.right, given=runs.given, **options)
            floor = {name: max(floor.get(name, 0.0), more.get(name, 0.0)) for name in {*floor, *more}}
            self.floors[key] = nudges, floor
        return floor


def _measured(a: Array, b: Array) -> Difference:
    """Of another precision is no difference here: the outputs' own dtypes are judged by themselves."""
    if a.dtype.kind == b.dtype.kind == "f":
        wider = np.result_type(a, b)
        a, b = a.astype(wider, copy=False), b.astype(wider, copy=False)
    elif a.dtype.kind in "iub" and b.dtype.kind in "iub":
        a, b = a.astype(np.int64), b.astype(np.int64)
    return measure(a, b)
