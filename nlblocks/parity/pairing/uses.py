"""What the operations around a unit are: what comes of its result, and what its input comes from, some steps far."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nlblocks.parity.pairing.flow import Palette
from nlblocks.parity.pairing.units import JOINED, Unit
from nlblocks.parity.tracing import Op, TraceGraph, vocabulary

STEPS = 6
"""Operations, beside those that only move elements, that are looked at in each direction."""
COMMUTATIVE = {"add", "mul", "maximum", "minimum"}
"""Kinds whose operands may change places."""
PASSED = vocabulary.LAYOUT | vocabulary.DROPOUTS
"""Kinds that frameworks use differently, and that are looked through."""


class Uses:
    """Colours of the operations around the units of one side; equal ones are used alike, as far as is looked."""

    def __init__(self, graph: TraceGraph, units: Sequence[Unit], palette: Palette) -> None:
        self._graph, self._units, self._palette = graph, units, palette
        self._known: dict[tuple[bool, int, int], int] = {}

    def of(self, place: int) -> tuple[int, int]:
        unit = self._units[place]
        return self._ahead(unit.output, STEPS), -1 if unit.source is None else self._behind(unit.source, STEPS)

    def beside(self, place: int) -> tuple[str, str] | None:
        """Where a unit's result, and no other's, comes to lie among those that it is put beside; None where nowhere."""
        number = self._units[place].output
        for _ in range(STEPS):
            users = list(self._consumers(number))
            if len(users) != 1 or users[0][0].kind in COMMUTATIVE or len(users[0][0].outputs) != 1:
                return None
            (op, role) = users[0]
            if op.kind in JOINED:
                return op.kind, role
            number = op.outputs[0]
        return None

    def _ahead(self, number: int, steps: int) -> int:
        key = (True, number, steps)
        if key not in self._known:
            found = []
            for op, role in self._consumers(number) if steps else ():
                into = "" if op.kind in COMMUTATIVE else role
                found.append(self._palette.of(op.kind, into, *(self._ahead(n, steps - 1) for n in op.outputs)))
            self._known[key] = self._palette.of("ahead", tuple(sorted(found)))
        return self._known[key]

    def _behind(self, number: int, steps: int) -> int:
        key = (False, number, steps)
        if key not in self._known:
            op = self._graph.producer.get(self._graph.source(number))
            found = [self._behind(n, steps - 1) for n in op.inputs] if op is not None and steps else []
            ordered = sorted(found) if op is not None and op.kind in COMMUTATIVE else found
            self._known[key] = self._palette.of("behind", "" if op is None else op.kind, tuple(ordered))
        return self._known[key]

    def _consumers(self, number: int) -> Iterator[tuple[Op, str]]:
        """The operations that a tensor goes into, however it is laid out before, and in which role."""
        stack = [number]
        while stack:
            tensor = stack.pop()
            for op in self._graph.consumers[tensor]:
                if op.kind in PASSED:
                    stack += op.outputs
                else:
                    yield from ((op, role) for n, role in zip(op.inputs, op.roles, strict=True) if n == tensor)
