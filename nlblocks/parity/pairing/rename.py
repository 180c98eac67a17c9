"""Pairs by hand: what a ``rename`` hint may be, and the units that it joins."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from nlblocks.errors import InputError, meant, said
from nlblocks.parity.pairing.units import Unit
from nlblocks.parity.tracing import Trace

Rename = Mapping[str, str] | Callable[[str], str]
"""{left name or prefix: right name}, or a function from left to right parameter names."""

Alone = tuple[list[Unit], list[Unit]]
"""What has no partner, of the left and of the right."""


def check_rename(rename: Rename | None, left: Trace, right: Trace) -> None:
    """Raise InputError for a hint that is none, or names nothing."""
    if callable(rename) or rename is None:
        return
    if not isinstance(rename, Mapping) or not all(isinstance(n, str) for row in rename.items() for n in row):
        raise InputError(f"rename={said(rename)} must be a dict of names, or a function from a left to a right name")
    for side, trace, names in (("left", left, rename.keys()), ("right", right, rename.values())):
        known = {*trace.state, *trace.layers}
        for name in names:
            if name not in known and not any(other.startswith(f"{name}.") for other in known):
                rule = "give a layer, a parameter or a prefix of them"
                raise InputError(f"rename: {name!r} is nothing in the {side} model; {rule}{meant(name, known)}")


def hinted(a: Sequence[Unit], b: Sequence[Unit], rename: Rename | None) -> dict[int, int]:
    """The units that the hint joins, by their positions: the weight of one, or what it has for one, is the other's.

    What it says of other tensors moves these alone (:func:`by_hand`).
    """
    if rename is None:
        return {}
    owners: dict[str, int] = {}
    for j, other in enumerate(b):
        for ref in other.refs.values():
            owners.setdefault(str(ref), j)
    found: dict[int, int] = {}
    for i, unit in enumerate(a):
        main = unit.refs.get("weight") or next(iter(unit.refs.values()))
        place = owners.get(renamed(str(main), rename) or "")
        if place is not None and place not in found.values():
            found[i] = place
    return found


def by_hand(
    pairs: list[tuple[Unit, Unit]], alone: Alone, rename: Rename | None
) -> tuple[list[tuple[Unit, Unit]], Alone, set[str]]:
    """The pairs and what has no partner, with every tensor where the hint says, and which these are.

    Units are joined as wholes before; a tensor that the hint takes elsewhere leaves its unit, whatever has joined it.
    """
    if rename is None:
        return pairs, alone, set()
    mine, theirs = (
        {
            str(ref): (unit, role)
            for unit in (*(both[side] for both in pairs), *alone[side])
            for role, ref in unit.refs.items()
        }
        for side in (0, 1)
    )
    wanted = {name: other for name in mine if (other := renamed(name, rename)) is not None and other in theirs}
    joined = {str(ref): str(b.refs[role]) for a, b in pairs for role, ref in a.refs.items() if role in b.refs}
    moved = {name: other for name, other in wanted.items() if joined.get(name) != other}
    gone = moved.keys(), set(moved.values())
    kept: list[tuple[Unit, Unit]] = []
    single: Alone = ([], [])
    for a, b in pairs:
        a, b = _without(a, gone[0]), _without(b, gone[1])
        if a.refs.keys() & b.refs.keys():
            kept.append((a, b))
        else:
            single[0].append(a)
            single[1].append(b)
    single = (
        [rest for unit in (*single[0], *alone[0]) if (rest := _without(unit, gone[0])).refs],
        [rest for unit in (*single[1], *alone[1]) if (rest := _without(unit, gone[1])).refs],
    )
    for name, other in moved.items():
        (a, role), (b, own) = mine[name], theirs[other]
        kept.append((_single(a, role, role), _single(b, own, role)))
    return kept, single, set(wanted)


def _without(unit: Unit, gone: Collection[str]) -> Unit:
    """The unit without some of its tensors."""
    refs = {role: ref for role, ref in unit.refs.items() if str(ref) not in gone}
    return unit if len(refs) == len(unit.refs) else replace(unit, refs=refs)


def _single(unit: Unit, own: str, role: str) -> Unit:
    """A tensor of a unit as a unit."""
    return replace(unit, kind="tensor", name=str(unit.refs[own]), refs={role: unit.refs[own]})


def told(rename: Rename | None, decided: Mapping[str, str], names: Mapping[str, str], left: Trace) -> Iterator[str]:
    """What a hint did, entry by entry: how many tensors it joined, or that it joins none, and why."""
    if rename is None:
        return
    hand = [name for name in names if decided.get(name) == "rename"]
    if callable(rename):
        yield f"rename= joins {len(hand)} of {len(names)} pairs of tensors"
        return
    for key, value in rename.items():
        own = [name for name in hand if _part(name, key)]
        held = [name for name in left.state if _part(name, key)]
        if own:
            yield f"rename= joins {key} to {value} ({len(own)} of {len(held)} tensors)"
        else:
            why = "no operation computes with both" if held else "the left has no parameter there"
            yield f"rename= joins nothing of {key} to {value}: {why}"


def _part(name: str, key: str) -> bool:
    """Whether a tensor, or rows of it, is what an entry names."""
    return name == key or name.startswith((f"{key}.", f"{key}["))


def renamed(name: str, rename: Rename) -> str | None:
    """What a hint makes of the left's name; None where it says nothing of it."""
    if callable(rename):
        try:
            return rename(name)
        except Exception as error:
            raise InputError(f"rename({name!r}) raises {type(error).__name__}: {error}") from None
    if name in rename:
        return rename[name]
    prefix = max((key for key in rename if name.startswith(f"{key}.")), key=len, default=None)
    return None if prefix is None else (rename[prefix] + name[len(prefix) :]).lstrip(".")
