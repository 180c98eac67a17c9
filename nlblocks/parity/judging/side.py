"""One side of a comparison, as the judges see it: a model that can be run again, or runs that were captured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from nlblocks.backend import State
from nlblocks.parity.running import History
from nlblocks.parity.tracing import Trace, vocabulary


class Side(Protocol):
    """What the judges ask of a side."""

    @property
    def title(self) -> str:
        """The model's class and framework: ``ResNet (torch)``."""

    @property
    def dtype(self) -> str:
        """The dtype of the model's floating parameters."""

    @property
    def state(self) -> State:
        """The parameters and buffers that it is run with."""

    @property
    def repeatable(self) -> bool:
        """Whether it can be run in another way. What was captured ran once."""

    def holds(self, *, training: bool, dtype: str) -> bool:
        """Whether there is such a pass. A model runs any; a capture may be without."""

    def run(
        self, *, training: bool, dtype: str = "float64", keep: str = "values", given: vocabulary.Given | None = None
    ) -> Trace:
        """One pass, with backward in training."""

    def noise(
        self, *, training: bool, dtype: str, base: Trace, trials: Sequence[int], given: vocabulary.Given | None = None
    ) -> Mapping[vocabulary.Key, float]:
        """Per tensor of ``base``, the largest change when all that goes in moves by one unit in the last place."""

    @property
    def trainable(self) -> bool:
        """Whether there is anything to train."""

    @property
    def asked(self) -> bool:
        """Whether the user asked for steps of training."""

    def train(self) -> History | None:
        """What its steps of training leave behind; None where there are none."""

    def redrawn(self, masks: Mapping[str, tuple[int, ...]]) -> Side:
        """The same side, its dropout masks drawn for what the other side's are drawn for."""
