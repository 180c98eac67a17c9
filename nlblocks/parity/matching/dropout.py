"""Which dropout of one run is which of the other, where their axes are merged or split."""

from __future__ import annotations

import math
from collections.abc import Iterator

from nlblocks.parity.tracing import Trace

Drawn = tuple[int, ...]
"""What a mask is drawn for: its shape, and how many of that shape, its axes in any order, were drawn before."""


def dropout_partners(left: Trace, right: Trace) -> dict[str, Drawn]:
    """The right's dropouts, by site, whose axes are merged or split beside the left's: what the left's are drawn for.

    Those without a partner of the same extents are paired in order, where they have as many elements.
    """
    mine, theirs = list(_dropouts(left)), list(_dropouts(right))
    same = {key(drawn) for _, drawn in mine} & {key(drawn) for _, drawn in theirs}
    without = [drawn for _, drawn in mine if key(drawn) not in same]
    found = {}
    for site, drawn in theirs:
        if key(drawn) in same:
            continue
        partner = next((d for d in without if math.prod(d[:-1]) == math.prod(drawn[:-1])), None)
        if partner is not None:
            without.remove(partner)
            found[site] = partner
    return found


def _dropouts(trace: Trace) -> Iterator[tuple[str, Drawn]]:
    for op in trace.ops:
        if "drawn" in op.attrs:
            yield op.site, tuple(op.attrs["drawn"])


def key(drawn: Drawn) -> tuple[object, ...]:
    """What two draws that are given the same numbers have in common."""
    return drawn[-1], *sorted(extent for extent in drawn[:-1] if extent != 1)
