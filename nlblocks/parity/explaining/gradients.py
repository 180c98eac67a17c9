"""Where gradients part although values agree, and why."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nlblocks.parity.explaining.localise import around
from nlblocks.parity.findings.finding import Finding
from nlblocks.parity.matching.alignment import Alignment
from nlblocks.parity.tracing.trace import Op, Trace


@dataclass(frozen=True, slots=True)
class GradientLocated:
    """A finding with the tensors of the left and of the right whose gradients differ, and the operations at fault."""

    finding: Finding
    numbers: tuple[int, int]
    ops: Mapping[str, Op | None]


def _own(alignment: Alignment, side: str, op: Op | None, direction: int) -> str:
    """An operation's own layer, or the nearest."""
    if op is None:
        return ""
    return op.scope if op.leaf else around(alignment, side, op, direction)


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
