"""From a wrong output to the place where it went wrong, in both models' own names."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from nlblocks.parity.explaining.decomposed import decomposed
from nlblocks.parity.explaining.explain import explain
from nlblocks.parity.explaining.hypothesis import OTHER, Explanation, Hypothesis
from nlblocks.parity.findings import Finding, Phase
from nlblocks.parity.matching import Alignment
from nlblocks.parity.pairing import Pairing
from nlblocks.parity.tracing import Op, Trace, TraceGraph, vocabulary

ROUNDING = 1e-16
"""The least noise floor: float64 rounds to 1e-16 of a number."""
LEVELS = 2
"""How often what is fused is written out finer: a network as cells, a cell as its gates."""
STRICTEST, LOOSEST = 1e-12, 1e-6
"""Bounds of what is taken for equal on the way to a difference. Correct tensors reach the one; from the other on,
different ones would be paired."""


@dataclass(frozen=True, slots=True)
class Located:
    """A finding with what it was made of."""

    finding: Finding
    found: Explanation | None
    alignment: Alignment
    wrong: Mapping[str, set[int]]
    frontier: Mapping[str, list[Op]]


def localise(
    left: Trace,
    right: Trace,
    pairing: Pairing,
    wrong_outputs: Sequence[tuple[str, str]],
    error: float,
    phase: Phase,
    seed: int,
    floor: float = ROUNDING,
) -> Located:
    """The finding for outputs that differ: pairs of output names, and the largest relative difference.

    Between the noise ``floor`` and the difference lies what is taken for equal on the way.
    """
    between = math.sqrt(min(error, 1.0) * max(floor, ROUNDING))
    tolerance = min(LOOSEST, max(STRICTEST, between))
    at = _parting(left, right, pairing, wrong_outputs, seed, tolerance)
    found, finer = explain(at), at
    for _ in range(LEVELS):
        if found is not None and found.after is not None:
            break
        traces = _finer(finer)
        if traces is None:
            break
        finer = _parting(*traces, pairing, wrong_outputs, seed, tolerance)
        more = explain(finer)
        if more is not None and (found is None or more.after is not None):
            at, found = finer, more
    graphs = {side: at.alignment.graph(side) for side in OTHER}
    return Located(_finding(graphs, found, at.frontier, phase, error), found, at.alignment, at.wrong, at.frontier)


def _parting(
    left: Trace, right: Trace, pairing: Pairing, wrong_outputs: Sequence[tuple[str, str]], seed: int, tolerance: float
) -> Hypothesis:
    """The place where two traces part."""
    alignment = Alignment(left, right, tolerance)
    traces = {"left": left, "right": right}
    wrong: dict[str, set[int]] = {}
    for position, (side, trace) in enumerate(traces.items()):
        seeds = [trace.outputs[names[position]] for names in wrong_outputs if names[position] in trace.outputs]
        whole = trace.stopped or traces[OTHER[side]].stopped or not seeds
        wrong[side] = alignment.wrong(side, alignment.unmatched(side) if whole else seeds)
    frontier = {side: alignment.frontier(side, wrong[side]) for side in wrong}
    return Hypothesis(alignment, pairing, wrong, frontier, seed)


def _finer(at: Hypothesis) -> tuple[Trace, Trace] | None:
    """Both traces, with what one side fuses and the other has not written out; None where there is nothing."""
    traces = {side: at.graph(side).trace for side in OTHER}
    kinds = {side: {op.kind for op in trace.ops} for side, trace in traces.items()}
    found = {}
    for side, trace in traces.items():
        alone = {op.index for op in trace.ops if op.kind not in kinds[OTHER[side]] and at.wrong[side] & set(op.outputs)}
        found[side] = decomposed(trace, alone)
    if not any(found.values()):
        return None
    return found["left"] or traces["left"], found["right"] or traces["right"]


def not_finite(left: Trace, right: Trace, side: str, op: Op, phase: Phase) -> Finding:
    """The finding where an operation of one side is the first that makes NaN or infinity."""
    graphs = {"left": TraceGraph(left), "right": TraceGraph(right)}
    found = _finding(graphs, None, {"left": [], "right": [], side: [op]}, phase, 1.0)
    return replace(
        found,
        cause="values.not_finite",
        place="layer" if op.leaf else "between",
        explanation=f"the {side} has NaN or infinity from {op} on",
    )


def _finding(
    graphs: Mapping[str, TraceGraph],
    found: Explanation | None,
    frontier: Mapping[str, list[Op]],
    phase: Phase,
    error: float,
) -> Finding:
    """Turn operations into layers."""
    left = found.left if found else next(iter(frontier["left"]), None)
    right = found.right if found else next(iter(frontier["right"]), None)
    left, right = _joining(graphs["left"], left), _joining(graphs["right"], right)
    leaf = bool((left and left.leaf) or (right and right.leaf))
    same = found is not None or (left is not None and right is not None and left.kind == right.kind)
    itself = leaf and same and not (found and found.between)
    own = all(op is None or graphs[side].is_layer(op) for side, op in (("left", left), ("right", right)))
    return Finding(
        phase=phase,
        place="layer" if itself and own else "between",
        layer_left=left.scope if left else "",
        layer_right=right.scope if right else "",
        cause=found.cause if found else None,
        explanation=found.sentence if found else _unexplained(left, right),
        after=(graphs["left"].around(left, -1), graphs["right"].around(right, -1)),
        before=(_before(graphs, "left", left, found, itself), _before(graphs, "right", right, found, itself)),
        operation=(str(left or ""), str(right or "")),
        error=error,
        error_explained=found.after if found else None,
        settings=found.settings if found else (),
        lacking=_lacking(found),
        severity="note" if found and found.constants else "fault",
        sites=(left.site if left else "", right.site if right else ""),
    )


def _lacking(found: Explanation | None) -> Literal["left", "right", ""]:
    """The side that lacks what the other does."""
    return "" if found is None or not found.extra else "right" if found.extra == "left" else "left"


def _unexplained(left: Op | None, right: Op | None) -> str:
    if left is None or right is None:
        return "no known cause makes the two sides meet"
    why = "no known cause makes them meet"
    if vocabulary.UNTRACED in (left.kind, right.kind):
        why = "what is untraced is computed out of sight, in compiled code or in NumPy"
    return f"inputs agree and results do not: {left} on the left, {right} on the right; {why}"


def _joining(graph: TraceGraph, op: Op | None) -> Op | None:
    """Where what depends on no input (a slice of a table of positions) joins what does."""
    while op is not None and op.outputs[0] not in graph.fed:
        following = graph.consumers[op.outputs[0]]
        if not following:
            return op
        op = following[0]
    return op


def _before(graphs: Mapping[str, TraceGraph], side: str, op: Op | None, found: Explanation | None, itself: bool) -> str:
    """The first layer that disagrees: the operation's own, unless it is ``itself`` the one that differs."""
    if op is not None and op.leaf and not itself and (found is None or found.extra != side):
        return op.scope
    return graphs[side].around(op, 1)
