"""Another operation altogether, on the same input."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from nlblocks.parity.explaining.hypothesis import OTHER, Explanation, Hypothesis
from nlblocks.parity.explaining.registry import hypothesis
from nlblocks.parity.tracing import Op, vocabulary

SELECTING = {"mean", "sum", "max", "amax", "getitem"}
"""Kinds that leave one value of many."""


@hypothesis("activation.kind", "layer.shared", "normalisation.kind", "operation.kind", "reduce.kind")
def replaced(at: Hypothesis) -> Iterator[Explanation]:
    """The right's operation in place of the left's, where both go on alike.

    On the same input the right's operation always gives what the right has: what is made of it is the evidence.
    """
    for op, other in itertools.product(at.front("left"), at.front("right")):
        if op.kind == other.kind or vocabulary.UNTRACED in (op.kind, other.kind) or not op.inputs or not other.inputs:
            continue
        if other.inputs[0] not in at.alignment.to_right.get(op.inputs[0], ()):
            continue
        if not at.followed_alike("left", op, other) or not _go_on_alike(at, op, other):
            continue
        mine, theirs = at.arrays("left", op), at.arrays("right", other)
        if mine is None or theirs is None:
            continue
        met = at.found("right", at.run(other, {**theirs, other.roles[0]: mine[op.roles[0]]}))
        if met:
            text = f"{op} on the left, {other} on the right: the right's in place of the left's"
            between = not (op.leaf or other.leaf)
            yield at.held(_cause(at, op, other), text, "left", op, met, between=between)


def _go_on_alike(at: Hypothesis, op: Op, other: Op) -> bool:
    """Whether what one side makes of its result, it makes of the other's as the other does.

    Where none of that can be computed, that both go on with operations of a kind is all that is known.
    """
    found = [_goes_on(at, "left", op, other), _goes_on(at, "right", other, op)]
    return True in found or False not in found


def _goes_on(at: Hypothesis, side: str, op: Op, other: Op) -> bool | None:
    """Whether what ``side`` makes of ``op``, it makes of the other's result; None where that cannot be computed."""
    values, found = at.graph(OTHER[side]).trace.values, None
    theirs = list(_users(at, OTHER[side], other.outputs[0]))
    for user, role, _ in _users(at, side, op.outputs[0]):
        arrays = at.arrays(side, user)
        if arrays is None:
            continue
        for number in {other.outputs[0], *(n for follower, _, n in theirs if follower.kind == user.kind)}:
            value, wanted = values.get(number), arrays[role]
            if value is None or value.size != wanted.size:
                found = False
                continue
            result = at.run(user, {**arrays, role: value.reshape(wanted.shape)})
            if at.found(OTHER[side], result):
                return True
            found = found if result is None else False
    return found


def _users(at: Hypothesis, side: str, number: int) -> Iterator[tuple[Op, str, int]]:
    """What uses a tensor, in which role, and the tensor as it is laid out by then."""
    stack = [number]
    while stack:
        taken = stack.pop()
        for user in at.graph(side).consumers[taken]:
            if user.kind in vocabulary.LAYOUT:
                stack += user.outputs
            else:
                yield user, user.roles[user.inputs.index(taken)], taken


def _cause(at: Hypothesis, op: Op, other: Op) -> str:
    kinds = {op.kind, other.kind}
    if kinds & (vocabulary.ACTIVATIONS | {"softmax", "log_softmax"}):
        return "activation.kind"
    if kinds & vocabulary.NORMALISATIONS:
        return "normalisation.kind"
    if kinds & SELECTING:
        return "reduce.kind"
    return _weights_of(at, op, other) if kinds <= vocabulary.AFFINE else "operation.kind"


def _weights_of(at: Hypothesis, op: Op, other: Op) -> str:
    """What two products of one tensor differ in: a weight that one side uses twice, or another weight."""
    uses = []
    for side, product in (("left", op), ("right", other)):
        graph = at.graph(side)
        own = {graph.source(n) for n in product.inputs} & set(graph.trace.origin)
        users = [
            o for o in graph.trace.ops if o.kind in vocabulary.AFFINE and own & {graph.source(n) for n in o.inputs}
        ]
        uses.append(len(users))
    return "layer.shared" if uses[0] != uses[1] else "operation.kind"
