"""Compare two captured runs, from their files and NumPy alone."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from nlblocks.errors import InputError
from nlblocks.parity.capturing.file import Capture
from nlblocks.parity.findings.causes import accepted
from nlblocks.parity.findings.report import LabReport
from nlblocks.parity.judging.judge import Judge
from nlblocks.parity.judging.training import judge_training
from nlblocks.parity.pairing.pair import pair
from nlblocks.parity.pairing.rename import Rename
from nlblocks.parity.running.passes import Runs
from nlblocks.parity.tracing.trace import Key, Trace


def compare_captures(
    left: Capture, right: Capture, *, rename: Rename | None = None, accept: Collection[str] = ()
) -> LabReport:
    """The same as :func:`nlblocks.parity.compare`, from two captures and NumPy alone.

    Raises InputError where they were made on different inputs or seeds.
    """
    start = time.perf_counter()
    for side in (left, right):
        if not isinstance(side, Capture):
            raise InputError(f"compare_captures takes two captures, received {side!r}; read one with load_capture(...)")
    if left.seed != right.seed:
        raise InputError(
            f"the captures were made with seeds {left.seed} and {right.seed}; capture the second with --like the first"
        )
    shapes = [tuple(a.shape for a in side.inputs) for side in (left, right)]
    if shapes[0] != shapes[1] or any(not np.array_equal(a, b) for a, b in zip(left.inputs, right.inputs, strict=True)):
        raise InputError("the captures were made on different inputs; capture the second with --like the first")
    pairing = pair(left.traces["eval"], right.traces["eval"], rename)
    report = LabReport(
        left=f"{left.model} ({left.framework})",
        right=f"{right.model} ({right.framework})",
        pairing=pairing,
        seed=left.seed,
        shapes=shapes[0],
        accept=accepted(accept),
    )
    judge = Judge(report, _runs(left), _runs(right), pairing, left.seed)
    judge.pairing(transferred=False, states=(left.state, right.state))
    judge.evaluation()
    captured = set(left.traces) & set(right.traces)
    if "train" in captured:
        judge.training(left.state)
    else:
        report.not_compared.append("the training pass, which the captures do not both hold")
    if "float32" in captured:
        judge.own_dtype((left.dtype, right.dtype), training=False)
        report.not_compared.append("the training pass in float32, which a capture does not hold")
    if left.history is None or right.history is None:
        report.not_compared.append("steps of training, which the captures do not both hold (capture with --optimiser)")
    elif judge.agrees:
        judge_training(judge, left.history, right.history, left.state)
    report.seconds = time.perf_counter() - start
    return report


def _runs(source: Capture) -> Runs:
    def mode(training: bool, dtype: str) -> str:
        return dtype if dtype == "float32" else "train" if training else "eval"

    def run(*, training: bool, dtype: str = "float64", **_: Any) -> Trace:
        return source.traces[mode(training, dtype)]

    def noise(*, training: bool, dtype: str = "float64", **_: Any) -> Mapping[Key, float]:
        return source.floors[mode(training, dtype)]

    return Runs(run, noise)
