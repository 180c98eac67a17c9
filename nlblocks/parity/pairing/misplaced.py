"""Weights that both models hold, and that a file uses in another place or the other way round.

Weights are moved by what uses them, so that a program is held to what it computes. A file has its weights and its
program in one: where they are the other model's own, one that is used otherwise is a fault, though moved it would not
show.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

from nlblocks.backend import Array, State
from nlblocks.numerics import distance
from nlblocks.numerics.tolerance import FLOAT32_EQUAL
from nlblocks.parity.pairing.units import Ref, Unit

Roles = Sequence[tuple[Ref, Ref, str, Unit, Unit]]


@dataclass(frozen=True, slots=True)
class Misplaced:
    """A weight in a ``role`` of a pair of layers: the other side has its values in the role ``there``, or turned."""

    left: Unit
    right: Unit
    role: str
    there: str

    def __str__(self) -> str:
        if self.there == self.role:
            return f"{self.role} is on the left what it is on the right, with its axes exchanged"
        return f"{self.role} is on the left what {self.there} is on the right"


def misplaced(roles: Roles, states: tuple[State, State]) -> Iterator[Misplaced]:
    """Those whose values are the other side's of another role, or turned, and not those of their own."""
    for mine, theirs, role, a, b in roles:
        own, other = mine.read(states[0]), theirs.read(states[1])
        if own.size != other.size or _constant(own) or _equal(own.reshape(-1), other.reshape(-1)):
            continue
        if own.shape == other.shape and _turned(own, other):
            yield Misplaced(a, b, role, role)
            continue
        for there, ref in b.refs.items():
            if there != role and ref.shape == theirs.shape and _equal(own, ref.read(states[1])):
                yield Misplaced(a, b, role, there)


def _turned(own: Array, other: Array) -> bool:
    """Whether one is the other with axes of one extent exchanged."""
    for order in permutations(range(own.ndim)) if own.ndim < 6 else ():
        turned = other.transpose(order)
        if turned.shape == own.shape and _equal(own, turned):
            return True
    return False


def _equal(own: Array, other: Array) -> bool:
    return distance(own, other) <= FLOAT32_EQUAL


def _constant(array: Array) -> bool:
    return array.size == 0 or bool((array == array.flat[0]).all())
