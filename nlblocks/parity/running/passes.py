"""How each side of a comparison is run, and one run of both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nlblocks.parity.recording.dropout import Drawn
from nlblocks.parity.recording.options import Given
from nlblocks.parity.tracing.trace import Key, Trace


@dataclass(slots=True)
class Runs:
    """How one side is run, how its noise floors are measured, and how it draws its dropout masks for another shape.

    A side without the last cannot be run in another way: its one run was captured.
    """

    run: Callable[..., Trace]
    noise: Callable[..., Mapping[Key, float]]
    redraw: Callable[[dict[str, Drawn]], bool] | None = None

    @property
    def again(self) -> bool:
        return self.redraw is not None


@dataclass(slots=True, kw_only=True)
class Pass:
    """One run of each side, alike but for what the right is ``given`` of the left's."""

    left: Trace
    right: Trace
    training: bool
    dtype: str = "float64"
    given: Given | None = None
