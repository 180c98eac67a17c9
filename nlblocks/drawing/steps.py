"""A trace as the steps that compute something: what moves elements, holds a constant or changes nothing is left out.

The steps are the same whatever framework ran the block: they are found by what an operation does to its tensors, in
the lab's vocabulary, and where that leaves a choice by the values of the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from nlblocks.numerics import distance, tolerance
from nlblocks.parity.tracing import Op, Trace, TraceGraph, vocabulary

MOVING = vocabulary.LAYOUT | {"moveaxis", "pad"}
"""Kinds that move elements, or put constants or copies beside them."""
NEUTRAL = {"add", "sub", "mul", "div", "pow", "scale", "where", "masked_fill"}
"""Kinds that may change nothing, with a constant: a division by 1, a mask on what is 0 already."""
SAME = {"amax": "max", "amin": "min"}
"""Kinds that compute the same and differ in their gradients."""
JOINED = {"add", "mean"}
"""Kinds of which one after another are one: a sum of three, a mean over two axes."""
NUMBERS = ("x", "other")
"""The roles in which an operation takes a number for a tensor."""


@dataclass(frozen=True, slots=True)
class Use:
    """A tensor that a step reads: the ``source`` that a step made, and the tensor ``read``, laid out as it needs it.

    ``part`` says which part of the source it is, where it is not all of it; ``role`` what it is to the step.
    """

    source: int
    read: int
    part: str = ""
    role: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One operation that computes something, on tensors and parameters.

    ``number`` is one that it takes beside, ``bounds`` are those that the conditions it obeys compare with.
    """

    kind: str
    scope: str
    leaf: bool
    uses: tuple[Use, ...]
    params: tuple[Use, ...]
    attrs: Mapping[str, Any]
    output: int
    number: float | None = None
    bounds: tuple[float, ...] = ()

    def operand(self, role: str) -> Use | None:
        """The tensor or parameter in a role."""
        return next((use for use in (*self.uses, *self.params) if use.role == role), None)


class Steps:
    """The steps of a trace that kept its values, in order, and the tensors between them."""

    def __init__(self, trace: Trace) -> None:
        self.trace, self.graph = trace, TraceGraph(trace)
        self.steps: list[Step] = []
        self._views: dict[int, tuple[int, str]] = {}  # a tensor that is another, moved: the other, and which part
        self._conditions: dict[int, tuple[int, ...]] = {}  # a tensor of truths: the tensors that were compared
        self._bounds: dict[int, tuple[float, ...]] = {}  # and the numbers that they were compared with
        self._places: dict[int, int] = {}  # where a tensor is largest: that tensor
        needed = self._needed()
        for op in trace.ops:
            if needed.intersection(op.outputs):
                self._read(op)
        self.outputs = {name: self.use(number) for name, number in trace.outputs.items()}

    def use(self, number: int, role: str = "") -> Use:
        """A tensor as a step uses it: what it was before it was moved, and before it was repeated to fit another."""
        source, part = number, ""
        read: int | None = None
        while source in self._views:
            op = self.graph.producer[source]
            if read is None and op.kind != "expand":
                read = source
            source, said = self._views[source]
            part = part or said
        return Use(source, source if read is None else read, part, role)

    def made_by(self, number: int) -> Step | None:
        """The step that made a tensor; None for inputs and parameters."""
        return next((step for step in self.steps if step.output == number), None)

    def _needed(self) -> set[int]:
        """The tensors that an output depends on."""
        found, queue = set[int](), list(self.trace.outputs.values())
        while queue:
            number = queue.pop()
            if number not in found:
                found.add(number)
                op = self.graph.producer.get(number)
                queue += op.inputs if op is not None else ()
        return found

    def _read(self, op: Op) -> None:
        live = [number for number in op.inputs if number in self.graph.live]
        if not live:
            return  # a constant
        output = op.outputs[0]
        if self._is_condition(op, live):
            known = [self._conditions.get(number, (number,)) for number in live]
            self._conditions[output] = tuple(number for numbers in known for number in numbers)
            bounds = [bound for number in live for bound in self._bounds.get(number, ())]
            self._bounds[output] = (*bounds, *(op.attrs[role] for role in NUMBERS if _is_number(op.attrs.get(role))))
        elif op.kind in MOVING:
            for index, number in enumerate(op.outputs):
                self._views[number] = live[0], f"{index + 1} of {len(op.outputs)}" if len(op.outputs) > 1 else ""
        elif op.kind == "argmax":
            self._places[output] = live[0]
        elif self._neutral(op, live):
            self._views[output] = live[0], ""
        else:
            self._step(op, live)

    def _is_condition(self, op: Op, live: list[int]) -> bool:
        """Whether an operation says what holds of numbers, or writes that as numbers."""
        truths = self.trace.values[op.outputs[0]].dtype.kind == "b"
        return truths or (op.kind == "cast" and live[0] in self._conditions)

    def _neutral(self, op: Op, live: list[int]) -> bool:
        """Whether an operation gives the one tensor that is no constant as it was, but for rounding."""
        if op.kind not in NEUTRAL or len(live) != 1 or self.trace.parameter(live[0]) is not None:
            return False
        before, after = self.trace.values[live[0]], self.trace.values[op.outputs[0]]
        return before.shape == after.shape and distance(before, after) <= tolerance.EQUAL

    def _step(self, op: Op, live: list[int]) -> None:
        kind, uses, params = SAME.get(op.kind, op.kind), list[Use](), list[Use]()
        for role, number in zip(op.roles, op.inputs, strict=True):
            for source in self._conditions.get(number, (number,)):
                if source not in self.graph.live or source in self._places:
                    continue
                use = self.use(source, role)
                (uses if self.trace.parameter(use.source) is None else params).append(use)
        if op.kind == "take_along_axis" and op.inputs[1] in self._places:
            kind = "max"
        if kind == "where" and len(live) == 1:
            kind = "masked_fill"
        if kind == "where":
            uses = list({use.source: use for use in uses}.values())
        step = Step(
            kind=kind, scope=op.scope, leaf=op.leaf, uses=tuple(uses), params=tuple(params), attrs=op.attrs,
            output=op.outputs[0], number=number_of(op),
            bounds=tuple(bound for source in live for bound in self._bounds.get(source, ())),
        )  # fmt: skip
        self.steps.append(self._joined(step))

    def _joined(self, step: Step) -> Step:
        """A mean of a mean is one mean, a sum of sums one sum: what is used here alone is taken into the step."""
        if step.kind not in JOINED or step.number is not None or step.params:
            return step
        uses: list[Use] = []
        for use in step.uses:
            inner = self.made_by(use.read) if len(self.graph.consumers[use.read]) == 1 else None
            if inner is not None and inner.kind == step.kind and not inner.params and inner.number is None:
                self.steps.remove(inner)
                uses += inner.uses
            else:
                uses.append(use)
        return replace(step, uses=tuple(uses))


def number_of(op: Op) -> float | None:
    """The number that an operation takes in the place of a tensor, if it does."""
    return next((op.attrs[role] for role in NUMBERS if _is_number(op.attrs.get(role))), None)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
