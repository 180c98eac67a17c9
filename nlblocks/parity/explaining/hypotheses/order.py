"""Two operations in a row, the other way round."""

from __future__ import annotations

from collections.abc import Iterator

from nlblocks.backend import Array
from nlblocks.parity.explaining.hypothesis import OTHER, Explanation, Hypothesis
from nlblocks.parity.explaining.registry import hypothesis
from nlblocks.parity.tracing import Op, vocabulary


@hypothesis("activation.order", "layer.order")
def order(at: Hypothesis) -> Iterator[Explanation]:
    """An operation of the frontier and one that follows, exchanged."""
    for side, op in at.fronts():
        for follower in at.graph(side).consumers[op.outputs[0]]:
            met = at.found(OTHER[side], _exchanged(at, side, op, follower))
            if met and follower.index > op.index:
                cause = "activation.order" if {op.kind, follower.kind} & vocabulary.ACTIVATIONS else "layer.order"
                words = ("before", "after") if side == "left" else ("after", "before")
                text = f"{op} comes {words[0]} {follower} on the left, {words[1]} it on the right"
                yield at.held(cause, text, side, op, met, at.output(side, follower), True)


def _exchanged(at: Hypothesis, side: str, op: Op, follower: Op) -> Array | None:
    """What the two give the other way round; None where their shapes do not allow it."""
    mine, theirs = at.arrays(side, op), at.arrays(side, follower)
    if mine is None or theirs is None or "x" not in mine:
        return None
    role = follower.roles[follower.inputs.index(op.outputs[0])]
    given, taken = mine["x"], theirs[role]
    first = at.run(follower, {**theirs, role: given.reshape(taken.shape)}) if given.size == taken.size else None
    if first is None or first.size != given.size:
        return None
    return at.run(op, {**mine, "x": first.reshape(given.shape)})
