"""One run of both sides, and which runs there are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nlblocks.backend import State
from nlblocks.parity.tracing import Trace, vocabulary

OWN = "float32"
"""The dtype in which models are judged beside float64, whether their own is that or a half."""
PASSES: dict[str, tuple[bool, str]] = {
    "eval": (False, "float64"), "train": (True, "float64"), "float32": (False, OWN), "float32 train": (True, OWN),
}  # fmt: skip
"""The passes of a comparison in order, by name: (training, dtype). A model runs them, a capture holds them."""


def pass_name(training: bool, dtype: str) -> str:
    """The name of a pass in :data:`PASSES`."""
    return next(name for name, kind in PASSES.items() if kind == (training, dtype))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """One run of each side, alike but for what the right is ``given`` of the left's.

    It is judged with the gradients where it is in training, unless it is judged without its way ``back``.
    """

    left: Trace
    right: Trace
    training: bool
    dtype: str = "float64"
    given: vocabulary.Given | None = None
    back: bool = True

    @property
    def stopped(self) -> bool:
        """Whether a forward pass came to no end."""
        return self.left.stopped or self.right.stopped

    def moves_buffers(self, left: State, right: State) -> bool:
        """Whether a side's buffers are not what they were before, in its state."""
        sides = (self.left, left), (self.right, right)
        return any(
            not np.array_equal(value, before[name], equal_nan=True)
            for trace, before in sides
            for name, value in trace.buffers_after.items()
        )

    @property
    def words(self) -> str:
        """The pass as reports call it."""
        return f"the {'training' if self.training else 'evaluation'} pass in {self.dtype}"

    @property
    def failing(self) -> tuple[str, ...]:
        """The sides that raised."""
        return tuple(side for side, trace in (("left", self.left), ("right", self.right)) if trace.error)

    @property
    def errors(self) -> str:
        """What they raised, in words."""
        left, right = (trace.error.rstrip(".") for trace in (self.left, self.right))
        if left and right:
            return f"both fail: left: {left}; right: {right}"
        return f"the {self.failing[0]} fails: {left or right}"
