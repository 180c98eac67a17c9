"""Which unit of one model is which of the other: by name, by order, and by kind and shape alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from nlblocks.backend import Array
from nlblocks.parity.pairing.names import likeness, likenesses, tokens
from nlblocks.parity.pairing.units import FAMILIES, Unit

Matches = dict[int, int]
"""Positions of units of the left to those of the right."""
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
AGREES = 2.0
"""What a neighbour adds that is the other's neighbour's partner: with one on either side more than names do."""
STRANGERS = -1.0
"""Less than leaving both without a partner."""
EXACT = 250 * 250
"""Up to so many pairs the names of all are read letter by letter: it takes a few seconds. Of more, those of pairs that
are NEAR, by the letters that they share."""
NEAR, NEARER = 8, 1
"""How many units off a pair may be from where kinds and shapes alone put it: as far as names may move it. The second is
for pairs of other shapes, of which there are many and which names seldom move."""


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


def _worth(a: Unit, b: Unit, resized: bool) -> tuple[float, float]:
    """What it is worth to pair two units, and what names of full likeness add; below zero it must not be."""
    (kind, shape), (other_kind, other_shape) = a.signature, b.signature
    related = kind in FAMILIES and FAMILIES[kind] == FAMILIES.get(other_kind)
    if shape == other_shape:
        if kind == other_kind:
            return TWINS
        if "tensor" in (kind, other_kind) and a.buffers == b.buffers:
            return UNBOUND
        if related:
            return RELATED
    elif resized and (kind == other_kind or (related and len(shape) == len(other_shape))):
        return RESIZED
    return STRANGERS, 0.0


def in_order(
    a: Sequence[Unit],
    b: Sequence[Unit],
    rows: Sequence[int],
    columns: Sequence[int],
    *,
    named: bool,
    resized: bool = True,
    agreeing: Mapping[tuple[int, int], float] = MappingProxyType({}),
) -> Matches:
    """The pairs of these units that keep the order of both sides and have the greatest total worth.

    Where they are ``named`` alike, only those of one name; of another shape only where they may be ``resized``.
    ``agreeing`` says how much their neighbours speak for a pair.
    """
    worths = _worths([a[row] for row in rows], [b[column] for column in columns], named=named, resized=resized)
    where = {i: x for x, i in enumerate(rows)}, {j: y for y, j in enumerate(columns)}
    for (i, j), count in agreeing.items():
        if i in where[0] and j in where[1] and worths[where[0][i], where[1][j]] > 0:
            worths[where[0][i], where[1][j]] += AGREES * count
    best = _best(worths)
    found, x, y = Matches(), 0, 0
    while x < len(rows) and y < len(columns):
        if worths[x, y] > 0 and best[x, y] == worths[x, y] + best[x + 1, y + 1]:
            found[rows[x]] = columns[y]
            x, y = x + 1, y + 1
        elif best[x, y] == best[x + 1, y]:
            x += 1
        else:
            y += 1
    return found


def _worths(a: Sequence[Unit], b: Sequence[Unit], *, named: bool, resized: bool) -> Array:
    """What each pair is worth [of the left, of the right]. Of many, names are read only of those that may be pairs."""
    forms = [[(unit.signature, unit.buffers) for unit in units] for units in (a, b)]
    firsts = [dict(zip(own, units, strict=True)) for own, units in zip(forms, (a, b), strict=True)]
    places = [{form: place for place, form in enumerate(first)} for first in firsts]
    table = np.array([[_worth(left, right, resized) for right in firsts[1].values()] for left in firsts[0].values()])
    x, y = (np.array([place[form] for form in own], int) for place, own in zip(places, forms, strict=True))
    if not (len(a) and len(b)):
        return np.zeros((len(a), len(b)))
    base, gain = (table[:, :, part][np.ix_(x, y)] for part in (0, 1))
    may = base > 0
    if named:
        words = [[tokens(unit.name) for unit in units] for units in (a, b)]
        may &= np.array([[left == right for right in words[1]] for left in words[0]])
    elif base.size > EXACT:
        on_some = _on_some_best(base)
        may &= np.where(base > RESIZED[0], _around(on_some, NEAR), _around(on_some, NEARER))
        alike = likenesses([unit.name for unit in a], [unit.name for unit in b])
        return np.where(may, base + gain * alike, STRANGERS)
    worths = np.where(may, base, STRANGERS)
    for i, j in zip(*np.nonzero(may), strict=True):
        worths[i, j] += gain[i, j] * likeness(a[i].name, b[j].name)
    return worths


def _best(worths: Array) -> Array:
    """The greatest total worth of pairs from these positions on [n + 1, m + 1]."""
    n, m = worths.shape
    best = np.zeros((n + 1, m + 1))
    for x in range(n - 1, -1, -1):
        joined = np.where(worths[x] > 0, worths[x] + best[x + 1, 1:], STRANGERS)
        best[x, :m] = np.maximum.accumulate(np.maximum(best[x + 1, :m], joined)[::-1])[::-1]
    return best


def _on_some_best(base: Array) -> Array:
    """The pairs that some best order without names has."""
    after = _best(base)
    before = _best(base[::-1, ::-1])[::-1, ::-1]  # [x, y] is that of what stands before x and y
    return (base > 0) & (before[:-1, :-1] + base + after[1:, 1:] >= after[0, 0])


def _around(pairs: Array, reach: int) -> Array:
    """The pairs that lie no farther than ``reach`` units from one of these, on either side."""
    whole = np.pad(pairs.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    (top, bottom), (left, right) = (
        (np.clip(np.arange(n) - reach, 0, n), np.clip(np.arange(n) + reach + 1, 0, n)) for n in pairs.shape
    )
    upper, lower = (whole[np.ix_(row, right)] - whole[np.ix_(row, left)] for row in (top, bottom))
    return lower > upper


def leftovers(
    a: Sequence[Unit],
    b: Sequence[Unit],
    known: Mapping[int, int],
    agreeing: Mapping[tuple[int, int], float],
    *,
    named: bool,
) -> tuple[Matches, dict[int, str]]:
    """The pairs of what runs in another order, by kind and shape; and what is said of those that are but a guess."""
    found, ambiguous, taken = Matches(), dict[int, str](), set(known.values())
    for i, unit in enumerate(a):
        if i in known:
            continue
        candidates = [j for j, other in enumerate(b) if j not in taken and other.signature == unit.signature]
        if named:
            candidates = [j for j in candidates if tokens(unit.name) == tokens(b[j].name)]
        if not candidates:
            continue
        worth = {j: (agreeing.get((i, j), 0), likeness(unit.name, b[j].name)) for j in candidates}
        ranked = sorted(candidates, key=lambda j: worth[j], reverse=True)
        best, *others = ranked
        if others and worth[others[0]] == worth[best]:
            names = ", ".join(b[j].name for j in ranked)
            ambiguous[i] = f"{unit.name} could be any of {names}; taken as {b[best].name}, use rename= to say"
        found[i] = best
        taken.add(best)
    return found, ambiguous
