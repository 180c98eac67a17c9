"""Whether two models decide by other rules: otherwise on the same numbers, where float64 has no such numbers.

``x >= 1`` and ``x > 1`` are the same in float64 where no x is 1; in float32 some are. Rounding has no part in that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from nlblocks.backend import Array
from nlblocks.numerics import distance
from nlblocks.numerics.tolerance import EQUAL


def other_rules(own: tuple[Any, Any], exact: tuple[Any, Any]) -> bool:
    """Whether a decision of the left is made otherwise by each of its partners, of numbers that are equal to the bit.

    ``own`` are the decisions of both sides in a lesser dtype, ``exact`` those in float64, by which partners are told:
    there they make the same integers, or the contrary truth values, of the same numbers.
    """
    for site in own[0].operands:
        partners = list(_partners(site, exact))
        if partners and all(_apart(site, other, own, contrary) for other, contrary in partners):
            return True
    return False


def _partners(site: str, exact: tuple[Any, Any]) -> Iterator[tuple[str, bool]]:
    """The sites of the right that decide as one of the left does, and whether they say the contrary."""
    given, mine = exact[0].operands.get(site, ()), _result(exact[0].kept, site)
    for other, theirs in exact[1].operands.items():
        if not given or [a.shape for a in given] != [b.shape for b in theirs]:
            continue
        if any(distance(a, b) > EQUAL for a, b in zip(given, theirs, strict=True)):
            continue
        found = _result(exact[1].kept, other)
        if np.array_equal(mine, found):
            yield other, False
        elif mine.dtype == found.dtype == np.bool_ and np.array_equal(mine, ~found):
            yield other, True


def _apart(site: str, other: str, own: tuple[Any, Any], contrary: bool) -> bool:
    """Whether two results differ somewhere where all that they are made of is equal."""
    given, theirs = own[0].operands[site], own[1].operands.get(other, ())
    mine, found = _result(own[0].kept, site), _result(own[1].kept, other)
    if mine.shape != found.shape or [a.shape for a in given] != [b.shape for b in theirs]:
        return False
    equal = [a == b for a, b in zip(given, theirs, strict=True)]
    if mine.shape == np.broadcast_shapes(*(a.shape for a in given)):
        same = np.logical_and.reduce([np.broadcast_to(one, mine.shape) for one in equal])
    else:
        same = np.broadcast_to(all(one.all() for one in equal), mine.shape)
    return bool((mine != (~found if contrary else found))[same].any())


def _result(kept: Mapping[str, Any], site: str) -> Array:
    """What was decided at a site: the first integers of what it gave, or how often a divisor is in it."""
    found = (kept[key] for key in (f"{site}:0", f"{site}:1", f"{site}:", site) if key in kept)
    return next((np.asarray(one) for one in found if isinstance(one, np.ndarray | bool | int)), np.zeros(0))
