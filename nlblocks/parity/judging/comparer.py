"""Runs both sides and compares their tensors: how far apart they are, and whether that is more than rounding does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from nlblocks.backend import Array
from nlblocks.numerics import Comparison
from nlblocks.numerics.tolerance import MODEL_LIMIT, MORE_NUDGES, NUDGES
from nlblocks.parity.findings import Phase
from nlblocks.parity.judging.noise_floor import SideFloors
from nlblocks.parity.judging.passes import Pass
from nlblocks.parity.judging.side import Side
from nlblocks.parity.tracing import Trace, vocabulary


class Comparer:
    """Both sides of a comparison. A noise floor is measured only where it is needed."""

    def __init__(self, left: Side, right: Side) -> None:
        self.left, self.right = left, right
        self.floors = SideFloors(), SideFloors()

    def run(self, *, training: bool, dtype: str, keep: str) -> Pass:
        """One run of each side."""
        left = self.left.run(training=training, dtype=dtype, keep=keep)
        right = self.right.run(training=training, dtype=dtype, keep=keep)
        return Pass(left=left, right=right, training=training, dtype=dtype)

    def beside(self, left: Trace, *, training: bool, keep: str, given: vocabulary.Given | None) -> Pass:
        """A run of the right beside one of the left, which it is given some of."""
        right = self.right.run(training=training, keep=keep, given=given)
        return Pass(left=left, right=right, training=training, given=given)

    def redraw(self, masks: Mapping[str, tuple[int, ...]]) -> None:
        """Draw the right's dropout masks for what the left's are drawn for, from now on."""
        self.right = self.right.redrawn(masks)

    def compare(
        self,
        phase: Phase,
        key: vocabulary.Key,
        a: Array,
        b: Array,
        runs: Pass,
        *,
        other: str | None = None,
        extra: float = 0.0,
    ) -> Comparison:
        """Compare one pair of tensors, the right's by the name ``other``; ``extra`` is what else counts as noise.

        In the models' own dtype the smaller floor counts: both compute the same function, so that it moves as little
        on either side, and a side that loses precision must not excuse itself by it. Integers and truth values are
        exact: rounding moves none of them by a little.
        """
        limit = MODEL_LIMIT if runs.dtype == "float64" else None
        a, b = _alike(a, b)
        exact = a.dtype.kind not in "fc"
        found = Comparison.of(
            a, b, alike=True, phase=phase, group=key[0], name=key[1], dtype=runs.dtype, limit=0.0 if exact else limit,
            noise=None,
        )  # fmt: skip
        if exact:
            return found if runs.dtype == "float64" else _undecided(found)
        for nudges in (NUDGES,) if runs.dtype == "float64" else (NUDGES, MORE_NUDGES):
            if found.passed or found.difference.problem or found.undecided:
                break
            floors = self._floors(key, runs, other, nudges)
            measured = max(floors) if runs.dtype == "float64" else min(floors)
            found = replace(found, noise=max(measured, extra))
        return found

    def swing(self, key: vocabulary.Key, runs: Pass, other: str | None) -> float:
        """The most that nudges moved a tensor on either side, after as many as are ever made."""
        return max(self._floors(key, runs, other, MORE_NUDGES))

    def _floors(self, key: vocabulary.Key, runs: Pass, other: str | None, nudges: int) -> tuple[float, float]:
        left = self.floors[0].of(self.left, runs, right=False, nudges=nudges)
        right = self.floors[1].of(self.right, runs, right=True, nudges=nudges)
        return left.get(key, 0.0), right.get((key[0], other or key[1]), 0.0)


def _undecided(found: Comparison) -> Comparison:
    """Integers that differ in the models' own dtype, though not in float64: a decision that rounding may turn."""
    if found.passed or found.difference.problem:
        return found
    count = found.difference.size - found.difference.same
    return replace(
        found, undecided=f"{count} of {found.difference.size} integers fall otherwise in {found.dtype} alone"
    )


def _alike(a: Array, b: Array) -> tuple[Array, Array]:
    """In one dtype: another precision is no difference here, the outputs' own dtypes are judged by themselves."""
    if a.dtype.kind == b.dtype.kind and a.dtype.kind in "fc":
        wider = np.result_type(a, b)
        a, b = a.astype(wider, copy=False), b.astype(wider, copy=False)
    elif a.dtype.kind in "iub" and b.dtype.kind in "iub":
        a, b = a.astype(np.int64), b.astype(np.int64)
    return a, b
