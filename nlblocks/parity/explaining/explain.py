"""Why two computations part: hypotheses, each tried in float64, until one makes the two sides meet."""

from __future__ import annotations

import nlblocks.parity.explaining.hypotheses  # noqa: F401  (registers them)
from nlblocks.numerics.tolerance import HELPS
from nlblocks.parity.explaining.hypothesis import Explanation, Hypothesis
from nlblocks.parity.explaining.registry import hypothesis


def explain(at: Hypothesis) -> Explanation | None:
    """The first hypothesis that holds."""
    for registered in hypothesis:
        at.begin()
        for found in registered.function(at):
            if found.before is None or found.after is None or found.after <= HELPS * found.before:
                return found
    return None
