"""Compare two captured runs, from their files and NumPy alone."""

from __future__ import annotations

import time
from collections.abc import Collection

import numpy as np

from nlblocks.errors import InputError, said
from nlblocks.parity.capturing import Capture
from nlblocks.parity.judging import Judge
from nlblocks.parity.pairing import Rename, pair
from nlblocks.parity.rendering import LabReport


def compare_captures(
    left: Capture, right: Capture, *, rename: Rename | None = None, accept: Collection[str] = ()
) -> LabReport:
    """The same as :func:`nlblocks.parity.compare`, from two captures and NumPy alone.

    Raises InputError where they were made on different inputs or seeds.
    """
    start = time.perf_counter()
    _check(left, right)
    held = all(side.holds(training=True, dtype="float64") for side in (left, right))
    trained = (lambda: (left.run(training=True), right.run(training=True))) if held else None
    pairing = pair(left.structure, right.structure, rename, trained).weighed((left.state, right.state))
    judge = Judge(left, right, pairing, left.seed, accept)
    judge.judge(transferred=False, training=True, steps=True)
    shapes, lines = tuple(a.shape for a in left.inputs), (left.structure.lines, right.structure.lines)
    return judge.build(LabReport, shapes, time.perf_counter() - start, lines)


def _check(left: Capture, right: Capture) -> None:
    """Raise InputError for what cannot be compared."""
    for side in (left, right):
        if not isinstance(side, Capture):
            raise InputError(
                f"compare_captures takes two captures, received {said(side)}; read one with load_capture(...)"
            )
    if left.seed != right.seed:
        raise InputError(
            f"the captures were made with seeds {left.seed} and {right.seed}; capture the second with --like the first"
        )
    shapes = [tuple(a.shape for a in side.inputs) for side in (left, right)]
    if shapes[0] != shapes[1] or any(not np.array_equal(a, b) for a, b in zip(left.inputs, right.inputs, strict=True)):
        raise InputError("the captures were made on different inputs; capture the second with --like the first")
