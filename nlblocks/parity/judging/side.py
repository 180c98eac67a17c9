"""One side of a comparison, as the judges see it: a model that can be run again, or runs that were captured."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from nlblocks.backend import Array, State
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

    def argument(self, setting: vocabulary.Setting, value: Any) -> str:
        """How the side's code is told a setting: ``epsilon=1e-05``; "" where that is not known."""

    def holds(self, *, training: bool, dtype: str) -> bool:
        """Whether there is such a pass. A model runs any; a capture may be without."""

    def run(
        self, *, training: bool, dtype: str = "float64", keep: str = "values", given: vocabulary.Given | None = None,
        decisions: Any = None, backward: bool = True,
    ) -> Trace:  # fmt: skip
        """One pass, in training with ``backward`` if that is wanted; held to ``decisions``, if there are any."""

    def run_deciding(self, *, training: bool, dtype: str, keep: str) -> tuple[Trace, Any]:
        """One pass, and what it decides, as :meth:`decided` tells it."""

    def decided(
        self, *, training: bool, dtype: str, given: vocabulary.Given | None = None, operands: bool = False
    ) -> Any:
        """What one pass decides at thresholds and ties, as :meth:`run` takes it; of what numbers, with ``operands``."""

    def noise(
        self, *, training: bool, dtype: str, base: Trace, trials: Sequence[int],
        given: vocabulary.Given | None = None, decisions: Any = None, constants: bool = True, backward: bool = True,
        wanted: Collection[vocabulary.Key] | None = None,
    ) -> Mapping[vocabulary.Key, Array]:  # fmt: skip
        """Per element of ``base``, the largest change when all that goes in moves by one unit in the last place.

        What is ``wanted`` of it is enough, if that is told.

        What stands at a threshold or a tie is held there by ``decisions``, or falls where it falls. ``constants`` that
        a framework holds as float32 move by as much as they may be off. Gradients are left out without ``backward``.
        """

    def jump(self, *, training: bool, dtype: str, given: vocabulary.Given | None = None) -> str:
        """The first operation that jumps though it is held; "" where none is known to."""

    @property
    def trainable(self) -> bool:
        """Whether there is anything to train."""

    @property
    def asked(self) -> bool:
        """Whether the user asked for steps of training."""

    def train(self, passed: Trace | None = None) -> History | None:
        """What its steps of training leave behind; None where there are none.

        One step may be made by the gradients of a pass that is ``passed``, which has none any more.
        """

    def deciding(self, decisions: Any) -> Side:
        """The same side, all of whose runs are held to ``decisions``."""

    def redrawn(self, masks: Mapping[str, tuple[int, ...]]) -> Side:
        """The same side, its dropout masks drawn for what the other side's are drawn for."""

    def drawing(self, seed: int) -> Side | None:
        """The same side, drawing the random numbers of another seed; None where it has drawn."""
