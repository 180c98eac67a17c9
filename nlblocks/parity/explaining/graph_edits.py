"""Hypotheses about how operations are put together: one missing, two exchanged, values moved or scaled."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from nlblocks.backend import Array
from nlblocks.numerics import distance
from nlblocks.parity.explaining.hypothesis import OTHER, Explanation, Parting
from nlblocks.parity.formulas.formula import Unknown
from nlblocks.parity.tracing.trace import Op
from nlblocks.parity.tracing.vocabulary import ACTIVATIONS, AFFINE, LAYOUT, NORMALISATIONS

ARRANGING = LAYOUT | {"cat", "stack", "flip", "roll"}
"""Kinds that pick elements and put them together."""
MASKED = -50.0
"""What is added to a score to hide it is at most this: exp(-50) is less than rounding in any sum."""


class Structure(Parting):
    """The two sides are built differently."""

    def _missing(self) -> Iterator[Explanation]:
        """One side does something more before going on as the other does: the least that explains it."""
        found: list[tuple[int, Explanation]] = []
        for side in ("left", "right"):
            other = OTHER[side]
            view = self.alignment.side(side)
            made = sorted(n for n in self.wrong[side] if n in view.producer and n in view.trace.values)
            found += [(0, held) for held in self._missing_at_end(side, made)]
            for op in self.frontier[other][:4]:
                try:
                    arrays = self.arrays(other, op)
                except Unknown:
                    continue
                free = [(r, n) for r, n in zip(op.roles, op.inputs, strict=True) if self._free(other, n)]
                for (role, _), extra in itertools.product(free, made[:40]):
                    held = self._with(side, op, arrays, role, extra)
                    if held is not None:
                        found.append(held)
        yield from (held for _, held in sorted(found, key=lambda item: item[0]))

    def _with(
        self, side: str, op: Op, arrays: Mapping[str, Array], role: str, extra: int
    ) -> tuple[int, Explanation] | None:
        """The other side's operation on a tensor of this side."""
        view = self.alignment.side(side)
        value = view.trace.values[extra]
        if value.size != arrays[role].size:
            return None
        try:
            result = self.run(op, {**arrays, role: value.reshape(arrays[role].shape)})
        except Unknown:
            return None
        met = self.found(side, result)
        if met is None or met[0].index <= view.producer[extra].index:
            return None
        chain = self._chain(side, extra)
        start = set(self.alignment.partners(OTHER[side]).get(op.inputs[op.roles.index(role)], ()))
        return sum(o.kind not in LAYOUT for o in chain), self._lacking(
            side, extra, op, met, self.output(OTHER[side], op), op.inputs[op.roles.index(role)], start
        )

    def _missing_at_end(self, side: str, made: Sequence[int]) -> Iterator[Explanation]:
        """The other side stops where this one does something more."""
        other = OTHER[side]
        theirs = set(self.alignment.side(other).trace.outputs.values())
        ends = [n for n in self.alignment.side(side).trace.outputs.values() if n in self.wrong[side]]
        for number in theirs:
            if self.alignment.known(other, number) and ends and not self.frontier[other]:
                last = self.alignment.side(side).producer[ends[0]]
                yield self._lacking(side, last.outputs[0], None, (last, 0.0), None, number, {number})

    def _lacking(
        self,
        side: str,
        extra: int,
        op: Op | None,
        met: tuple[Op, float],
        now: Array | None,
        taken: int,
        start: set[int],
    ) -> Explanation:
        """The operations that lead to ``extra`` are missing on the other side, where ``taken`` is used.

        ``start`` are the partners of the tensor that the other side goes on with.
        """
        chain = self._chain(side, extra)
        first = chain[0]
        path = self._path(side, chain, start)
        computing = [o for o in path if o.kind not in LAYOUT and not self._spreads(side, o)]
        cause = self._missing_cause(side, computing or path[:1])
        names = ", ".join(dict.fromkeys(str(o) for o in chain))
        text = f"{names} on the {side} has no counterpart on the {OTHER[side]}: with it added"
        before = (
            distance(now, self.output(side, met[0]))
            if now is not None and now.shape == self.output(side, met[0]).shape
            else None
        )
        left, right = (first, op) if side == "left" else (op, first)
        joints = [(extra, taken)] if op is None else [(extra, taken), (met[0].outputs[0], op.outputs[0])]
        return Explanation(
            cause=cause, text=text, left=left, right=right, before=before, after=met[1], between=True,
            joints=tuple(joints if side == "left" else [(b, a) for a, b in joints]),
            extra=side,
        )  # fmt: skip

    def _chain(self, side: str, number: int) -> list[Op]:
        """The wrong operations that lead to a tensor, in order."""
        view = self.alignment.side(side)
        found: dict[int, Op] = {}
        stack = [number]
        while stack:
            op = view.producer.get(stack.pop())
            if op is None or op.index in found:
                continue
            found[op.index] = op
            stack += [n for n in op.inputs if n in self.wrong[side]]
        return [found[index] for index in sorted(found)]

    def _path(self, side: str, chain: Sequence[Op], start: set[int]) -> Sequence[Op]:
        """Of the operations that lead to a tensor, those that it passes: a mask that is made on the way is not one."""
        reached, path = set(start), []
        for op in chain:
            if any(n in reached for n in op.inputs):
                reached.update(op.outputs)
                path.append(op)
        return path or chain

    def _hides(self, side: str, number: int) -> bool:
        """Whether a tensor is a mask that is added to scores: nothing, or a large negative number."""
        view = self.alignment.side(side)
        value = view.trace.values.get(number)
        if value is None or number in view.fed or value.dtype.kind != "f" or not value.size:
            return False
        return bool(((value == 0) | (value <= MASKED)).all() and (value <= MASKED).any())

    def _as_many(self, kind: str) -> bool:
        """Whether both sides have as many operations of a kind from the parting on."""
        counts = [
            sum(op.kind == kind and any(n in self.wrong[side] for n in op.outputs) for op in view.trace.ops)
            for side, view in (("left", self.alignment.left), ("right", self.alignment.right))
        ]
        return counts[0] == counts[1]

    def _weights_of(self, op: Op, other: Op) -> str:
        """What two products of one tensor differ in: a weight that one side uses twice, or another weight."""
        uses = []
        for view, product in ((self.alignment.left, op), (self.alignment.right, other)):
            own = {view.source(n) for n in product.inputs} & set(view.trace.origin)
            users = [o for o in view.trace.ops if o.kind in AFFINE and own & {view.source(n) for n in o.inputs}]
            uses.append(len(users))
        return "layer.shared" if uses[0] != uses[1] else "operation.kind"

    def _spreads(self, side: str, op: Op) -> bool:
        """Whether an operation only repeats its operand: resizing one pixel."""
        values = self.alignment.side(side).trace.values
        mine, given = (values.get(numbers[0]) if numbers else None for numbers in (op.outputs, op.inputs))
        if mine is None or given is None or given.ndim != mine.ndim or given.size >= mine.size:
            return False
        return all(n in (1, m) for n, m in zip(given.shape, mine.shape, strict=True)) and (
            distance(np.broadcast_to(given, mine.shape), mine) <= self.meets
        )

    def _elsewhere(self, side: str, op: Op) -> bool:
        """Whether the other side has the same layer, later on."""
        names = self.pairing.names if side == "left" else {b: a for a, b in self.pairing.names.items()}
        mine = {self.alignment.side(side).trace.parameter(n) for n in op.inputs} - {None}
        partners = {names[name] for name in mine if name in names}
        view = self.alignment.side(OTHER[side])
        return bool(partners) and any(
            partners & {view.trace.parameter(n) for n in o.inputs}
            for o in view.trace.ops
            if set(o.outputs) & self.wrong[OTHER[side]]
        )

    def _missing_cause(self, side: str, chain: Sequence[Op]) -> str:
        if any(self._elsewhere(side, op) for op in chain):
            return "layer.order"
        if len(chain) == 1 and chain[0].kind in ACTIVATIONS and self._as_many(chain[0].kind):
            return "activation.order"
        if len(chain) > 1:
            return "layer.missing"
        op = chain[0]
        if op.kind in ACTIVATIONS or op.kind in ("clip", "softmax"):
            return "activation.missing"
        if op.kind == "cast":
            return "precision.float32"
        if op.kind == "add" and any(self._hides(side, n) for n in op.inputs):
            return "attention.mask_missing"
        if op.kind == "add" and sum(self._free(side, n) for n in op.inputs) > 1:
            return "residual.missing"
        if op.kind in ("mul", "div", "scale") and sum(self._free(side, n) for n in op.inputs) == 1:
            return self._named("scale.missing", side, op)
        named = {
            "mask": "attention.mask_missing",
            "masked_fill": "attention.mask_missing",
            "where": "attention.mask_missing",
            "causal_mask": "attention.causal",
            "dropout": "dropout.missing",
            "dropout_channels": "dropout.missing",
            "flip": "output.flipped",
            "cat": "cat.order",
            "stack": "cat.order",
            "roll": "reshape.order",
            "add": "shift.constant",
            "sub": "shift.constant",
            "detach": "gradient.detached",
        }
        return named.get(op.kind, "reshape.order" if op.kind in LAYOUT else "layer.missing")

    def _order(self) -> Iterator[Explanation]:
        """Two operations in a row, the other way round."""
        for side, op in self._sides():
            for follower in self.alignment.side(side).consumers[op.outputs[0]]:
                try:
                    mine, theirs = self.arrays(side, op), self.arrays(side, follower)
                    role = follower.roles[follower.inputs.index(op.outputs[0])]
                    first = self.run(follower, {**theirs, role: mine["x"].reshape(theirs[role].shape)})
                    result = self.run(op, {**mine, "x": first.reshape(mine["x"].shape)})
                except (Unknown, ValueError, KeyError):
                    continue
                met = self.found(OTHER[side], result)
                if met and follower.index > op.index:
                    kinds = {op.kind, follower.kind}
                    cause = "activation.order" if kinds & ACTIVATIONS else "layer.order"
                    yield self._held(
                        cause,
                        f"{op} comes before {follower} on the {side}, after it on the {OTHER[side]}",
                        side,
                        op,
                        met,
                        self.output(side, follower),
                        True,
                    )

    def _moved(self) -> Iterator[Explanation]:
        """The same values in other places."""
        for side, op in self._sides():
            value = self._whole(side, op)
            for other in self.frontier[OTHER[side]][:4]:
                theirs = self._whole(OTHER[side], other)
                if value.size != theirs.size or distance(np.sort(value.ravel()), np.sort(theirs.ravel())) > self.meets:
                    continue
                for axis in range(value.ndim):
                    if value.shape == theirs.shape and distance(np.flip(value, axis), theirs) <= self.meets:
                        gap = distance(np.flip(value, axis), theirs)
                        yield self._held("output.flipped", f"axis {axis} of {op} reversed", side, op, (other, gap))
                heads = value.ndim == theirs.ndim == 4 and value.shape != theirs.shape
                cause = "attention.heads" if heads else "reshape.order"
                yield self._held(
                    cause,
                    f"{op} gives the same values in another order than {other}: sorted",
                    side,
                    op,
                    (other, distance(np.sort(value.ravel()), np.sort(theirs.ravel()))),
                    between=True,
                )

    def _selected(self) -> Iterator[Explanation]:
        """Other elements picked, or put together, before the operations go on alike."""
        for op in self._wrong_ops("left"):
            for role, number in zip(op.roles, op.inputs, strict=True):
                chain = self._chain("left", number)
                if op.kind in ARRANGING or not chain or any(o.kind not in ARRANGING for o in chain):
                    continue
                arrays = self.arrays("left", op)
                for other in sorted(self.wrong["right"]):
                    value = self.alignment.right.trace.values.get(other)
                    if value is None or value.size != arrays[role].size:
                        continue
                    theirs = self._chain("right", other)
                    met = self._try("left", op, {**arrays, role: value.reshape(arrays[role].shape)})
                    if met and all(o.kind in ARRANGING for o in theirs):
                        cause = self._named("reshape.order", "left", chain[0])
                        yield Explanation(
                            cause=cause, text=f"{op} with what {', '.join(map(str, theirs))} on the right picks",
                            left=chain[0], right=theirs[0], before=None, after=met[1], between=True,
                        )  # fmt: skip

    def _factor(self) -> Iterator[Explanation]:
        """All values times a constant, or plus one."""
        for op in self._wrong_ops("left"):
            mine = self.output("left", op)
            for other in self._wrong_ops("right"):
                theirs = self.output("right", other)
                if (
                    mine.shape != theirs.shape
                    or mine.size < 2
                    or not np.isfinite(mine).all()
                    or not np.isfinite(theirs).all()
                ):
                    continue
                if not mine.any() or not theirs.any():
                    continue
                factor = float((mine * theirs).sum() / (mine * mine).sum())
                if abs(factor - 1) > 1e-6 and distance(mine * factor, theirs) <= self.meets:
                    cause = self._named("scale.factor", "left", op)
                    yield self._held(
                        cause,
                        f"{other} on the right is {factor:.6g} times {op} on the left: scaled by it",
                        "left",
                        op,
                        (other, distance(mine * factor, theirs)),
                        between=True,
                    )
                shift = float((theirs - mine).mean())
                if abs(shift) > 1e-6 * np.abs(mine).max() and distance(mine + shift, theirs) <= self.meets:
                    yield self._held(
                        "shift.constant",
                        f"{other} on the right is {op} on the left plus {shift:.6g}: with it",
                        "left",
                        op,
                        (other, distance(mine + shift, theirs)),
                        between=True,
                    )

    def _replaced(self) -> Iterator[Explanation]:
        """Another operation altogether, on the same input."""
        for op, other in itertools.product(self.frontier["left"][:4], self.frontier["right"][:4]):
            if op.kind == other.kind or not op.inputs or not other.inputs:
                continue
            if other.inputs[0] not in self.alignment.to_right.get(op.inputs[0], ()):
                continue
            try:
                arrays = {**self.arrays("right", other), other.roles[0]: self.arrays("left", op)[op.roles[0]]}
                met = self.found("right", self.run(other, arrays))
            except Unknown:
                continue
            if met:
                kinds = {op.kind, other.kind}
                cause = self._weights_of(op, other) if kinds <= AFFINE else "operation.kind"
                if kinds & (ACTIVATIONS | {"softmax", "log_softmax"}):
                    cause = "activation.kind"
                elif kinds & NORMALISATIONS:
                    cause = "normalisation.kind"
                elif kinds & {"mean", "sum", "max", "amax", "getitem"}:
                    cause = "reduce.kind"
                yield self._held(
                    cause,
                    f"{op} on the left, {other} on the right: the right's in place of the left's",
                    "left",
                    op,
                    met,
                    between=not (op.leaf or other.leaf),
                )
