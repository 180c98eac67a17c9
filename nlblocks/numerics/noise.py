"""The noise floor: how far each element of a run moves when all that goes in moves by one unit in the last place.

Whoever measures one runs the model again with its inputs, weights and output gradients nudged, and shows the results to
a :class:`NoiseFloor`, all together or each as soon as it is known.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nlblocks.backend import Array
from nlblocks.numerics.difference import gap
from nlblocks.numerics.tolerance import SPREAD
from nlblocks.numerics.ulp import nudged

Key = tuple[str, str]
"""(group, name) of a tensor that is compared: ("output", "output"), ("grad_params", "conv.weight")."""
Results = Mapping[Key, Array]
"""What one run is compared by."""
Floors = dict[Key, Array]
"""The noise floor of each element of each tensor, in the tensor's own units."""


class NoiseFloor:
    """The floors of one run's tensors: the largest change of each element in any of the nudged runs that were added.

    They are kept as float32: a floor needs no more digits, and there is one for every weight.
    """

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
        with np.errstate(over="ignore"):  # past float32 a change is infinite
            change = np.asarray(gap(moved, own) * weight, np.float32)
        change = np.where(np.isfinite(change), change, np.float32(0.0))
        self.floors[key] = np.maximum(self.floors[key], change) if key in self.floors else change

    def add_all(self, moved: Results, weight: float = 1.0) -> None:
        """The tensors of a nudged run."""
        for key, value in moved.items():
            self.add(key, value, weight)

    @staticmethod
    def larger(*found: Mapping[Key, Array]) -> Floors:
        """The larger floor of each element that any of these knows; of two shapes the first, they are not compared."""
        result: Floors = {}
        for floors in found:
            for key, floor in floors.items():
                own = result.setdefault(key, floor)
                if own.shape == floor.shape:
                    result[key] = np.maximum(own, floor)
        return result

    @staticmethod
    def smoothed(floor: Array) -> Array:
        """Floors in which no element is starved by chance, and none is excused by another's jump.

        A few nudges leave some elements of a tensor where they are that another rounding would move. So an element has
        at least the largest floor of the others, but no more of it than SPREAD times their median. Where most of them
        are never moved at all, those that are not have none.
        """
        moved = floor[floor > 0]
        if not moved.size:
            return floor
        middle = (moved.size - 1) // 2
        common = min(float(moved.max()), SPREAD * float(np.partition(moved, middle)[middle]))
        least = common if 2 * moved.size >= floor.size else np.where(floor > 0, common, 0.0)
        return np.maximum(floor, np.asarray(least, floor.dtype))
