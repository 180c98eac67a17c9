"""From a wrong output to the place where it went wrong, in both models' own names."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nlblocks.parity.explaining.explain import Explainer
from nlblocks.parity.explaining.hypothesis import Explanation
from nlblocks.parity.findings.finding import Finding, Phase
from nlblocks.parity.matching.alignment import Alignment
from nlblocks.parity.pairing.pair import Pairing
from nlblocks.parity.tracing.graph import TraceGraph, around_in
from nlblocks.parity.tracing.trace import Op, Trace


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
    floor: float = 1e-16,
) -> Located:
    """The finding for outputs that differ: pairs of output names, and the largest relative difference.

    Between the noise ``floor`` and the difference lies what is taken for equal on the way.
    """
    tolerance = min(1e-6, max(1e-12, math.sqrt(min(error, 1.0) * max(floor, 1e-16))))
    alignment = Alignment(left, right, tolerance)
    seeds = {
        "left": [left.outputs[name] for name, _ in wrong_outputs if name in left.outputs],
        "right": [right.outputs[name] for _, name in wrong_outputs if name in right.outputs],
    }
    wrong: dict[str, set[int]] = {}
    for side, trace in (("left", left), ("right", right)):
        other = {"left": right, "right": left}[side]
        whole = trace.error or other.error or not seeds[side]
        wrong[side] = alignment.wrong(side, alignment.unmatched(side) if whole else seeds[side])
    frontier = {side: alignment.frontier(side, wrong[side]) for side in wrong}
    found = Explainer(alignment, pairing, wrong, frontier, seed).explain()
    return Located(place(alignment, found, frontier, phase, error), found, alignment, wrong, frontier)


def place(
    alignment: Alignment, found: Explanation | None, frontier: dict[str, list[Op]], phase: Phase, error: float
) -> Finding:
    """Turn operations into layers."""
    left = found.left if found else next(iter(frontier["left"]), None)
    right = found.right if found else next(iter(frontier["right"]), None)
    left, right = _joining(alignment.left, left), _joining(alignment.right, right)
    leaf = bool((left and left.leaf) or (right and right.leaf))
    same = found is not None or (left is not None and right is not None and left.kind == right.kind)
    is_layer = leaf and same and not (found and found.between)
    texts = [str(op) for op in (left, right) if op is not None]
    why = (
        f"{found.sentence}"
        if found
        else (
            f"inputs agree and results do not: {' on the left, '.join(texts)} on the right; "
            "no known cause makes them meet"
            if len(texts) == 2
            else "no known cause makes the two sides meet"
        )
    )
    return Finding(
        phase=phase,
        place="layer" if is_layer else "between",
        layer_left=_layer(left, is_layer),
        layer_right=_layer(right, is_layer),
        cause=found.cause if found else None,
        explanation=why,
        after=(around(alignment, "left", left, -1), around(alignment, "right", right, -1)),
        before=(_before(alignment, "left", left, found, is_layer), _before(alignment, "right", right, found, is_layer)),
        operation=(str(left or ""), str(right or "")),
        error=error,
        error_explained=found.after if found else None,
    )


def _joining(view: TraceGraph, op: Op | None) -> Op | None:
    """Where what depends on no input (a slice of a table of positions) joins what does."""
    while op is not None and op.outputs[0] not in view.fed:
        following = view.consumers[op.outputs[0]]
        if not following:
            return op
        op = following[0]
    return op


def _before(alignment: Alignment, side: str, op: Op | None, found: Explanation | None, is_layer: bool) -> str:
    """The first layer that disagrees: the operation's own, unless it is the one that differs."""
    if op is not None and op.leaf and not is_layer and (found is None or found.extra != side):
        return op.scope
    return around(alignment, side, op, 1)


def _layer(op: Op | None, is_layer: bool) -> str:
    if op is None:
        return ""
    return op.scope


def around(alignment: Alignment, side: str, op: Op | None, direction: int) -> str:
    """The last layer without parts that an operation depends on (-1), or the first that depends on it (1)."""
    if op is None:
        return ""
    return around_in(alignment.side(side), op, direction)
