"""A pass in which a side raises: whether that says something about the models, or only about where they were run."""

from __future__ import annotations

from nlblocks.parity.findings import Finding, Phase
from nlblocks.parity.judging.comparer import Comparer
from nlblocks.parity.judging.passes import OWN, Pass


def excuse(comparer: Comparer, runs: Pass) -> str:
    """Why the two cannot be judged by a pass that fails; "" where it fails because one of the models is wrong.

    That is where one side raises and the other runs in the same way: unless it is for want of a kernel or of memory, or
    in one precision only.
    """
    if len(runs.failing) == 2 or runs.dtype == OWN:
        return runs.errors
    on_left = runs.failing == ("left",)
    side, trace = (comparer.left, runs.left) if on_left else (comparer.right, runs.right)
    if trace.unable:
        return runs.errors
    if side.dtype == "float64" or not side.holds(training=runs.training, dtype=OWN):
        return ""
    own = side.run(training=runs.training, dtype=OWN, keep="results")
    return "" if own.error else f"{runs.errors}; it runs in {OWN}, where the two are compared"


def failing_backward(runs: Pass, phase: Phase) -> Finding:
    """The fault of a model whose backward pass raises where the other's does not."""
    trace = runs.left if runs.failing == ("left",) else runs.right
    return Finding(
        phase=phase, place="output", layer_left=trace.error_scope, layer_right=trace.error_scope,
        cause="input.rejected", explanation=f"in the backward pass {runs.errors}",
    )  # fmt: skip


def failing_once(runs: Pass, phase: Phase) -> Finding:
    """The note on a run that failed and did not fail again."""
    text = f"in one run, and not in the next, {runs.errors}"
    return Finding(phase=phase, place="output", severity="note", explanation=text)
