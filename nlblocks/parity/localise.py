"""From a wrong output to the place where it went wrong, in both models' own names."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nlblocks.parity.align import Alignment, Side
from nlblocks.parity.explain import Explainer
from nlblocks.parity.finding import Finding, Phase
from nlblocks.parity.pairing import Pairing
from nlblocks.parity.parting import Explanation
from nlblocks.parity.trace import Op, Trace


@dataclass(frozen=True, slots=True)
class Located:
    """A finding with what it was made of."""

    finding: Finding
    found: Explanation | None
    alignment: Alignment
    wrong: Mapping[str, set[int]]
    frontier: Mapping[str, list[Op]]


@dataclass(frozen=True, slots=True)
class GradientLocated:
    """A finding with the tensors of the left and of the right whose gradients differ, and the operations at fault."""

    finding: Finding
    numbers: tuple[int, int]
    ops: Mapping[str, Op | None]


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


def _joining(view: Side, op: Op | None) -> Op | None:
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


def around_in(view: Side, op: Op, direction: int) -> str:
    """The same within one trace."""
    seen, queue, found = {op.index}, [op], []
    while queue:
        current = queue.pop()
        if direction < 0:
            near = [view.producer[n] for n in current.inputs if n in view.producer and n in view.live]
        else:
            near = [o for n in current.outputs for o in view.consumers[n]]
        for other in near:
            if other.index in seen:
                continue
            seen.add(other.index)
            queue.append(other)
            if other.leaf and other.scope != op.scope:
                found.append(other)
    if not found:
        return ""
    return (max if direction < 0 else min)(found, key=lambda o: o.index).scope


def _own(alignment: Alignment, side: str, op: Op | None, direction: int) -> str:
    """An operation's own layer, or the nearest."""
    if op is None:
        return ""
    return op.scope if op.leaf else around(alignment, side, op, direction)


def last_layer(trace: Trace, output: str) -> str:
    """The layer without parts that makes an output, or feeds what does."""
    view = Side(trace)
    op = view.producer.get(trace.outputs[output])
    if op is None:
        return ""
    return op.scope if op.leaf else around_in(view, op, -1)


def localise_gradient(
    left: Trace, right: Trace, wrong: Collection[str], error: float, tolerance: float = 1e-9
) -> GradientLocated | None:
    """Where gradients part although the forward agrees: the last operation, seen from the input, that is at fault.

    ``wrong`` are the origins whose gradients differ: "input:0", "parameter:conv.weight". What differs on the way and
    reaches none of them (ties that a ReLU hides) is no fault; what differs by no more than the ``tolerance`` is
    rounding.
    """
    alignment = Alignment(left, right)
    views = {"left": alignment.left, "right": alignment.right}

    def agree(number: int, other: int) -> bool | None:
        a, b = left.grads.get(number), right.grads.get(other)
        if (a is None and b is None) or left.lost_gradient(number) or right.lost_gradient(other):
            return None
        if a is None or b is None or a.size != b.size:
            return False
        scale = max(np.abs(a).max(initial=0.0), np.abs(b).max(initial=0.0))
        if a.shape != b.shape:
            a, b = np.sort(a.ravel()), np.sort(b.ravel())
        return bool(np.abs(a - b).max(initial=0.0) <= tolerance * scale)

    apart: dict[int, int] = {}
    for number in alignment.to_right:
        if number in alignment.left.live and left.parameter(number) is None:
            verdicts = [agree(number, other) for other in alignment.to_right[number]]
            if False in verdicts and True not in verdicts:
                apart[number] = alignment.to_right[number][verdicts.index(False)]
    if not apart:
        return None
    number = max(_reaching(alignment, apart, wrong) or apart)
    other = apart[number]
    ops = _dividing(views["left"].consumers[number], views["right"].consumers[other])
    cause, text, after = gradient_cause(left, right, ops["left"], ops["right"], number, other)
    gap = cause == "gradient.detached"
    if gap:
        makers = {side: views[side].producer.get(n) for side, n in (("left", number), ("right", other))}
        detached = Finding(
            phase="backward",
            place="between",
            cause=cause,
            explanation=text,
            error=error,
            after=(_own(alignment, "left", makers["left"], -1), _own(alignment, "right", makers["right"], -1)),
            before=(_own(alignment, "left", ops["left"], 1), _own(alignment, "right", ops["right"], 1)),
            operation=(str(ops["left"] or ""), str(ops["right"] or "")),
        )
        return GradientLocated(detached, (number, other), ops)
    is_layer = bool((ops["left"] and ops["left"].leaf) or (ops["right"] and ops["right"].leaf))
    found = Finding(
        phase="backward",
        place="layer" if is_layer else "between",
        layer_left=ops["left"].scope if ops["left"] else "",
        layer_right=ops["right"].scope if ops["right"] else "",
        cause=cause,
        explanation=text,
        after=(around(alignment, "left", ops["left"], -1), around(alignment, "right", ops["right"], -1)),
        before=(around(alignment, "left", ops["left"], 1), around(alignment, "right", ops["right"], 1)),
        operation=(str(ops["left"] or ""), str(ops["right"] or "")),
        error=error,
        error_explained=after,
    )
    return GradientLocated(found, (number, other), ops)


def _odd(users: Sequence[Op], others: Sequence[Op]) -> Op | None:
    """The operation whose like the other side has not, else the first."""
    kinds = {op.kind for op in others}
    return next((op for op in users if op.kind not in kinds), next(iter(users), None))


def _reaching(alignment: Alignment, apart: Mapping[int, int], wrong: Collection[str]) -> set[int]:
    """The tensors with other gradients through which those of the wrong origins become so."""
    view, found = alignment.left, set[int]()
    stack = [n for n, origin in view.trace.origin.items() if origin in wrong]
    while stack:
        number = stack.pop()
        if number in found or not (number in apart or number in view.trace.origin or number not in alignment.to_right):
            continue
        found.add(number)
        stack += [n for op in view.consumers[number] for n in op.outputs]
    return found & set(apart)


def _dividing(left: Sequence[Op], right: Sequence[Op]) -> dict[str, Op | None]:
    """What uses a tensor on either side: a use that lets no gradient through on one side only, else the odd one."""
    uses = {"left": left, "right": right}
    cut = {side: next((op for op in ops if op.kind == "detach"), None) for side, ops in uses.items()}
    if (cut["left"] is None) == (cut["right"] is None):
        return {"left": _odd(left, right), "right": _odd(right, left)}
    return {side: cut[side] or next(iter(reversed(ops)), None) for side, ops in uses.items()}


def gradient_cause(
    left: Trace, right: Trace, a: Op | None, b: Op | None, number: int, other: int
) -> tuple[str | None, str, float | None]:
    """What is known to go wrong in a backward pass alone."""
    mine, theirs = left.grads.get(number), right.grads.get(other)
    kinds = {op.kind for op in (a, b) if op is not None}
    if "detach" in kinds or mine is None or theirs is None:
        side = "left" if mine is None or (a is not None and a.kind == "detach") else "right"
        return "gradient.detached", f"the {side} lets no gradient through here: detached from the graph", None
    value = left.values[number]
    if kinds & {"max", "amax", "min", "amin", "max_pool", "adaptive_max_pool"} and mine.shape == theirs.shape:
        apart = np.abs(mine - theirs) > 1e-9 * max(np.abs(mine).max(), np.abs(theirs).max())
        share = float(mine.sum() - theirs.sum())
        if abs(share) <= 1e-9 * max(np.abs(mine).sum(), 1e-300):
            return (
                "gradient.ties",
                f"equal maxima: the two sides give the gradient to other ones of them ({int(apart.sum())} elements; "
                f"the sums agree to {abs(share):.0e})",
                abs(share),
            )
    if mine.shape == theirs.shape and mine.any() and theirs.any():
        apart = np.abs(mine - theirs) > 1e-9 * max(np.abs(mine).max(), np.abs(theirs).max())
        if apart.any() and value.shape == mine.shape and (value[apart] == 0).all():
            return "gradient.kink", f"they differ only where the input is exactly 0 ({int(apart.sum())} elements)", 0.0
        factor = float((mine * theirs).sum() / (mine * mine).sum())
        rest = float(np.abs(mine * factor - theirs).max() / np.abs(theirs).max())
        if rest < 1e-9 and abs(factor - 1) > 1e-6:
            return (
                "gradient.scale",
                f"the right's gradient is {factor:.6g} times the left's; with it {rest:.0e} is left",
                rest,
            )
    return None, f"values agree and gradients do not, at the input of {a or b}; no known cause explains it", None
