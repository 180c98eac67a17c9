"""Tensors that the pairing of units leaves over: a layer that is written by hand is several units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from nlblocks.parity.pairing.names import likeness
from nlblocks.parity.pairing.units import Ref, Unit

Units = dict[int, Unit]
"""The units of a side by position."""


@dataclass(frozen=True, slots=True)
class _Loose:
    """A tensor without a partner: of which unit, and in which role; a ``raw`` one is no layer's."""

    place: int
    role: str
    ref: Ref
    raw: bool

    def meets(self, other: _Loose) -> bool:
        """Whether two may be one: of a size, and one of them is no layer's."""
        alike = self.ref.fits(other.ref) and self.ref.buffer == other.ref.buffer
        return alike and (self.raw or other.raw)


def pair_loose(a: Units, b: Units, matches: Mapping[int, int]) -> list[tuple[Unit, Unit]]:
    """Take such tensors out of the units, and pair them: by name, and of equal likeness in the order of use.

    What one side does with a tensor and the other does not, their results tell.
    """
    mine = list(_loose(a, b, matches))
    theirs = list(_loose(b, a, {j: i for i, j in matches.items()}))
    ranked = sorted(
        (-likeness(one.ref.name, other.ref.name), i, j)
        for i, one in enumerate(mine)
        for j, other in enumerate(theirs)
        if one.meets(other)
    )
    found: dict[int, int] = {}
    for _, i, j in ranked:
        if i not in found and j not in found.values():
            found[i] = j
    return [_pair(a, b, mine[i], theirs[j]) for i, j in sorted(found.items())]


def _loose(units: Units, others: Units, partners: Mapping[int, int]) -> Iterator[_Loose]:
    """In the order of use. Roles of what is no layer tell the order alone: of another size they join nothing."""
    for place, unit in units.items():
        known = others[partners[place]].refs if place in partners else {}
        for role, ref in unit.refs.items():
            raw = unit.kind == "tensor"
            if role not in known or (raw and not known[role].fits(ref)):
                yield _Loose(place, role, ref, raw)


def _pair(a: Units, b: Units, mine: _Loose, theirs: _Loose) -> tuple[Unit, Unit]:
    """Two tensors as units, in the role that a layer has for them."""
    role = theirs.role if mine.raw else mine.role
    return _taken(a, mine, role), _taken(b, theirs, role)


def _taken(units: Units, loose: _Loose, role: str) -> Unit:
    """A tensor as a unit. The unit that it was of is without it, and gone with its last."""
    unit = units.pop(loose.place)
    rest = {name: ref for name, ref in unit.refs.items() if name != loose.role}
    if rest:
        units[loose.place] = replace(unit, refs=rest)
    return replace(unit, kind="tensor", name=loose.ref.name, refs={role: loose.ref})
