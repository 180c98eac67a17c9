"""Which unit of one model is which of the other: by name, by order, and by kind and shape alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from nlblocks.parity.pairing.names import likeness, tokens
from nlblocks.parity.pairing.units import Unit
from nlblocks.parity.tracing import vocabulary

Matches = dict[int, int]
"""Positions of units of the left to those of the right."""
FAMILIES = {
    **dict.fromkeys(vocabulary.NORMALISATIONS, "norm"),
    **dict.fromkeys(("conv", "linear", "conv_transpose"), "affine"),
}
"""Kinds that may stand for each other where the sizes are equal: a 1x1 convolution is a linear layer."""
NAMES_TRUSTED = 0.6
"""The share of units with the same name on both sides from which on names are trusted over order."""

TWINS = 4.0, 3.0
"""What a pair of units of one kind and shape is worth, and what names of full likeness add to it.

The alignment takes the pairs with the greatest sum. Names add less than the pair itself is worth, so that two such
pairs are never given up for one with better names.
"""
RELATED = 2.0, 3.0
"""The same of one family and size, a convolution and a linear layer: names must speak for it."""
UNBOUND = 1.5, 3.0
"""The same of a parameter that is no layer's and whatever has its size: less sure than a related layer."""
RESIZED = 0.5, 2.0
"""The same of one kind and another shape: a fault to be told, where nothing better is left."""
STRANGERS = -1.0
"""Less than leaving both without a partner."""


def same_names(a: Sequence[Unit], b: Sequence[Unit]) -> Matches:
    """Units of one name, kind and shape on both sides, if that is the rule in these two models."""
    right = {(unit.signature, tokens(unit.name)): j for j, unit in enumerate(b)}
    keys = [(unit.signature, tokens(unit.name)) for unit in a]
    found = {i: right[key] for i, key in enumerate(keys) if key in right}
    trusted = len(found) >= NAMES_TRUSTED * max(len(a), len(b)) and len(set(found.values())) == len(found)
    return found if trusted else {}


def called_alike(a: Sequence[Unit], b: Sequence[Unit]) -> bool:
    """Whether both models call all their tensors the same: then a tensor is the one of its name, and no other."""
    mine, theirs = (
        sorted((tokens(str(r)), math.prod(r.shape)) for u in side for r in u.refs.values()) for side in (a, b)
    )
    return mine == theirs and len(set(mine)) == len(mine)


def _worth(a: Unit, b: Unit) -> float:
    """What it is worth to pair two units; below zero it must not be."""
    (kind, shape), (other_kind, other_shape) = a.signature, b.signature
    if kind == other_kind:
        base, named = TWINS if shape == other_shape else RESIZED
    elif shape != other_shape:
        return STRANGERS
    elif "tensor" in (kind, other_kind) and a.buffers == b.buffers:
        base, named = UNBOUND
    elif kind in FAMILIES and FAMILIES[kind] == FAMILIES.get(other_kind):
        base, named = RELATED
    else:
        return STRANGERS
    return base + named * likeness(a.name, b.name)


def in_order(
    a: Sequence[Unit], b: Sequence[Unit], rows: Sequence[int], columns: Sequence[int], *, named: bool
) -> Matches:
    """The pairs of these units that keep the order of both sides and have the greatest total worth.

    Where they are ``named`` alike, only those of one name.
    """
    n, m = len(rows), len(columns)
    worths = [
        [STRANGERS if named and _apart(a[row], b[column]) else _worth(a[row], b[column]) for column in columns]
        for row in rows
    ]
    best = [[0.0] * (m + 1) for _ in range(n + 1)]  # from these positions on
    for x in range(n - 1, -1, -1):
        for y in range(m - 1, -1, -1):
            joined = worths[x][y] + best[x + 1][y + 1] if worths[x][y] > 0 else STRANGERS
            best[x][y] = max(best[x + 1][y], best[x][y + 1], joined)
    found, x, y = Matches(), 0, 0
    while x < n and y < m:
        if worths[x][y] > 0 and best[x][y] == worths[x][y] + best[x + 1][y + 1]:
            found[rows[x]] = columns[y]
            x, y = x + 1, y + 1
        elif best[x][y] == best[x + 1][y]:
            x += 1
        else:
            y += 1
    return found


def _apart(a: Unit, b: Unit) -> bool:
    """Whether two units have other names."""
    return tokens(a.name) != tokens(b.name)


def leftovers(
    a: Sequence[Unit], b: Sequence[Unit], known: Mapping[int, int], *, named: bool
) -> tuple[Matches, list[str]]:
    """The pairs of what runs in another order, by kind and shape; what is said where more than one partner would do."""
    found, ambiguous, taken = Matches(), [], set(known.values())
    for i, unit in enumerate(a):
        if i in known:
            continue
        candidates = [j for j, other in enumerate(b) if j not in taken and other.signature == unit.signature]
        if named:
            candidates = [j for j in candidates if not _apart(unit, b[j])]
        if not candidates:
            continue
        ranked = sorted(candidates, key=lambda j: -likeness(unit.name, b[j].name))
        best, *others = ranked
        if others and likeness(unit.name, b[others[0]].name) == likeness(unit.name, b[best].name):
            names = ", ".join(b[j].name for j in ranked)
            ambiguous.append(f"{unit.name} could be any of {names}; taken as {b[best].name}, use rename= to say")
        found[i] = best
        taken.add(best)
    return found, ambiguous
