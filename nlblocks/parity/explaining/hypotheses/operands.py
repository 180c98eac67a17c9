"""The operation is there on both sides, on other operands: exchanged, transposed, or taken from elsewhere."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from nlblocks.backend import Array
from nlblocks.parity.explaining.hypotheses.context import in_context
from nlblocks.parity.explaining.hypothesis import OTHER, Explanation, Hypothesis
from nlblocks.parity.explaining.registry import hypothesis
from nlblocks.parity.tracing import Op

MOST_EXCHANGED = 4
"""Operands whose orders are all tried: 24 for four."""


@hypothesis("attention.layout")
def layout(at: Hypothesis) -> Iterator[Explanation]:
    """Attention over heads where it should be over positions."""
    for side, op, arrays in at.given():
        if op.kind != "matmul":
            continue
        exchanged = {role: np.swapaxes(value, 1, 2) for role, value in arrays.items() if value.ndim == 4}
        met = at.found(OTHER[side], at.run(op, exchanged))
        if met:
            yield at.held("attention.layout", f"heads and positions exchanged in {op}", side, op, met)


@hypothesis(
    "attention.qk_swapped", "cat.order", "operands.swapped", "reshape.order", "residual.missing", "residual.operand",
    "rnn.state", "scale.factor", "shift.constant",
)  # fmt: skip
def operands(at: Hypothesis) -> Iterator[Explanation]:
    """The same inputs in another order, or one input in place of another."""
    for side, op, arrays in at.given():
        free = [role for role, _ in at.free_inputs(side, op)]
        yield from _exchanged(at, side, op, arrays, free)
        yield from _transposed(at, side, op, arrays, free)
        yield from _from_elsewhere(at, side, op, arrays, free)


def _exchanged(
    at: Hypothesis, side: str, op: Op, arrays: Mapping[str, Array], free: Sequence[str]
) -> Iterator[Explanation]:
    """The operands in another order."""
    if not 2 <= len(free) <= MOST_EXCHANGED:
        return
    for order in list(itertools.permutations(free))[1:]:
        exchanged = {a: arrays[b] for a, b in zip(free, order, strict=True)}
        result = at.run(op, {**arrays, **exchanged})
        met = at.found(OTHER[side], result)
        if met and not at.same(op, arrays, result):
            cause = "cat.order" if op.kind in ("cat", "stack") else "operands.swapped"
            if op.kind == "matmul":
                cause = in_context(at.graph(side), op, "operands.swapped")
            positions = ", ".join(str(free.index(role)) for role in order)
            yield at.held(cause, f"the operands of {op} in another order: {positions}", side, op, met)


def _transposed(
    at: Hypothesis, side: str, op: Op, arrays: Mapping[str, Array], free: Sequence[str]
) -> Iterator[Explanation]:
    """A factor that is square, and transposed on the other side."""
    for role in free if op.kind == "matmul" else ():
        value = arrays[role]
        if value.ndim < 2 or value.shape[-1] != value.shape[-2]:
            continue
        met = at.found(OTHER[side], at.run(op, {**arrays, role: np.swapaxes(value, -1, -2)}))
        if met:
            yield at.held("reshape.order", f"an operand of {op} transposed", side, op, met)


def _from_elsewhere(
    at: Hypothesis, side: str, op: Op, arrays: Mapping[str, Array], free: Sequence[str]
) -> Iterator[Explanation]:
    """An operand that only the other side's like operation uses here."""
    mine = dict(zip(op.roles, op.inputs, strict=True))
    partners = at.alignment.partners(OTHER[side])
    graph = at.graph(side)
    for other in at.front(OTHER[side]):
        if other.kind != op.kind:
            continue
        yield from _other_constant(at, side, op, arrays, other)
        theirs = [same for _, n in at.free_inputs(OTHER[side], other) for same in partners.get(n, [])[:1]]
        for role, same in itertools.product(free, theirs):
            value = graph.trace.values[same]
            if same == mine[role] or value.shape != arrays[role].shape:
                continue
            met = at.found(OTHER[side], at.run(op, {**arrays, role: value}))
            if met:
                source = graph.producer.get(same)
                text = f"{op} takes another operand on the {OTHER[side]}: the result of {source or 'the input'}"
                yield at.held(_operand_cause(at, side, op, mine[role]), text, side, op, met, between=True)


def _operand_cause(at: Hypothesis, side: str, op: Op, number: int) -> str:
    if len(at.free_inputs(side, op)) > 1:
        return "residual.operand" if op.kind == "add" else "operands.swapped"
    maker = at.graph(side).producer.get(number)
    return "residual.missing" if maker is not None and maker.kind == "add" else "residual.operand"


def _other_constant(at: Hypothesis, side: str, op: Op, arrays: Mapping[str, Array], other: Op) -> Iterator[Explanation]:
    """A tensor that is no parameter and no result: another one on the other side."""
    theirs = at.arrays(OTHER[side], other)
    if theirs is None:
        return
    graph = at.graph(side)
    for role, number in zip(op.roles, op.inputs, strict=True):
        if role not in theirs or graph.trace.parameter(number) is not None or number in graph.live:
            continue
        met = at.found(OTHER[side], at.run(op, {**arrays, role: theirs[role]}))
        if met and role.startswith("state"):
            yield at.held("rnn.state", f"{op} starts from the state of the {OTHER[side]}", side, op, met)
        elif met:
            cause = {"add": "shift.constant", "mul": "scale.factor"}.get(op.kind, "operands.swapped")
            yield at.held(cause, f"{op} with the constant tensor of the {OTHER[side]}", side, op, met, between=True)
