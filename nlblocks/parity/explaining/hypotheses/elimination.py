"""Hypotheses by elimination: the operations after the parting, counted on both sides.

They come last. Where every operation of one side has its like on the other but for one, that one is the difference;
where all have, only their order differs. Nothing is computed: the count is the evidence, and the text says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from nlblocks.parity.explaining.hypothesis import OTHER, Explanation, Hypothesis
from nlblocks.parity.explaining.registry import hypothesis
from nlblocks.parity.tracing import Op, vocabulary

RECOGNISED_AS = {
    "amax": "max", "amin": "min", "adaptive_avg_pool": "mean", "adaptive_max_pool": "max", "mask": "add",
    "einsum": "matmul",
}  # fmt: skip
FEWEST = 3
"""From how many common operations on the count says something."""


Stock = list[tuple[Any, Op]]
"""Operations, each with what it is recognised by on either side."""


@hypothesis(
    "activation.kind", "activation.missing", "activation.order", "layer.missing", "layer.order", "normalisation.kind",
    "operation.kind", "residual.missing", "residual.operand",
)  # fmt: skip
def elimination(at: Hypothesis) -> Iterator[Explanation]:
    """The two sides computed the same things, all or all but one."""
    stocks = {side: _stock(at, side) for side in OTHER}
    if any(op.kind == vocabulary.UNTRACED for stock in stocks.values() for _, op in stock):
        return  # that may be the like of anything
    counts = {side: Counter(key for key, _ in stock) for side, stock in stocks.items()}
    common = sum((counts["left"] & counts["right"]).values())
    if common < FEWEST:
        return
    over = {side: _over(stocks[side], counts[side] - counts[OTHER[side]]) for side in stocks}
    cause = _order_cause(stocks)
    if cause and not over["left"] and not over["right"] and not _run_alone(at, stocks, cause):
        firsts = stocks["left"][0][1], stocks["right"][0][1]
        text = (
            f"the same {common} operations follow on both sides, in another order: {firsts[0]} comes first on the "
            f"left, {firsts[1]} on the right"
        )
        yield _counted(cause, text, *firsts)
    for side in stocks:
        if len(over[side]) == 1 and not over[OTHER[side]]:
            op = over[side][0]
            text = f"of {common + 1} operations that follow on the {side} all but {op} have their like beside them"
            left, right = (op, None) if side == "left" else (None, op)
            yield _counted(_missing_cause(op), text, left, right, side)
    if len(over["left"]) == 1 == len(over["right"]):
        op, other = over["left"][0], over["right"][0]
        if op.kind != other.kind:
            yield _counted(_replaced_cause(op, other), f"{op} on the left, {other} on the right: the other {common} "
                           "operations that follow are the same", op, other)  # fmt: skip


def _counted(cause: str, text: str, left: Op | None, right: Op | None, extra: str = "") -> Explanation:
    between = not ((left is not None and left.leaf) or (right is not None and right.leaf))
    return Explanation(
        cause=cause, text=text, left=left, right=right, before=None, after=None, between=between, extra=extra
    )


def _stock(at: Hypothesis, side: str) -> Stock:
    """What computes something after the parting."""
    wrong = [op for op in at.graph(side).trace.ops if any(n in at.wrong[side] for n in op.outputs)]
    found = [
        (_key(at, side, op), op)
        for op in wrong
        if op.kind not in vocabulary.LAYOUT | vocabulary.CONSTANT | vocabulary.DROPOUTS
    ]
    return [(key, op) for key, op in found if key is not None]


def _key(at: Hypothesis, side: str, op: Op) -> Any:
    """What an operation is recognised by; None for what does not count."""
    names = _parameters(at, side, op)
    if names:
        if op.kind == "add" and all(name.endswith("bias") for name in names):
            return None  # the second half of a linear layer
        return "affine" if op.kind in vocabulary.AFFINE else op.kind, min(names)
    constant = op.attrs.get("other", op.attrs.get("scale"))
    if op.kind in ("mul", "div", "scale") and isinstance(constant, int | float) and constant:
        return "scale", f"{1.0 / constant if op.kind == 'div' else constant:.5g}"
    return RECOGNISED_AS.get(op.kind, op.kind), ""


def _parameters(at: Hypothesis, side: str, op: Op) -> list[str]:
    """The parameters that an operation uses, by the left model's names."""
    trace = at.graph(side).trace
    names = {} if side == "left" else {b: a for a, b in at.pairing.names.items()}
    own = [trace.parameter(n) for n in op.inputs]
    return [names.get(name, name) for name in own if name is not None]


def _over(stock: Stock, surplus: Counter[Any]) -> list[Op]:
    """The operations that the other side lacks, the last of each sort."""
    found = []
    left = dict(surplus)
    for key, op in reversed(stock):
        if left.get(key, 0) > 0:
            left[key] -= 1
            found.append(op)
    return found[::-1]


def _order_cause(stocks: Mapping[str, Stock]) -> str | None:
    """What an exchange of the first operations is called; None where they are one, with other details."""
    (key, op), (other_key, other) = stocks["left"][0], stocks["right"][0]
    if key == other_key:
        return "residual.operand" if op.kind == "add" and not key[1] else None
    return "activation.order" if {op.kind, other.kind} & vocabulary.ACTIVATIONS else "layer.order"


def _run_alone(at: Hypothesis, stocks: Mapping[str, Stock], cause: str) -> bool:
    """Whether both sides only run in another order, as branches do: each operation takes what its like takes."""
    return cause != "residual.operand" and _taken(at, "left", stocks["left"]) == _taken(at, "right", stocks["right"])


def _taken(at: Hypothesis, side: str, stock: Stock) -> Counter[Any]:
    """What each operation is recognised by, with the operations whose results go into it, through all others."""
    keys = {op.index: key for key, op in stock}
    graph = at.graph(side)
    nearest: dict[int, list[Any]] = {}
    for op in graph.trace.ops:  # what makes a tensor comes before what takes it
        makers = [graph.producer[n].index for n in op.inputs if n in graph.producer]
        nearest[op.index] = [
            key for maker in makers for key in ([keys[maker]] if maker in keys else nearest.get(maker, ()))
        ]
    return Counter((key, tuple(sorted(map(repr, nearest[op.index])))) for key, op in stock)


def _missing_cause(op: Op) -> str:
    if op.kind == "add" and len(op.inputs) > 1:
        return "residual.missing"
    return "activation.missing" if op.kind in vocabulary.ACTIVATIONS else "layer.missing"


def _replaced_cause(op: Op, other: Op) -> str:
    kinds = {op.kind, other.kind}
    if kinds <= vocabulary.ACTIVATIONS:
        return "activation.kind"
    if kinds <= vocabulary.NORMALISATIONS:
        return "normalisation.kind"
    return "operation.kind"
