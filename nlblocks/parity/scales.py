"""Pairs of tensors on the scales: how far apart they are, and whether that is more than rounding does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from nlblocks.backend import Array
from nlblocks.parity.finding import Phase
from nlblocks.parity.lab_report import Comparison, LabReport
from nlblocks.parity.measure import Difference, measure
from nlblocks.parity.trace import Key, Trace
from nlblocks.parity.verdict import EPSILON, RATIO

LIMIT = 1e-12
"""A float64 difference up to this, relative to the tensor's largest value, needs no further question."""


@dataclass(slots=True)
class Runs:
    """How one side is run, and how its noise floors are measured."""

    run: Callable[..., Trace]
    noise: Callable[..., Mapping[Key, float]]


@dataclass(slots=True, kw_only=True)
class Pass:
    """One run of each side, alike."""

    left: Trace
    right: Trace
    training: bool
    dtype: str = "float64"


class Scales:
    """Writes every comparison into the report; a noise floor is measured only where it is needed."""

    def __init__(self, report: LabReport, left: Runs, right: Runs) -> None:
        self.report, self.left, self.right = report, left, right
        self.floors: dict[tuple[str, bool, str], Mapping[Key, float]] = {}

    def run(self, **options: object) -> tuple[Trace, Trace]:
        return self.left.run(**options), self.right.run(**options)

    def agree(
        self, phase: Phase, key: Key, a: Array, b: Array, runs: Pass, *, other: str | None = None, extra: float = 0.0
    ) -> bool:
        """Compare one pair of tensors, the right's by the name ``other``; ``extra`` is what else counts as noise."""
        difference = _measured(a, b)
        noise, ratio = 0.0, 0.0
        passed = not difference.problem
        if passed and (difference.relative > LIMIT or runs.dtype != "float64"):
            noise = max(
                self._floor("left", runs).get(key, 0.0),
                self._floor("right", runs).get((key[0], other or key[1]), 0.0),
                EPSILON[runs.dtype] * difference.scale,
                extra,
            )
            ratio = difference.error / noise if noise else 0.0
            passed = ratio <= RATIO
        self.report.comparisons.append(
            Comparison(
                phase=phase, group=key[0], name=key[1], dtype=runs.dtype, difference=difference, noise=noise,
                passed=passed,
            )
        )  # fmt: skip
        return passed

    def _floor(self, side: str, runs: Pass) -> Mapping[Key, float]:
        key = (side, runs.training, runs.dtype)
        if key not in self.floors:
            source, base = (self.left, runs.left) if side == "left" else (self.right, runs.right)
            self.floors[key] = source.noise(training=runs.training, dtype=runs.dtype, base=base)
        return self.floors[key]


def _measured(a: Array, b: Array) -> Difference:
    """Of another precision is no difference here: the outputs' own dtypes are judged by themselves."""
    if a.dtype.kind == b.dtype.kind == "f":
        wider = np.result_type(a, b)
        a, b = a.astype(wider, copy=False), b.astype(wider, copy=False)
    elif a.dtype.kind in "iub" and b.dtype.kind in "iub":
        a, b = a.astype(np.int64), b.astype(np.int64)
    return measure(a, b)
