"""The place where two traces part, and what hypotheses need there: run an operation, look for its result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nlblocks.backend import Array
from nlblocks.numerics import distance
from nlblocks.parity.formulas.evaluate import evaluate
from nlblocks.parity.formulas.formula import Unknown
from nlblocks.parity.matching.alignment import Alignment
from nlblocks.parity.pairing.pair import Pairing
from nlblocks.parity.recording.dropout import dropout_draw
from nlblocks.parity.tracing.trace import Op
from nlblocks.parity.tracing.vocabulary import LAYOUT

MEETS = 1e-8
HELPS = 1e-2
"""How far the difference must fall for a hypothesis to hold."""
LIMIT = 400
OTHER = {"left": "right", "right": "left"}


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
    extra: str = ""
    """The side on which the operation is one that the other side lacks."""

    @property
    def sentence(self) -> str:
        if self.after is None:
            return self.text
        if self.before is None:
            return f"{self.text}; so the two sides meet to {self.after:.0e}"
        return f"{self.text}; so the difference falls from {self.before:.0e} to {self.after:.0e}"


class Parting:
    """One place where two traces part: the wrong tensors and the frontier of each side."""

    def __init__(
        self,
        alignment: Alignment,
        pairing: Pairing,
        wrong: Mapping[str, set[int]],
        frontier: Mapping[str, list[Op]],
        seed: int,
    ) -> None:
        self.alignment, self.pairing, self.wrong, self.frontier, self.seed = alignment, pairing, wrong, frontier, seed
        self.tries = 0
        self.doubtful: list[Explanation] = []
        self.meets = max(MEETS, 10.0 * alignment.tolerance)

    def arrays(self, side: str, op: Op) -> dict[str, Array]:
        trace = self.alignment.side(side).trace
        found = {}
        for number, role in zip(op.inputs, op.roles, strict=True):
            value = trace.values.get(number)
            if value is None:
                raise Unknown("an input was not kept")
            found[role] = value.T if op.attrs.get("layout") == "in_out" and role == "weight" else value
        return found

    def run(self, op: Op, arrays: Mapping[str, Array], attrs: Mapping[str, Any] | None = None, kind: str = "") -> Array:
        attrs = dict(op.attrs if attrs is None else attrs)
        drawn = attrs.get("drawn")
        if drawn:
            numbers = dropout_draw(tuple(drawn), self.seed)
            attrs["uniform"] = numbers.reshape(arrays["x"].shape) if numbers.size == arrays["x"].size else numbers
        elif op.kind.startswith("dropout") and attrs.get("training"):
            attrs["uniform"] = dropout_draw((*arrays["x"].shape, 0), self.seed)
        return evaluate(kind or op.kind, arrays, attrs)

    def output(self, side: str, op: Op) -> Array:
        return self.alignment.side(side).trace.values[op.outputs[0]]

    def _whole(self, side: str, op: Op) -> Array:
        """All that an operation gives: the parts of a split in one."""
        values = self.alignment.side(side).trace.values
        found = [values[n] for n in op.outputs if n in values]
        return found[0] if len(found) == 1 else np.concatenate([v.ravel() for v in found])

    def _candidates(self, side: str, kind: str) -> list[int]:
        """Wrong tensors, and what operations of one kind made: an identity makes nothing wrong."""
        view = self.alignment.side(side)
        same = {o.outputs[0] for o in view.trace.ops if kind and o.kind == kind and o.outputs}
        return [*self.wrong[side], *(same - self.wrong[side])]

    def found(self, side: str, value: Array, kind: str = "") -> tuple[Op, float] | None:
        """The operation of ``side`` whose wrong result is this value, and how close."""
        self.tries += 1
        if self.tries > LIMIT:
            return None
        view = self.alignment.side(side)
        best: tuple[Op, float] | None = None
        for number in self._candidates(side, kind):
            other = view.trace.values.get(number)
            if other is None or other.size != value.size or number not in view.producer:
                continue
            gap = distance(value, other, layout="any", enough=self.meets)
            if gap <= self.meets and (best is None or gap < best[1]):
                best = (view.producer[number], gap)
        return best

    def _held(
        self,
        cause: str,
        text: str,
        side: str,
        op: Op,
        met: tuple[Op, float],
        result: Array | None = None,
        between: bool = False,
    ) -> Explanation:
        other, after = met
        mine = self.output(side, op) if result is None else result
        theirs = self.output(OTHER[side], other)
        before = distance(mine, theirs) if mine.shape == theirs.shape else None
        left, right = (op, other) if side == "left" else (other, op)
        values = self.alignment.side(side).trace.values
        number = next((n for n, value in values.items() if value is mine), op.outputs[0])
        joint = (number, other.outputs[0]) if side == "left" else (other.outputs[0], number)
        return Explanation(
            cause=cause, text=text, left=left, right=right, before=before, after=after, between=between, joints=(joint,)
        )

    def _sides(self) -> Iterator[tuple[str, Op]]:
        for side in ("left", "right"):
            for op in self.frontier[side][:4]:
                yield side, op

    def _try(self, side: str, op: Op, arrays: Mapping[str, Array]) -> tuple[Op, float] | None:
        try:
            return self.found(OTHER[side], self.run(op, arrays))
        except Unknown:
            return None

    def _free(self, side: str, number: int) -> bool:
        """Whether a tensor is a result or an input, not a parameter."""
        view = self.alignment.side(side)
        return number in view.live and view.trace.parameter(number) is None

    def _wrong_ops(self, side: str) -> list[Op]:
        view = self.alignment.side(side)
        return [
            o
            for o in view.trace.ops
            if o.outputs and o.outputs[0] in self.wrong[side] and o.outputs[0] in view.trace.values
        ][:12]

    def _named(self, cause: str, side: str, op: Op) -> str:
        """A factor or an exchange right before a softmax is attention's."""
        view, numbers = self.alignment.side(side), list(op.outputs)
        for _ in range(5):
            following = [o for n in numbers for o in view.consumers[n]]
            if any(o.kind in ("softmax", "log_softmax") for o in following) or "part" in op.attrs:
                return {
                    "scale.factor": "attention.scale",
                    "scale.missing": "attention.scale",
                    "operands.swapped": "attention.qk_swapped",
                    "reduce.axis": "reduce.axis",
                }.get(cause, cause)
            numbers = [
                n
                for o in following
                if o.kind
                in LAYOUT
                | {"matmul", "mask", "mul", "div", "scale", "add", "where", "masked_fill", "causal_mask", "swapaxes"}
                for n in o.outputs
            ]
        if op.kind == "getitem" and cause == "reshape.order":
            if self._after_recurrence(side, op):
                return "rnn.step"
            if op.outputs[0] not in view.fed and view.following(op.outputs[0]) == {"add"}:
                return "residual.operand"  # another part of a table is added
        return cause

    def _after_recurrence(self, side: str, op: Op) -> bool:
        view, number = self.alignment.side(side), op.inputs[0]
        for _ in range(4):
            source = view.producer.get(number)
            if source is None or source.kind in ("lstm", "gru", "rnn_tanh", "rnn_relu"):
                return source is not None
            number = source.inputs[0] if source.inputs else -1
        return False
