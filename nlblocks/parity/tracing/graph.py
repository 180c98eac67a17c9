"""A trace as a graph: who makes a tensor, who uses it, what depends on an input."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import numpy as np

from nlblocks.numerics.tolerance import unmasked
from nlblocks.parity.tracing.trace import Op, Trace
from nlblocks.parity.tracing.vocabulary import AFFINE, CONSTANT, DROPOUTS, LAYOUT, UNTRACED


class TraceGraph:
    """One trace, with what the search asks of it."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.producer: dict[int, Op] = {number: op for op in trace.ops for number in op.outputs}
        self.consumers: dict[int, list[Op]] = defaultdict(list)
        for op in trace.ops:
            for number in op.inputs:
                self.consumers[number].append(op)
        self.live = self._depending(lambda origin: not origin.startswith("constant"))
        self.fed = self._depending(lambda origin: origin.startswith("input"))
        self._norms: dict[int, tuple[float, float]] = {}
        self._following: dict[int, set[str]] | None = None

    def _depending(self, wanted: Callable[[str], bool]) -> set[int]:
        """What depends on a tensor of such an origin: an input, a parameter."""
        found = {n for n, origin in self.trace.origin.items() if wanted(origin)}
        for op in self.trace.ops:
            unknown = op.kind == UNTRACED and not op.inputs
            if unknown or (op.kind not in CONSTANT and any(n in found for n in op.inputs)):
                found.update(op.outputs)
        return found

    def computed(self, number: int) -> bool:
        """Whether a tensor is the result of more than moving elements."""
        op = self.producer.get(number)
        return op is not None and op.kind not in LAYOUT

    def source(self, number: int) -> int:
        """The tensor that another is a view or a transpose of."""
        while True:
            op = self.producer.get(number)
            if op is None or op.kind not in LAYOUT or not op.inputs:
                return number
            number = op.inputs[0]

    def following(self, number: int) -> set[str]:
        """The kinds of the operations that a tensor goes into, however it is laid out and thinned before."""
        if self._following is None:
            found = self._following = defaultdict(set)
            for op in reversed(self.trace.ops):  # what uses a tensor comes after it
                if op.kind in LAYOUT | DROPOUTS:
                    kinds = set[str]().union(*(found[n] for n in op.outputs))
                else:
                    kinds = {"affine" if op.kind in AFFINE | {"einsum"} else op.kind}
                for n in op.inputs:
                    found[n] |= kinds
        return self._following[number]

    def norm(self, number: int) -> tuple[float, float]:
        """Two sums that no reordering changes."""
        if number not in self._norms:
            value = self.trace.values[number].ravel()
            array = unmasked(value.astype(np.result_type(value, np.float64)))
            finite = array[np.isfinite(array)]
            total = finite.sum()
            self._norms[number] = (float(np.abs(finite).sum()), float(total.real + total.imag))
        return self._norms[number]

    def around(self, op: Op | None, direction: int) -> str:
        """The last layer without parts that an operation depends on (-1), or the first that depends on it (1).

        "" where there is none, or no operation.
        """
        if op is None:
            return ""
        seen, queue, found = {op.index}, [op], []
        while queue:
            current = queue.pop()
            if direction < 0:
                near = [self.producer[n] for n in current.inputs if n in self.producer and n in self.live]
            else:
                near = [o for n in current.outputs for o in self.consumers[n]]
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

    def is_layer(self, op: Op) -> bool:
        """Whether an operation is all that a layer does, or computes with parameters: what else is between layers."""
        return op.leaf or any(self.trace.parameter(self.source(n)) is not None for n in op.inputs)

    def layer_of_output(self, name: str) -> str:
        """The layer without parts that makes an output, or feeds what does."""
        op = self.producer.get(self.trace.outputs[name])
        return op.scope if op is not None and op.leaf else self.around(op, -1)
