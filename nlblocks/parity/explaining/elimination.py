"""Hypotheses by elimination: the operations after the parting, counted on both sides.

They come last. Where every operation of one side has its like on the other but for one, that one is the difference;
where all have, only their order differs. Nothing is computed: the count is the evidence, and the text says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from nlblocks.parity.explaining.hypothesis import OTHER, Explanation, Parting
from nlblocks.parity.tracing.trace import Op
from nlblocks.parity.tracing.vocabulary import ACTIVATIONS, AFFINE, CONSTANT, DROPOUTS, LAYOUT, NORMALISATIONS

ALIKE = {
    "amax": "max", "amin": "min", "adaptive_avg_pool": "mean", "adaptive_max_pool": "max", "mask": "add",
    "einsum": "matmul",
}  # fmt: skip
FEWEST = 3
"""From how many common operations on the count says something."""


class Inventory(Parting):
    """The two sides computed the same things, all or all but one."""

    def _inventory(self) -> Iterator[Explanation]:
        stocks = {side: self._stock(side) for side in ("left", "right")}
        counts = {side: Counter(key for key, _ in stock) for side, stock in stocks.items()}
        common = sum((counts["left"] & counts["right"]).values())
        if common < FEWEST:
            return
        over = {side: self._over(stocks[side], counts[side] - counts[OTHER[side]]) for side in stocks}
        first = {side: stock[0][1] for side, stock in stocks.items()}
        cause = self._order_cause(stocks)
        if cause and not over["left"] and not over["right"]:
            yield self._count(cause, f"the same {common} operations follow on both sides, in "
                              f"another order: {first['left']} comes first on the left, {first['right']} on the right",
                              first["left"], first["right"])  # fmt: skip
        for side in stocks:
            if len(over[side]) == 1 and not over[OTHER[side]]:
                op = over[side][0]
                cause = "activation.missing" if op.kind in ACTIVATIONS else "layer.missing"
                cause = "residual.missing" if op.kind == "add" and len(op.inputs) > 1 else cause
                left, right = (op, None) if side == "left" else (None, op)
                yield self._count(cause, f"of {common + 1} operations that follow on the {side} all but {op} have "
                                  f"their like on the {OTHER[side]}", left, right, side)  # fmt: skip
        if len(over["left"]) == 1 == len(over["right"]):
            op, other = over["left"][0], over["right"][0]
            if op.kind != other.kind:
                yield self._count(_replaced_cause(op, other), f"{op} on the left, {other} on the right: the other "
                                  f"{common} operations that follow are the same", op, other)  # fmt: skip

    def _count(self, cause: str, text: str, left: Op | None, right: Op | None, extra: str = "") -> Explanation:
        between = not ((left is not None and left.leaf) or (right is not None and right.leaf))
        return Explanation(
            cause=cause, text=text, left=left, right=right, before=None, after=None, between=between, extra=extra
        )

    def _stock(self, side: str) -> list[tuple[Any, Op]]:
        """What computes something after the parting, each with what it is recognised by on either side."""
        view = self.alignment.side(side)
        wrong = [op for op in view.trace.ops if any(n in self.wrong[side] for n in op.outputs)]
        found = [(self._key(side, op), op) for op in wrong if op.kind not in LAYOUT | CONSTANT | DROPOUTS]
        return [(key, op) for key, op in found if key is not None]

    def _key(self, side: str, op: Op) -> Any:
        names = self._parameters(side, op)
        if names:
            if op.kind == "add" and all(name.endswith("bias") for name in names):
                return None  # the second half of a linear layer
            return "affine" if op.kind in AFFINE else op.kind, min(names)
        constant = op.attrs.get("other", op.attrs.get("scale"))
        if op.kind in ("mul", "div", "scale") and isinstance(constant, int | float) and constant:
            return "scale", f"{1.0 / constant if op.kind == 'div' else constant:.5g}"
        return ALIKE.get(op.kind, op.kind), ""

    def _parameters(self, side: str, op: Op) -> list[str]:
        """The parameters that an operation uses, by the left model's names."""
        trace = self.alignment.side(side).trace
        names = {} if side == "left" else {b: a for a, b in self.pairing.names.items()}
        own = [trace.parameter(n) for n in op.inputs]
        return [names.get(name, name) for name in own if name is not None]

    def _over(self, stock: list[tuple[Any, Op]], surplus: Counter[Any]) -> list[Op]:
        found = []
        left = dict(surplus)
        for key, op in reversed(stock):
            if left.get(key, 0) > 0:
                left[key] -= 1
                found.append(op)
        return found[::-1]

    def _order_cause(self, stocks: dict[str, list[tuple[Any, Op]]]) -> str | None:
        """What an exchange of the first operations is called; None where they are one, with other details."""
        (key, op), (other_key, other) = stocks["left"][0], stocks["right"][0]
        if key == other_key:
            return "residual.operand" if op.kind == "add" and not key[1] else None
        return "activation.order" if {op.kind, other.kind} & ACTIVATIONS else "layer.order"


def _replaced_cause(op: Op, other: Op) -> str:
    kinds = {op.kind, other.kind}
    if kinds <= ACTIVATIONS:
        return "activation.kind"
    if kinds <= NORMALISATIONS:
        return "normalisation.kind"
    return "operation.kind"
