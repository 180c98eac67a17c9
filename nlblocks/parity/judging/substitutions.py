"""Where the right model is helped over a fault, so that what comes after is judged on what the left computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from nlblocks.backend import Array
from nlblocks.parity.explaining import Located
from nlblocks.parity.judging.attributes import same_mistake
from nlblocks.parity.pairing import Pairing
from nlblocks.parity.tracing import Op, Trace, vocabulary

OPERANDS = {"momentum", "x", "other"}
"""Attributes that are not set by their names: an operand may stand on either side, momentum is written in two ways."""


@dataclass(slots=True)
class Substitutions:
    """What the right takes from the left: attributes by site, results and gradients by spot (the right's: the left's).

    ``constants`` are results of the right that hold one number, by spot.
    Spots and sites hold in every run of a model, in evaluation as in training. ``faulty`` are the sites of the
    operations that were gone over, on each side, and ``touched`` the left's parameters and inputs ("input:0") that they
    use: their gradients differ because of faults that are known.
    """

    attributes: dict[str, dict[str, float]] = field(default_factory=dict)
    values: dict[vocabulary.Spot, vocabulary.Spot] = field(default_factory=dict)
    gradients: dict[vocabulary.Spot, vocabulary.Spot] = field(default_factory=dict)
    constants: dict[vocabulary.Spot, Array] = field(default_factory=dict)
    faulty: dict[str, set[str]] = field(default_factory=lambda: {"left": set(), "right": set()})
    touched: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.attributes or self.values or self.gradients or self.constants)

    def given(self, left: Trace) -> vocabulary.Given | None:
        """For a run of the right beside a run of the left whose values were kept."""
        if not self:
            return None
        numbers = {(op.site, i): n for op in left.ops if op.site for i, n in enumerate(op.outputs)}
        found = [
            {mine: kept[numbers[theirs]] for mine, theirs in spots.items() if numbers.get(theirs) in kept}
            for spots, kept in ((self.values, left.values), (self.gradients, left.grads))
        ]
        return vocabulary.Given(self.attributes, found[0] | self.constants, found[1])

    def forward(self, located: Located, pairs: Pairing, outputs: list[tuple[str, str]]) -> str | None:
        """Help over a difference in the forward pass: "" where that is possible, what goes unjudged, or None."""
        left, right = located.alignment.left.trace, located.alignment.right.trace
        if located.found is not None and located.found.constants:
            return "" if self._constants(right, located.found.constants) else None
        if self._attributes(located, pairs):
            return ""
        for mine, theirs, skipped in _candidates(located, pairs, outputs):
            spots = left.spot(mine), right.spot(theirs)
            if spots[0] is None or spots[1] is None or spots[1] in self.values:
                continue
            if left.values[mine].shape == right.values[theirs].shape:
                self.values[spots[1]] = spots[0]
                self._inputs(located, mine, theirs)
                self._beside(located, (mine, theirs))
                return skipped
        return None

    def _beside(self, located: Located, replaced: tuple[int, int]) -> None:
        """What the explanation says is to be the same beside the tensors that were replaced."""
        found = located.found
        for mine, theirs in found.also if found is not None and replaced in found.joints[:1] else ():
            spots = located.alignment.left.trace.spot(mine), located.alignment.right.trace.spot(theirs)
            if spots[0] is not None and spots[1] is not None:
                self.values[spots[1]] = spots[0]

    def backward(self, left: Trace, right: Trace, numbers: tuple[int, int]) -> bool:
        """Help over a gradient that differs."""
        spots = left.spot(numbers[0]), right.spot(numbers[1])
        if spots[0] is None or spots[1] is None or spots[1] in self.gradients or numbers[0] not in left.grads:
            return False
        self.gradients[spots[1]] = spots[0]
        return True

    def _constants(self, right: Trace, constants: Sequence[vocabulary.Constant]) -> bool:
        """The right is given constants of the left's: nothing else is, and all that they touch is judged.

        False where it was given them before, to no avail, or others in their place.
        """
        numbers = {(op.site, place): n for op in right.ops for place, n in enumerate(op.outputs)}
        before = sum(map(len, self.attributes.values())) + len(self.constants)
        for site, where, value in constants:
            if isinstance(where, str):
                if self.attributes.setdefault(site, {}).setdefault(where, value) != value:
                    return False
                continue
            known = self.constants.setdefault((site, where), np.full_like(right.values[numbers[site, where]], value))
            if (known != value).any():
                return False
        return sum(map(len, self.attributes.values())) + len(self.constants) > before

    def _attributes(self, located: Located, pairs: Pairing) -> bool:
        """Numbers that differ, eps say, are set right wherever the two sides differ in the same."""
        found = located.found
        if found is None or found.left is None or found.right is None or found.left.kind != found.right.kind:
            return False
        apart = {name: v for name, v in found.left.differing(found.right).items() if name not in OPERANDS}
        if not apart or not all(type(v) in (int, float) for values in apart.values() for v in values):
            return False
        traces = located.alignment.left.trace, located.alignment.right.trace
        alike = {(found.left.index, found.right.index): (found.left, found.right)}
        for name in apart:
            others = same_mistake(*traces, pairs, found.left.kind, name)
            alike |= {(op.index, other.index): (op, other) for op, other in others}
        if found.right.site in self.attributes or not found.right.site:
            return False
        for op, other in alike.values():
            self.attributes[other.site] = {name: op.attrs[name] for name in apart if name in op.attrs}
        return True

    def _inputs(self, located: Located, mine: int, theirs: int) -> None:
        """The gradients of what the operation was given are the left's as well."""
        alignment = located.alignment
        op, other = alignment.left.producer[mine], alignment.right.producer[theirs]
        found = located.found
        sides = {"left": (op, found.left if found else None), "right": (other, found.right if found else None)}
        for side, ops in sides.items():
            self.faulty[side] |= {o.site for o in ops if o is not None and o.site}
        origins = (alignment.left.trace.origin.get(n, "") for o in sides["left"] if o is not None for n in o.inputs)
        self.touched |= {origin.removeprefix("parameter:") for origin in origins if origin}
        given = [(n, r) for n in op.inputs for r in alignment.to_right.get(n, [])[:1]]
        given += [(n, r) for r in other.inputs for n in alignment.to_left.get(r, [])[:1]]
        while given:
            number, partner = given.pop()
            spots = alignment.left.trace.spot(number), alignment.right.trace.spot(partner)
            maker = alignment.left.producer.get(number)
            if maker is not None and alignment.left.trace.lost_gradient(number):  # those of what it is made of, then
                self.touched |= {name for n in maker.inputs if (name := alignment.left.trace.parameter(n)) is not None}
                given += [(n, r) for n in maker.inputs for r in alignment.to_right.get(n, [])[:1]]
            elif spots[0] is not None and spots[1] is not None:
                self.gradients[spots[1]] = spots[0]


def _candidates(located: Located, pairs: Pairing, outputs: list[tuple[str, str]]) -> Iterator[tuple[int, int, str]]:
    """Tensors that ought to be the same, the nearest to the fault first, and what lies between it and them."""
    left, right = located.alignment.left.trace, located.alignment.right.trace
    for joint in located.found.joints if located.found is not None else ():
        yield *joint, ""
    for op, other in zip(located.frontier["left"], located.frontier["right"], strict=False):
        if op.kind == other.kind:
            yield op.outputs[0], other.outputs[0], ""
    users = users_of(right)
    for op in left.ops:
        for user in partners_by_parameter(left, op, pairs.names, users)[:1]:
            if op.inputs[0] in located.wrong["left"] and user.inputs[0] in located.wrong["right"]:
                yield op.inputs[0], user.inputs[0], f"{located.finding.where}, up to {op.scope or 'the model itself'}"
    for mine, theirs in outputs:
        yield left.outputs[mine], right.outputs[theirs], f"{located.finding.where}, up to the output {mine}".rstrip()


def users_of(trace: Trace) -> dict[str, list[Op]]:
    """The operations that use each parameter or buffer."""
    found: dict[str, list[Op]] = {}
    for op in trace.ops:
        for number in op.inputs:
            name = trace.parameter(number)
            if name is not None:
                found.setdefault(name, []).append(op)
    return found


def partners_by_parameter(left: Trace, op: Op, names: Mapping[str, str], users: Mapping[str, list[Op]]) -> list[Op]:
    """The operations of the right that use the partner of a parameter that an operation of the left uses."""
    own = (left.parameter(number) for number in op.inputs[1:])
    return next((users[names[name]] for name in own if name is not None and names.get(name) in users), [])
