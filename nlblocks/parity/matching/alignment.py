"""Which tensors of two traces are the same, by value, and where the two computations part.

Both models run on the same weights and inputs in float64, so equal tensors have equal values whatever the models call
them, in whatever order and however finely they are written. The computations part at the *frontier*: the operations
whose inputs all have a partner on the other side, whose result has none, and from which a wrong output is reached.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from nlblocks.numerics import distance
from nlblocks.numerics.tolerance import EQUAL, SLACK, TINY
from nlblocks.parity.tracing import Op, Trace, TraceGraph, vocabulary

PRODUCTS = {"matmul", "einsum"}
"""Kinds whose result is transposed where the operands are exchanged."""
COPIES = {"expand", "repeat"}
"""Kinds that repeat elements: what they are for, the operations after them tell."""


class Alignment:
    """The partners of every tensor: left to right and right to left."""

    def __init__(self, left: Trace, right: Trace, tolerance: float = EQUAL) -> None:
        self.left, self.right, self.tolerance = TraceGraph(left), TraceGraph(right), tolerance
        self.sizes: dict[int, list[int]] = defaultdict(list)
        for number, value in right.values.items():
            self.sizes[value.size].append(number)
        self.to_right: dict[int, list[int]] = defaultdict(list)
        self.to_left: dict[int, list[int]] = defaultdict(list)
        self.turned: set[tuple[int, int]] = set()
        for number in left.values:
            self._match(number)
        for number in left.values:
            if number not in self.to_right and self.left.computed(number):
                self._match(number, turned=True)

    def _match(self, number: int, *, turned: bool = False) -> None:
        """Find the partners; ``turned`` also where one side has channels last and the extents do not show it.

        Only for what is computed: a transpose of a square must not be taken for its operand.
        """
        value = self.left.trace.values[number]
        absolute, total = self.left.norm(number)
        slack = self.tolerance * max(absolute, TINY) * SLACK
        for other in self.sizes[value.size]:
            other_absolute, other_total = self.right.norm(other)
            if abs(absolute - other_absolute) > slack or abs(total - other_total) > slack:
                continue
            if self._turned(number, other) if turned else self.equal(number, other):
                self.to_right[number].append(other)
                if turned:
                    self.turned.add((number, other))
                self.to_left[other].append(number)

    def equal(self, number: int, other: int) -> bool:
        """Equal element by element, after a reshape, or after a transpose where the shapes differ."""
        a, b = self.left.trace.values[number], self.right.trace.values[other]
        return distance(a, b, layout="any", enough=self.tolerance) <= self.tolerance

    def _turned(self, number: int, other: int) -> bool:
        a, b = self.left.trace.values[number], self.right.trace.values[other]
        if other in self.to_left or a.shape != b.shape or not self._laid_otherwise(number, other):
            return False
        return distance(a, b, layout="turned", enough=self.tolerance) <= self.tolerance

    def _laid_otherwise(self, number: int, other: int) -> bool:
        """Whether two results come from layers, or operands, that keep their axes in another order."""
        op, twin = self.left.producer[number], self.right.producer.get(other)
        if twin is None or twin.kind in vocabulary.LAYOUT | PRODUCTS or op.kind in PRODUCTS:
            return False
        if {op.kind, twin.kind} == {"conv", "linear"}:
            return True
        mine, theirs = self.left.trace.values, self.right.trace.values
        pairs = [(n, m) for n in op.inputs for m in self.to_right.get(n, ()) if m in twin.inputs]
        return any((n, m) in self.turned or mine[n].shape != theirs[m].shape for n, m in pairs)

    def partners(self, side: str) -> Mapping[int, list[int]]:
        return self.to_right if side == "left" else self.to_left

    def graph(self, name: str) -> TraceGraph:
        return self.left if name == "left" else self.right

    def known(self, side: str, number: int) -> bool:
        """Whether a tensor has a partner, or is no result of the model at all."""
        graph, partners = self.graph(side), self.partners(side)
        stack = [number]
        while stack:
            number = stack.pop()
            if number not in graph.live or number in graph.trace.origin or partners.get(number):
                continue
            op = graph.producer.get(number)
            if op is None or op.kind not in COPIES:
                return False
            stack += op.inputs
        return True

    def wrong(self, side: str, seeds: Iterable[int]) -> set[int]:
        """The tensors without a partner from which a seed is reached through tensors without a partner."""
        found: set[int] = set()
        stack = [number for number in seeds if not self.known(side, number)]
        while stack:
            number = stack.pop()
            if number in found:
                continue
            found.add(number)
            op = self.graph(side).producer.get(number)
            stack += [n for n in (op.inputs if op else ()) if not self.known(side, n)]
        return found

    def frontier(self, side: str, wrong: set[int]) -> list[Op]:
        """The operations that make wrong tensors from right ones, in execution order."""
        graph = self.graph(side)
        return [
            op
            for op in graph.trace.ops
            if any(n in wrong for n in op.outputs) and not any(n in wrong for n in op.inputs)
        ]

    def unmatched(self, side: str) -> set[int]:
        """Every live result without a partner."""
        graph = self.graph(side)
        return {n for op in graph.trace.ops for n in op.outputs if not self.known(side, n)}
