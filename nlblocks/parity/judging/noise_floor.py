"""How far rounding alone moves a side's tensors: measured where it is needed, and once."""

from __future__ import annotations

from collections.abc import Mapping

from nlblocks.numerics import NoiseFloor
from nlblocks.parity.judging.passes import Pass
from nlblocks.parity.judging.side import Side
from nlblocks.parity.tracing import vocabulary


class SideFloors:
    """The noise floors of one side, by mode and dtype; more nudges are added to those already made."""

    def __init__(self) -> None:
        self._measured: dict[tuple[bool, str], tuple[int, Mapping[vocabulary.Key, float]]] = {}

    def of(self, side: Side, runs: Pass, *, right: bool, nudges: int) -> Mapping[vocabulary.Key, float]:
        """The floors after so many nudges of one side of a pass."""
        key = (runs.training, runs.dtype)
        done, floor = self._measured.get(key, (0, {}))
        if done < nudges:
            more = side.noise(
                training=runs.training, dtype=runs.dtype, base=runs.right if right else runs.left,
                trials=range(done, nudges), given=runs.given if right else None,
            )  # fmt: skip
            floor = NoiseFloor.larger(floor, more)
            self._measured[key] = nudges, floor
        return floor
