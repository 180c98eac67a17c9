"""Which tensors of two traces are the same, by value, and where the two computations part.

Both models run on the same weights and inputs in float64, so equal tensors have equal values whatever the models call
them, in whatever order and however finely they are written. The computations part at the *frontier*: the operations
whose inputs all have a partner on the other side, whose result has none, and from which a wrong output is reached.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from itertools import permutations

import numpy as np

from nlblocks.backend import Array
from nlblocks.parity.trace import Op, Trace
from nlblocks.parity.vocabulary import AFFINE, DROPOUTS, LAYOUT

TOLERANCE = 1e-10
HIDDEN = -9e3
"""A score from here down, among ordinary ones, is a masked one: -1e4, -65504 and -1e9 all stand for minus infinity."""
ORDINARY = 1e3
PRODUCTS = {"matmul", "einsum"}
"""Kinds whose result is transposed where the operands are exchanged."""
COPIES = {"expand", "repeat"}
"""Kinds that repeat elements: what they are for, the operations after them tell."""
CONSTANT = {"full", "full_like", "zeros", "zeros_like", "ones", "ones_like", "arange", "eye"}
"""Kinds whose result depends on no values."""


def close(a: Array, b: Array, tolerance: float = TOLERANCE) -> bool:
    """Whether two arrays of one shape are equal up to float64 rounding, relative to their largest value."""
    if a.shape != b.shape:
        return False
    return distance(a, b) <= tolerance


def distance(a: Array, b: Array) -> float:
    """The largest difference of two arrays of one shape in units of the largest value; equal infinities are equal."""
    if a.size == 0:
        return 0.0
    a, b = unmasked(a.astype(np.float64)), unmasked(b.astype(np.float64))
    with np.errstate(all="ignore"):
        gap = np.abs(a - b)
        gap = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, gap)
        finite = np.concatenate([np.abs(a[np.isfinite(a)]), np.abs(b[np.isfinite(b)]), [0.0]])
        scale = float(finite.max())
        largest = float(gap.max()) if not np.isnan(gap).any() else float("inf")
    return largest / scale if scale else largest


def unmasked(array: Array) -> Array:
    """Scores with minus infinity for what is masked by a large number, which would drown all the others."""
    hidden = array < HIDDEN
    if not hidden.any():
        return array
    others = array[~hidden & np.isfinite(array)]
    return np.where(hidden, -np.inf, array) if np.abs(others).max(initial=0.0) < ORDINARY else array


def turned_distance(a: Array, b: Array, enough: float = TOLERANCE) -> float:
    """The least distance of two arrays of one shape when equal extents of one of them change places."""
    best = float("inf")
    if 2 <= a.ndim <= 5 and len(set(a.shape)) < a.ndim:
        for order in permutations(range(a.ndim)):
            if order != tuple(range(a.ndim)) and a.transpose(order).shape == b.shape and best > enough:
                best = min(best, distance(a.transpose(order), b))
    return best


def layout_distance(a: Array, b: Array, enough: float = TOLERANCE) -> float:
    """The distance of two arrays of one size: as they are, reshaped or, where their shapes differ, transposed."""
    if a.shape == b.shape:
        return distance(a, b)
    best = distance(a.ravel(), b.ravel())
    if best <= enough:
        return best
    a, b = a.reshape(_squeezed(a.shape)), b.reshape(_squeezed(b.shape))
    if a.ndim == b.ndim and a.ndim <= 5 and sorted(a.shape) == sorted(b.shape):
        for order in permutations(range(a.ndim)):
            if tuple(a.shape[axis] for axis in order) == b.shape:
                best = min(best, distance(a.transpose(order), b))
                if best <= enough:
                    break
    return best


def _squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(extent for extent in shape if extent != 1)


class Side:
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

    def _depending(self, wanted: Callable[[str], bool]) -> set[int]:
        """What depends on a tensor of such an origin: an input, a parameter."""
        found = {n for n, origin in self.trace.origin.items() if wanted(origin)}
        for op in self.trace.ops:
            if op.kind not in CONSTANT and any(n in found for n in op.inputs):
                found.update(op.outputs)
        return found

    def computed(self, number: int) -> bool:
        """Whether a tensor is the result of more than moving elements."""
        op = self.producer.get(number)
        return op is not None and op.kind not in LAYOUT

    def source(self, number: int) -> int:
        """The tensor that another is a view or a transpose of."""
        op = self.producer.get(number)
        return number if op is None or op.kind not in LAYOUT or not op.inputs else self.source(op.inputs[0])

    def following(self, number: int) -> set[str]:
        """The kinds of the operations that a tensor goes into, however it is laid out and thinned before."""
        kinds = set()
        for op in self.consumers[number]:
            if op.kind in LAYOUT | DROPOUTS:
                kinds |= {kind for n in op.outputs for kind in self.following(n)}
            else:
                kinds.add("affine" if op.kind in AFFINE | {"einsum"} else op.kind)
        return kinds

    def value(self, number: int) -> Array | None:
        return self.trace.values.get(number)

    def norm(self, number: int) -> tuple[float, float]:
        """Two sums that no reordering changes."""
        if number not in self._norms:
            array = unmasked(self.trace.values[number].astype(np.float64).ravel())
            finite = array[np.isfinite(array)]
            self._norms[number] = (float(np.abs(finite).sum()), float(finite.sum()))
        return self._norms[number]


class Alignment:
    """The partners of every tensor: left to right and right to left."""

    def __init__(self, left: Trace, right: Trace, tolerance: float = TOLERANCE) -> None:
        self.left, self.right, self.tolerance = Side(left), Side(right), tolerance
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
        slack = self.tolerance * max(absolute, 1e-300) * 4
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
        return layout_distance(a, b, self.tolerance) <= self.tolerance

    def _turned(self, number: int, other: int) -> bool:
        a, b = self.left.trace.values[number], self.right.trace.values[other]
        if other in self.to_left or a.shape != b.shape or not self._laid_otherwise(number, other):
            return False
        return turned_distance(a, b, self.tolerance) <= self.tolerance

    def _laid_otherwise(self, number: int, other: int) -> bool:
        """Whether two results come from layers, or operands, that keep their axes in another order."""
        op, twin = self.left.producer[number], self.right.producer.get(other)
        if twin is None or twin.kind in LAYOUT | PRODUCTS or op.kind in PRODUCTS:
            return False
        if {op.kind, twin.kind} == {"conv", "linear"}:
            return True
        mine, theirs = self.left.trace.values, self.right.trace.values
        pairs = [(n, m) for n in op.inputs for m in self.to_right.get(n, ()) if m in twin.inputs]
        return any((n, m) in self.turned or mine[n].shape != theirs[m].shape for n, m in pairs)

    def partners(self, side: str) -> Mapping[int, list[int]]:
        return self.to_right if side == "left" else self.to_left

    def side(self, name: str) -> Side:
        return self.left if name == "left" else self.right

    def known(self, side: str, number: int) -> bool:
        """Whether a tensor has a partner, or is no result of the model at all."""
        view = self.side(side)
        if number not in view.live or number in view.trace.origin or self.partners(side).get(number):
            return True
        op = view.producer.get(number)
        return op is not None and op.kind in COPIES and all(self.known(side, n) for n in op.inputs)

    def wrong(self, side: str, seeds: Iterable[int]) -> set[int]:
        """The tensors without a partner from which a seed is reached through tensors without a partner."""
        found: set[int] = set()
        stack = [number for number in seeds if not self.known(side, number)]
        while stack:
            number = stack.pop()
            if number in found:
                continue
            found.add(number)
            op = self.side(side).producer.get(number)
            stack += [n for n in (op.inputs if op else ()) if not self.known(side, n)]
        return found

    def frontier(self, side: str, wrong: set[int]) -> list[Op]:
        """The operations that make wrong tensors from right ones, in execution order."""
        view = self.side(side)
        return [
            op
            for op in view.trace.ops
            if any(n in wrong for n in op.outputs) and not any(n in wrong for n in op.inputs)
        ]

    def unmatched(self, side: str) -> set[int]:
        """Every live result without a partner."""
        view = self.side(side)
        return {n for op in view.trace.ops for n in op.outputs if not self.known(side, n)}
