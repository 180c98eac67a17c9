"""A trace with fused operations written out as their steps, so that they are held against steps of the other side.

Networks become loops of cells, and cells their products and gates. Values on the way are computed by the formulas; the
results keep their numbers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from nlblocks.backend import Array
from nlblocks.parity.formulas import Unknown, evaluate
from nlblocks.parity.tracing import Op, Trace, vocabulary

AFFINE = {"weight", "bias"}
"""Operands without which a normalisation has no steps."""
CELL = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def decomposed(trace: Trace, wanted: Collection[int]) -> Trace | None:
    """The trace with the operations that are ``wanted``, by their indices, one level finer; None where none is."""
    writer = _Writer(trace)
    for op in trace.ops:
        if not (op.index in wanted and writer.write_out(op)):
            writer.ops.append(op)
    if not writer.written:
        return None
    ops = [replace(op, index=index) for index, op in enumerate(writer.ops)]
    return replace(trace, ops=ops, values=writer.values, origin=writer.origin)


class _Writer:
    """The operations and values of a trace that is written anew."""

    def __init__(self, trace: Trace) -> None:
        self.trace, self.written = trace, False
        self.ops: list[Op] = []
        self.values, self.origin = dict(trace.values), dict(trace.origin)
        used = [n for op in trace.ops for n in op.outputs]
        self.next = max([*used, *self.values, *self.origin], default=-1) + 1

    def write_out(self, op: Op) -> bool:
        """Write an operation as its steps; False, and nothing, where that cannot be."""
        known = all(number in self.values for number in (*op.inputs, *op.outputs))
        before = len(self.ops)
        try:
            if known and op.kind in vocabulary.RECURRENCES and not op.attrs.get("p"):
                self._cells(op)
            elif known and AFFINE & _operands(op.kind) <= set(op.roles) and op.kind in vocabulary.STEPS:
                self._steps(op, vocabulary.STEPS[op.kind])
            else:
                return False
        except Unknown:
            del self.ops[before:]
            return False
        self.written = True
        return True

    def _steps(self, op: Op, steps: Sequence[vocabulary.Step]) -> None:
        names = dict(zip(op.roles, op.inputs, strict=True))
        results = {f"{vocabulary.RESULT}{place or ''}": number for place, number in enumerate(op.outputs)}
        for step in steps:
            attrs = {
                name: op.attrs.get(value[1:]) if isinstance(value, str) else value for name, value in step.attrs.items()
            }
            roles = vocabulary.ROLES.get(step.kind, ("other",) if "x" in attrs else ("x", "other"))
            taken = {role: names[name] for role, name in zip(roles, step.operands, strict=False) if name in names}
            if step.kind in ("add", "mul") and len(taken) < len(step.operands):  # without a bias
                names[step.results[0]] = next(iter(taken.values()))
                continue
            numbers = tuple(results[name] if name in results else self._number() for name in step.results)
            names |= zip(step.results, numbers, strict=True)
            arrays = {role: self.values[number] for role, number in taken.items()}
            for number, value in zip(numbers, _computed(step, arrays, attrs), strict=True):
                self.values.setdefault(number, value)
            self._append(op, step.kind, taken, attrs, numbers)

    def _cells(self, op: Op) -> None:
        """A network as a loop of cells for each layer and direction."""
        taken, axis = dict(zip(op.roles, op.inputs, strict=True)), 0 if op.attrs.get("time_major") else 1
        directions = 2 if op.attrs.get("bidirectional") else 1
        sequence, ends = taken["x"], list[list[int]]()
        for layer in range(int(op.attrs["layers"])):
            parts = []
            for direction in range(directions):
                suffix = f"_l{layer}{'_reverse' if direction else ''}"
                weights = {f"{part}_l0": taken[part + suffix] for part in CELL if part + suffix in taken}
                back = bool(direction) != bool(op.attrs.get("reversed"))
                states = self._start(op, taken, sequence, axis, weights, layer * directions + direction)
                found = self._loop(op, sequence, axis, weights, states, back)
                ends.append(states)
                parts.append(found)
            last = layer == int(op.attrs["layers"]) - 1
            made = [self._joined(op, "stack", part, axis, op.outputs[0] if last and len(parts) == 1 else None)
                    for part in parts]  # fmt: skip
            whole = op.outputs[0] if last else None
            sequence = made[0] if len(made) == 1 else self._joined(op, "cat", made, 2, whole)
        for number, last_states in zip(op.outputs[1:], zip(*ends, strict=True), strict=False):
            self._joined(op, "stack", last_states, 0, number)

    def _start(
        self, op: Op, taken: Mapping[str, int], sequence: int, axis: int, weights: Mapping[str, int], place: int
    ) -> list[int]:
        """What one direction of one layer starts from."""
        hidden = self.values[weights["weight_hh_l0"]].shape[1]
        shape = self.values[sequence].shape[1 - axis], hidden
        found = []
        for role in ("state0", "state1")[: 2 if op.kind == "lstm" else 1]:
            whole = self.values.get(taken.get(role, -1))
            number = self._number()
            if whole is not None and whole.shape[1:] == shape:
                self.values[number] = whole[place]
                self._append(op, "getitem", {"x": taken[role]}, {"index": place}, (number,))
            else:
                self.values[number], self.origin[number] = np.zeros(shape), "constant:"
            found.append(number)
        return found

    def _loop(
        self, op: Op, sequence: int, axis: int, weights: Mapping[str, int], states: list[int], back: bool
    ) -> list[int]:
        """The states of all steps, in their order in the sequence; ``states`` becomes the last."""
        whole, found = self.values[sequence], list[int]()
        if whole.ndim != 3:
            raise Unknown("a sequence without a batch")
        steps = range(whole.shape[axis])
        for step in reversed(steps) if back else steps:
            x = self._number()
            self.values[x] = whole.take(step, axis)
            index = step if axis == 0 else (("slice", None, None, None), step)
            self._append(op, "getitem", {"x": sequence}, {"index": index}, (x,))
            taken = {"x": x, **{f"state{place}": number for place, number in enumerate(states)}, **weights}
            arrays = {role: self.values[number] for role, number in taken.items()}
            states[:] = [self._number() for _ in states]
            for place, number in enumerate(states):
                self.values[number] = evaluate(f"{op.kind}_cell", arrays, {"result": place})
            self._append(op, f"{op.kind}_cell", taken, {}, tuple(states))
            found.append(states[0])
        return found[::-1] if back else found

    def _joined(self, op: Op, kind: str, numbers: Sequence[int], axis: int, made: int | None) -> int:
        """Tensors put together, as a result of the operation's own where it is one."""
        result = self._number() if made is None else made
        taken = {f"x{place}": number for place, number in enumerate(numbers)}
        if made is None:
            self.values[result] = evaluate(kind, {role: self.values[n] for role, n in taken.items()}, {"axis": axis})
        self._append(op, kind, taken, {"axis": axis}, (result,))
        return result

    def _number(self) -> int:
        self.next += 1
        return self.next - 1

    def _append(self, op: Op, kind: str, taken: Mapping[str, int], attrs: Any, outputs: tuple[int, ...]) -> None:
        site = op.site if set(outputs) & set(op.outputs) else ""
        self.ops.append(
            replace(op, kind=kind, name=f"inside {op.name}", inputs=tuple(taken.values()), roles=tuple(taken),
                    attrs=dict(attrs), outputs=outputs, site=site)
        )  # fmt: skip


def _operands(kind: str) -> set[str]:
    """What the steps of a kind take."""
    return {name for step in vocabulary.STEPS.get(kind, ()) for name in step.operands}


def _computed(step: vocabulary.Step, arrays: Mapping[str, Array], attrs: Mapping[str, Any]) -> Iterator[Array]:
    """The results of a step."""
    if step.kind == "chunk":
        yield from np.split(arrays["x"], len(step.results), -1)
    else:
        yield evaluate(step.kind, arrays, attrs)
