"""Pairs by hand: what a ``rename`` hint may be, and the units that it joins."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches

from nlblocks.errors import InputError
from nlblocks.parity.pairing.units import Unit
from nlblocks.parity.tracing import Trace

Rename = Mapping[str, str] | Callable[[str], str]
"""{left name or prefix: right name}, or a function from left to right parameter names."""


def check_rename(rename: Rename | None, left: Trace, right: Trace) -> None:
    """Raise InputError for a hint that is none, or names nothing."""
    if callable(rename) or rename is None:
        return
    if not isinstance(rename, Mapping) or not all(isinstance(n, str) for row in rename.items() for n in row):
        raise InputError(f"rename={rename!r} must be a dict of names, or a function from a left to a right name")
    for side, trace, names in (("left", left, rename.keys()), ("right", right, rename.values())):
        known = {*trace.state, *trace.layers}
        for name in names:
            if name not in known and not any(other.startswith(f"{name}.") for other in known):
                near = get_close_matches(name, known, 3)
                hint = f"did you mean {', '.join(near)}?" if near else "give a layer, a parameter or a prefix of them"
                raise InputError(f"rename: {name!r} is nothing in the {side} model; {hint}")


def hinted(a: Sequence[Unit], b: Sequence[Unit], rename: Rename | None) -> dict[int, int]:
    """The units that the hint joins, by their positions: one of their parameters is renamed to one of the other's."""
    if rename is None:
        return {}
    owners: dict[str, int] = {}
    for j, other in enumerate(b):
        for ref in other.refs.values():
            owners.setdefault(str(ref), j)
    found = {}
    for i, unit in enumerate(a):
        places = [owners[name] for ref in unit.refs.values() if (name := renamed(str(ref), rename)) in owners]
        if places:
            found[i] = min(places)
    return found


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
