"""The noise floor: how far the tensors of a run move when all that goes in moves by one unit in the last place.

Whoever measures one runs the model again with its inputs, weights and output gradients nudged, and shows the results to
a :class:`NoiseFloor`, all together or each as soon as it is known.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np

from nlblocks.backend import Array
from nlblocks.numerics.difference import furthest
from nlblocks.numerics.tolerance import CEILING, RATIO
from nlblocks.numerics.ulp import nudged

Key = tuple[str, str]
"""(group, name) of a tensor that is compared: ("output", "output"), ("grad_params", "conv.weight")."""
Results = Mapping[Key, Array]
"""What one run is compared by."""
Floors = dict[Key, float]
"""The noise floor of each tensor, in the tensor's own units."""


class NoiseFloor:
    """The floors of one run's tensors: the largest change of each in any of the nudged runs that were added."""

    nudged = staticmethod(nudged)

    def __init__(self, base: Results) -> None:
        self.base = base
        self.floors: Floors = {}

    def add(self, key: Key, moved: Array, weight: float = 1.0) -> None:
        """One tensor of a nudged run; ``weight`` is what its change counts.

        What the run itself does not have alike (another shape, no floats) has no floor. A change that is NaN or
        infinite is no rounding, and excuses nothing.
        """
        own = self.base.get(key)
        if own is None or moved.shape != own.shape or not moved.size or moved.dtype.kind not in "fc":
            return
        change = furthest(moved, own) * weight
        self.floors[key] = max(self.floors.get(key, 0.0), change if math.isfinite(change) else 0.0)

    def add_all(self, moved: Results, weight: float = 1.0) -> None:
        """The tensors of a nudged run."""
        for key, value in moved.items():
            self.add(key, value, weight)

    @staticmethod
    def larger(*found: Mapping[Key, float]) -> Floors:
        """The largest floor of each tensor that any of these knows."""
        return {key: max(other.get(key, 0.0) for other in found) for floors in found for key in floors}

    @staticmethod
    def capped(floors: Mapping[Key, float], runs: Iterable[Results]) -> Floors:
        """The floors, so lowered that none excuses more than CEILING of the largest value in its group in any run.

        Without it a backend that is random or chaotic raises its own floor until anything passes. It is not for runs in
        which rounding breaks ties, as in float32 and on tie-rich inputs: there a gradient moves as far as it likes.
        """
        largest: dict[str, float] = defaultdict(float)
        for run in runs:
            for (group, _), value in run.items():
                largest[group] = max(largest[group], float(np.abs(value).max(initial=0.0)))
        return {key: min(floor, CEILING / RATIO * largest[key[0]]) for key, floor in floors.items()}
