"""What a hypothesis is given: the place where two traces part, and the tools to try things there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nlblocks.backend import Array
from nlblocks.numerics import distance
from nlblocks.parity.formulas import Unknown, dropout_draw, evaluate
from nlblocks.parity.matching import Alignment
from nlblocks.parity.pairing import Pairing
from nlblocks.parity.tracing import Op, TraceGraph, vocabulary

OTHER = {"left": "right", "right": "left"}
MEETS = 1e-8
"""A result that a hypothesis computes is the other side's up to this share of its largest value: NumPy rounds in
another order, and a framework may hold a constant as float32."""
LENIENT = 10.0
"""Times what is taken for equal on the way to the parting: where that is more than MEETS, it counts."""
IDLE = 1e-13
"""Two results that are nothing but the same sum in another order are this close."""
TRIES = 400
"""Results that one hypothesis may look for: each is held against every wrong tensor of its size."""
FRONT = 4
"""Operations of the frontier that are tried on each side, in execution order. One fault makes one; others are what
hangs on it, a mask or a second output."""
NEAREST = 12
"""Wrong results that are looked at where any may be the one that differs, not only the frontier's."""

Met = tuple[Op, float]
"""The operation that made what was looked for, and how far the two are apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A hypothesis that held: with it the difference falls from ``before`` to ``after``, where it was computed."""

    cause: str
    text: str
    left: Op | None
    right: Op | None
    before: float | None
    after: float | None
    between: bool = False
    joints: tuple[tuple[int, int], ...] = ()
    """Tensors of the left and of the right that would be the same, had both sides done the same: the nearest first."""
    also: tuple[tuple[int, int], ...] = ()
    """The same beside the nearest: the right computes none of these from it."""
    extra: str = ""
    """The side on which the operation is one that the other side lacks."""
    settings: tuple[vocabulary.Setting, ...] = ()
    """The attributes that differ, where it is these."""
    constants: tuple[vocabulary.Constant, ...] = ()
    """What the right is to be given, where its constants are the left's but for float32: then it is no fault."""

    @property
    def sentence(self) -> str:
        if self.after is None:
            return self.text
        if self.before is None:
            return f"{self.text}; so the two sides meet to {self.after:.0e}"
        return f"{self.text}; so the difference falls from {self.before:.0e} to {self.after:.0e}"


def beside(side: str, mine: object, theirs: object) -> str:
    """What one side has and what the other: the left's comes first."""
    left, right = (mine, theirs) if side == "left" else (theirs, mine)
    return f"{left} on the left, {right} on the right"


def computed(kind: str, arrays: Mapping[str, Array], attrs: Mapping[str, Any]) -> Array | None:
    """The first result of an operation in float64; None where there is no formula for it."""
    try:
        return evaluate(kind, arrays, attrs)
    except Unknown:
        return None


class Hypothesis:
    """One place where two traces part: the ``wrong`` tensors of each side and its ``frontier``, what makes them first.

    A hypothesis runs an operation otherwise (:meth:`run`), looks for the result among the other side's wrong tensors
    (:meth:`found`) and, where it is there, says so (:meth:`held`).
    """

    def __init__(
        self,
        alignment: Alignment,
        pairing: Pairing,
        wrong: Mapping[str, set[int]],
        frontier: Mapping[str, list[Op]],
        seed: int,
    ) -> None:
        self.alignment, self.pairing, self.wrong, self.frontier, self.seed = alignment, pairing, wrong, frontier, seed
        self.meets = max(MEETS, LENIENT * alignment.tolerance)
        self.doubtful: list[Explanation] = []
        """What makes two results meet that are used for other things: said where nothing better holds."""
        self._tries = 0

    def begin(self) -> None:
        """Another hypothesis may try as often as the one before."""
        self._tries = 0

    # what is there

    def graph(self, side: str) -> TraceGraph:
        return self.alignment.graph(side)

    def front(self, side: str) -> list[Op]:
        """The first operations of a side's frontier."""
        return self.frontier[side][:FRONT]

    def fronts(self) -> Iterator[tuple[str, Op]]:
        """(side, operation) of both sides."""
        for side in OTHER:
            for op in self.front(side):
                yield side, op

    def given(self) -> Iterator[tuple[str, Op, dict[str, Array]]]:
        """(side, operation, inputs by role) of both sides, where the inputs were kept."""
        for side, op in self.fronts():
            arrays = self.arrays(side, op)
            if arrays is not None:
                yield side, op, arrays

    def arrays(self, side: str, op: Op) -> dict[str, Array] | None:
        """An operation's inputs by role, linear weights as [out, in]; None where one was not kept."""
        values = self.graph(side).trace.values
        found = {}
        for number, role in zip(op.inputs, op.roles, strict=True):
            value = values.get(number)
            if value is None:
                return None
            found[role] = value.T if op.attrs.get("layout") == "in_out" and role == "weight" else value
        return found

    def output(self, side: str, op: Op) -> Array:
        """The first result of an operation."""
        return self.graph(side).trace.values[op.outputs[0]]

    def wrong_ops(self, side: str) -> list[Op]:
        """The operations that make wrong results, frontier or not, in execution order."""
        trace = self.graph(side).trace
        ops = [op for op in trace.ops if op.outputs and op.outputs[0] in self.wrong[side]]
        return [op for op in ops if op.outputs[0] in trace.values][:NEAREST]

    def chain(self, side: str, number: int) -> list[Op]:
        """The wrong operations that lead to a tensor, in order."""
        graph = self.graph(side)
        found: dict[int, Op] = {}
        stack = [number]
        while stack:
            op = graph.producer.get(stack.pop())
            if op is None or op.index in found:
                continue
            found[op.index] = op
            stack += [n for n in op.inputs if n in self.wrong[side]]
        return [found[index] for index in sorted(found)]

    def free(self, side: str, number: int) -> bool:
        """Whether a tensor is a result or an input, not a parameter."""
        graph = self.graph(side)
        return number in graph.live and graph.trace.parameter(number) is None

    def free_inputs(self, side: str, op: Op) -> list[tuple[str, int]]:
        """(role, tensor) of an operation's inputs that are no parameters."""
        return [(role, n) for role, n in zip(op.roles, op.inputs, strict=True) if self.free(side, n)]

    # what could be

    def run(
        self, op: Op, arrays: Mapping[str, Array] | None, attrs: Mapping[str, Any] | None = None, kind: str = ""
    ) -> Array | None:
        """The first result of an operation on these inputs, with other attributes or as another kind where given.

        Random numbers are those that the run drew. None where there is no formula for it.
        """
        if arrays is None:
            return None
        attrs = dict(op.attrs if attrs is None else attrs)
        drawn = attrs.get("drawn")
        if drawn:
            numbers = dropout_draw(tuple(drawn), self.seed)
            attrs["uniform"] = numbers.reshape(arrays["x"].shape) if numbers.size == arrays["x"].size else numbers
        elif op.kind.startswith("dropout") and attrs.get("training"):
            attrs["uniform"] = dropout_draw((*arrays["x"].shape, 0), self.seed)
        return computed(kind or op.kind, arrays, attrs)

    def same(self, op: Op, arrays: Mapping[str, Array], result: Array | None) -> bool:
        """Whether a result is what the operation gives as it is: what changes nothing explains nothing."""
        own = self.run(op, arrays)
        return own is not None and result is not None and own.shape == result.shape and distance(own, result) <= IDLE

    def found(self, side: str, value: Array | None, kind: str = "", like: Op | None = None) -> Met | None:
        """The operation of ``side`` whose wrong result is this value, and how close.

        Also among what operations of a ``kind`` made: one that does nothing makes nothing wrong. Of several, that which
        is used as an operation ``like`` it on the other side is, where one is given: a sum with zero is no sum.
        """
        if value is None:
            return None
        self._tries += 1
        if self._tries > TRIES:
            return None
        graph = self.graph(side)
        same = {o.outputs[0] for o in graph.trace.ops if kind and o.kind == kind and o.outputs}
        best: tuple[bool, Met] | None = None
        for number in [*self.wrong[side], *(same - self.wrong[side])]:
            other = graph.trace.values.get(number)
            if other is None or other.size != value.size or number not in graph.producer:
                continue
            gap = distance(value, other, layout="any", enough=self.meets)
            if gap > self.meets:
                continue
            maker = graph.producer[number]
            unlike = like is not None and not self.followed_alike(OTHER[side], like, maker)
            if best is None or (unlike, gap) < (best[0], best[1][1]):
                best = unlike, (maker, gap)
        return best and best[1]

    def followed_alike(self, side: str, op: Op, other: Op) -> bool:
        """Whether the results of an operation of ``side`` and of the other side go into some of a kind.

        What nobody sees into may be of any kind, and one that goes into none is an output.
        """
        mine = self.graph(side).following(op.outputs[0])
        theirs = self.graph(OTHER[side]).following(other.outputs[0])
        return bool(mine & theirs) or not (mine and theirs) or vocabulary.UNTRACED in mine | theirs

    def held(
        self,
        cause: str,
        text: str,
        side: str,
        op: Op,
        met: Met,
        result: Array | None = None,
        between: bool = False,
        constants: tuple[vocabulary.Constant, ...] = (),
    ) -> Explanation:
        """The explanation: an operation of ``side`` done otherwise met what the other side made.

        ``result`` is what the side has in that place, where it is not the operation's own; ``between`` tells that the
        difference lies in how layers are put together, not in one of them; ``constants`` are :attr:`.constants`.
        """
        other, after = met
        mine = self.output(side, op) if result is None else result
        theirs = self.output(OTHER[side], other)
        before = distance(mine, theirs) if mine.shape == theirs.shape else None
        left, right = (op, other) if side == "left" else (other, op)
        values = self.graph(side).trace.values
        number = next((n for n, value in values.items() if value is mine), op.outputs[0])
        joint = (number, other.outputs[0]) if side == "left" else (other.outputs[0], number)
        return Explanation(
            cause=cause, text=text, left=left, right=right, before=before, after=after, between=between,
            joints=(joint,), constants=constants,
        )  # fmt: skip
