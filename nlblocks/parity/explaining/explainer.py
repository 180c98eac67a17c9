"""The questions that a judge asks of this room: why do two runs of two models differ?"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from nlblocks.backend import Array, State
from nlblocks.numerics.tolerance import CEILING
from nlblocks.parity.explaining.gradients import GradientLocated, localise_gradient
from nlblocks.parity.explaining.localise import ROUNDING, Located, localise, not_finite
from nlblocks.parity.explaining.precision import explain_precision
from nlblocks.parity.explaining.state_after import Steps, explain_buffer, explain_training, momenta_apart
from nlblocks.parity.findings import Finding, Phase
from nlblocks.parity.pairing import Pairing
from nlblocks.parity.tracing import Op, Trace


class Explainer:
    """Explains the differences of two models whose parameters are paired, run with one seed."""

    def __init__(self, pairs: Pairing, seed: int) -> None:
        self.pairs, self.seed = pairs, seed

    def outputs(
        self,
        left: Trace,
        right: Trace,
        wrong: Sequence[tuple[str, str]],
        error: float,
        phase: Phase,
        floor: float = ROUNDING,
    ) -> Located:
        """Where forward passes part, and why; see :func:`~nlblocks.parity.explaining.localise.localise`."""
        return localise(left, right, self.pairs, wrong, error, phase, self.seed, floor)

    def not_finite(self, left: Trace, right: Trace, side: str, op: Op, phase: Phase) -> Finding:
        """The finding where an operation of one side is the first that makes NaN or infinity."""
        return not_finite(left, right, side, op, phase)

    def gradients(
        self, left: Trace, right: Trace, wrong: Collection[str], error: float, tolerance: float = CEILING
    ) -> GradientLocated | None:
        """Where backward passes part, and why; see :func:`~nlblocks.parity.explaining.gradients.localise_gradient`."""
        return localise_gradient(left, right, wrong, error, tolerance)

    def buffer(
        self, name: str, layers: tuple[str, str], values: tuple[Array, Array, Array], left: Trace, right: Trace,
        whole: Callable[[], Trace],
    ) -> list[Finding]:  # fmt: skip
        """Why a running statistic differs after one pass: the left's ``name``, its values before, of left and right.

        ``whole`` gives the left's pass with all that it computed, where that is needed.
        """
        return explain_buffer((name, self.pairs.names.get(name, name)), layers, values, left, right, whole)

    def momenta_apart(self, name: str, left: Trace, right: Trace) -> float:
        """How far apart two momenta are that are one number but for float32, in units of the way a statistic goes."""
        return momenta_apart((name, self.pairs.names.get(name, name)), left, right)

    def training(
        self, left: Sequence[State], right: Sequence[State], before: State, noise: Mapping[str, float]
    ) -> tuple[Finding | None, Steps]:
        """Why weights train apart; see :func:`~nlblocks.parity.explaining.state_after.explain_training`."""
        return explain_training(self.pairs, left, right, before, noise)

    def precision(self, phase: Phase, runs: Iterable[tuple[str, Trace, Trace]], text: str, error: float) -> Finding:
        """Where a model's own dtype goes wrong: (side, run in float64, run in its dtype), one after the other."""
        return explain_precision(phase, runs, self.pairs, text, error)
