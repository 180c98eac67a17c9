"""What is left behind after a training pass or several: why running statistics, or trained weights, differ."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nlblocks.backend import Array, State
from nlblocks.numerics import distance
from nlblocks.numerics.tolerance import HELPS
from nlblocks.parity.explaining.fit import NO_FACTOR, factor_between
from nlblocks.parity.explaining.registry import Registry
from nlblocks.parity.findings import Finding
from nlblocks.parity.pairing import Pairing
from nlblocks.parity.tracing import Op, Trace

STATISTICS_MEET = 1e-6
"""A running statistic is explained up to this share of its largest value: Paddle holds the weight of the old one as
float32."""
TRAINED = 1e-5
"""A weight that differs by more than this share of the way it went is not rounding (Paddle's float32 settings are)."""
SAME_RATIO = 1e-3
"""Steps whose lengths have the same ratio to this share of it, in the same directions, differ by the learning rate."""

# running statistics


@dataclass(frozen=True, slots=True, kw_only=True)
class BufferHypothesis:
    """What a hypothesis about a running statistic is given: its values and the batch normalisations that keep it."""

    name: str
    before: Array
    mine: Array
    theirs: Array
    traces: tuple[Trace, Trace]
    ops: tuple[Op | None, Op | None]

    @property
    def factor(self) -> float:
        """How many times as far the right's statistic went."""
        return factor_between(self.mine - self.before, self.theirs - self.before)

    @property
    def momenta(self) -> tuple[float, float] | None:
        """The two sides' weights of the new statistic, where they are known and differ."""
        op, partner = self.ops
        return op.differing(partner).get("momentum") if op is not None and partner is not None else None

    @property
    def momentum_words(self) -> str:
        if self.momenta is None:
            return f"the right moves its running statistics {self.factor:.6g} times as far as the left"
        left, right = self.momenta
        return f"momentum (weight of the new statistic): {left:.6g} on the left, {right:.6g} on the right"


BufferGuess = tuple[str, Array, str]
"""(cause, what the left would hold, words)."""
buffer_hypothesis: Registry[Callable[[BufferHypothesis], Iterator[BufferGuess]]] = Registry(
    "variance", "momentum", "momentum_and_variance"
)
"""Why running statistics differ: the first that leaves next to nothing."""


def explain_buffer(
    name: str, right_name: str, layers: tuple[str, str], before: Array, left: Trace, right: Trace, theirs: Array
) -> Finding:
    """The finding for a running statistic that differs: momentum, variance estimator, or unknown."""
    mine = left.buffers_after[name]
    gap = distance(mine, theirs)
    at = BufferHypothesis(
        name=name, before=before, mine=mine, theirs=theirs, traces=(left, right),
        ops=(_user(left, name), _user(right, right_name)),
    )  # fmt: skip
    cause, rest, text = None, None, f"{name} differs by {gap:.1e} after one pass"
    for tried, value, words in (guess for registered in buffer_hypothesis for guess in registered.function(at)):
        after = distance(value, theirs)
        if after <= STATISTICS_MEET and after <= HELPS * gap:
            cause, rest, text = tried, after, f"{words}; so the difference falls from {gap:.0e} to {after:.0e}"
            break
    return Finding(
        phase="buffers",
        place="buffers",
        layer_left=layers[0],
        layer_right=layers[1],
        cause=cause,
        explanation=text,
        error=gap,
        error_explained=rest,
    )


@buffer_hypothesis("batch_norm.variance")
def variance(at: BufferHypothesis) -> Iterator[BufferGuess]:
    """The other estimator of the variance, where the momentum is the same."""
    if at.momenta is None:
        for value, words in _estimators(at):
            yield "batch_norm.variance", value, words


@buffer_hypothesis("batch_norm.momentum")
def momentum(at: BufferHypothesis) -> Iterator[BufferGuess]:
    """Another share of the new statistic."""
    if abs(at.factor - 1) > NO_FACTOR:
        yield "batch_norm.momentum", at.before + (at.mine - at.before) * at.factor, at.momentum_words


@buffer_hypothesis("batch_norm.momentum")
def momentum_and_variance(at: BufferHypothesis) -> Iterator[BufferGuess]:
    """Both at once: the momentum is said first."""
    if at.momenta is not None:
        left, right = at.momenta
        for value, words in _estimators(at):
            moved = at.before + (value - at.before) * right / (left or 1.0)
            yield "batch_norm.momentum", moved, f"{at.momentum_words}, and {words}"


def _estimators(at: BufferHypothesis) -> Iterator[tuple[Array, str]]:
    """(what the left would hold, words) with the other estimator, by the number of values that went into it."""
    trace, op = (at.traces[0], at.ops[0]) if at.ops[0] is not None else (at.traces[1], at.ops[1])
    shape = trace.shape(op.inputs[0]) if op is not None and at.name.endswith("running_var") else None
    if op is None or shape is None:
        return
    count = math.prod(shape) // shape[1]
    keep = (1 - float(op.attrs.get("momentum", 0.1))) * at.before
    for ratio, (mine, theirs) in (
        ((count - 1) / count, ("unbiased", "biased")),
        (count / max(count - 1, 1), ("biased", "unbiased")),
    ):
        words = f"variance kept as running statistic: {mine} on the left, {theirs} on the right (N = {count})"
        yield keep + (at.mine - keep) * ratio, words


def _user(trace: Trace, name: str) -> Op | None:
    """The batch normalisation that uses a running statistic, or the first parameter operation of its layer."""
    for op in trace.ops:
        if op.kind == "batch_norm" and any(trace.parameter(n) == name for n in op.inputs):
            return op
    scope = name.rpartition(".")[0]
    return next((op for op in trace.ops if op.kind == "batch_norm" and op.scope == scope), None)


# trained weights


@dataclass(frozen=True, slots=True, kw_only=True)
class StepHypothesis:
    """What a hypothesis about training is given: the step after which weights are ``apart``, and both sides' states
    after it and before it, under the left's names.
    """

    step: int
    apart: Sequence[str]
    after: tuple[State, State]
    before: tuple[State, State]

    def moves(self, name: str) -> tuple[Array, Array]:
        """How both sides moved a tensor in this step."""
        (mine, theirs), (last_mine, last_theirs) = self.after, self.before
        return mine[name] - last_mine[name], theirs[name] - last_theirs[name]


StepGuess = tuple[str, str, str]
"""(cause, the tensor that shows it, words)."""
Steps = list[tuple[int, float, str]]
"""(step, largest difference in units of the way that a weight went, tensor)."""
step_hypothesis: Registry[Callable[[StepHypothesis], StepGuess | None]] = Registry(
    "gradients_kept", "first_step", "learning_rate", "remembered"
)
"""Why weights train apart: nothing is computed anew, the states tell; the last holds where no other does."""


def explain_training(
    pairs: Pairing, left: Sequence[State], right: Sequence[State], before: State, noise: Mapping[str, float]
) -> tuple[Finding | None, Steps]:
    """The finding for weights that train apart, None where none do; and (step, difference, tensor) up to there.

    ``noise`` is how far gradients may be apart, relative to their scale; those that are nothing else go where they
    like and are left out.
    """
    owner = {ref.name: (a, b) for ref, _, role, a, b in pairs.roles() if not role.startswith("running")}
    steps: Steps = []
    last = before, before
    for step, (mine, theirs) in enumerate(zip(left, right, strict=True), 1):
        other = pairs.mirrored(theirs, mine)
        names = [n for n in mine if n in owner and n in other and noise.get(n, 0.0) < 1.0]
        gaps = {name: _way_apart(mine[name], other[name], before[name]) for name in names}
        worst = max(gaps, key=lambda n: gaps[n], default="")
        steps.append((step, gaps.get(worst, 0.0), worst))
        apart = [name for name in owner if gaps.get(name, 0.0) > max(TRAINED, noise.get(name, 0.0))]
        if apart:
            at = StepHypothesis(step=step, apart=apart, after=(mine, other), before=last)
            guesses = (registered.function(at) for registered in step_hypothesis)
            cause, name, text = next(guess for guess in guesses if guess is not None)
            a, b = owner[name]
            found = Finding(
                phase="training",
                place="parameters",
                layer_left=a.name,
                layer_right=b.name,
                cause=cause,
                error=gaps[name],
                explanation=f"after step {step} {name} is {gaps[name]:.1e} of its way apart; {text}",
            )
            return found, steps
        last = mine, other
    return None, steps


def _way_apart(mine: Array, other: Array, before: Array) -> float:
    """How far two trained weights are apart, in units of the longer way that one of them went; NaN has no partner."""
    known = np.isfinite(other)
    ways = np.abs(mine - before).max(initial=0.0), np.abs(other - before)[known].max(initial=0.0)
    way = max(float(length) for length in ways)
    return float(np.abs(mine - other)[known].max(initial=0.0)) / way if way else 0.0


@step_hypothesis("optimiser.gradients_kept")
def gradients_kept(at: StepHypothesis) -> StepGuess | None:
    """Only one side moves a tensor."""
    for name in at.apart:
        mine, theirs = (bool((now[name] != last[name]).any()) for now, last in zip(at.after, at.before, strict=True))
        if mine != theirs:
            return "optimiser.gradients_kept", name, (
                "one side does not move it at all in this step and the other does: a gradient that is zero, not "
                "absent, lets momentum and decay act"
            )  # fmt: skip
    return None


@step_hypothesis("optimiser.settings")
def first_step(at: StepHypothesis) -> StepGuess | None:
    """Nothing is remembered yet."""
    if at.step > 1:
        return None
    return "optimiser.settings", at.apart[0], "the first step already differs, so its size or its rule does"


@step_hypothesis("optimiser.settings")
def learning_rate(at: StepHypothesis) -> StepGuess | None:
    """All tensors move as many times as far."""
    ratios = []
    for name in at.apart:
        mine, theirs = at.moves(name)
        ratio = factor_between(mine, theirs)
        if not distance(mine * ratio, theirs) < SAME_RATIO:
            return None
        ratios.append(ratio)
    if not max(ratios) - min(ratios) <= SAME_RATIO * abs(ratios[0]):
        return None
    return "optimiser.settings", at.apart[0], (
        f"earlier steps agree and this one is {ratios[0]:.6g} times as long for every tensor: another learning rate"
    )  # fmt: skip


@step_hypothesis("optimiser.momentum")
def remembered(at: StepHypothesis) -> StepGuess | None:
    """What is left."""
    text = "earlier steps agree, so what the optimiser remembers of them differs"
    return "optimiser.momentum", at.apart[0], text
