"""What is left behind after a training pass or several: why running statistics, or trained weights, differ."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from nlblocks.backend import Array, State
from nlblocks.numerics import distance
from nlblocks.numerics.tolerance import EPSILON, HELPS, RATIO
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
    """What a hypothesis about a running statistic is given: its values and the batch normalisations that keep it.

    ``whole`` gives a pass of the left with all its values.
    """

    name: str
    before: Array
    mine: Array
    theirs: Array
    traces: tuple[Trace, Trace]
    uses: tuple[Sequence[Op], Sequence[Op]]
    whole: Callable[[], Trace]

    @property
    def repeated(self) -> bool:
        """Whether a layer keeps it in several runs: each of them moves what the one before left."""
        return max(map(len, self.uses)) > 1

    @property
    def factor(self) -> float:
        """How many times as far the right's statistic went."""
        return factor_between(self.mine - self.before, self.theirs - self.before)

    @property
    def momenta(self) -> tuple[float, float] | None:
        """The two sides' weights of the new statistic, where they are known and differ."""
        left, right = self.uses
        return left[0].differing(right[0]).get("momentum") if left and right else None

    @property
    def momentum_words(self) -> str:
        if self.momenta is None:
            return f"the left's running statistics move {1 / self.factor:.6g} times as far as the right's"
        left, right = self.momenta
        return f"momentum (weight of the new statistic): {left:.6g} on the left, {right:.6g} on the right"


BufferGuess = tuple[Array, Mapping[str, str]]
"""What the left would hold, and the causes that it takes together, each in words."""
buffer_hypothesis: Registry[Callable[[BufferHypothesis], Iterator[BufferGuess]]] = Registry(
    "variance", "momentum", "momentum_and_variance"
)
"""Why running statistics differ: the first that leaves next to nothing."""


def momenta_apart(names: tuple[str, str], left: Trace, right: Trace) -> float:
    """How far apart two momenta are that are one number but for float32, in units of the way a statistic goes."""
    uses = _users(left, names[0]), _users(right, names[1])
    momenta = [[float(op.attrs.get("momentum", 0.0)) for op in ops] for ops in uses]
    if (
        not all(uses)
        or len(uses[0]) != len(uses[1])
        or any("momentum" in a.differing(b) for a, b in zip(*uses, strict=True))
    ):
        return 0.0
    return sum(abs(a - b) / min(a, b) for a, b in zip(*momenta, strict=True) if min(a, b) > 0)


def explain_buffer(
    names: tuple[str, str], layers: tuple[str, str], values: tuple[Array, Array, Array], left: Trace, right: Trace,
    whole: Callable[[], Trace],
) -> list[Finding]:  # fmt: skip
    """The findings for a running statistic that differs, one for each cause that it takes: all of it, or unknown.

    ``values`` are the statistic before, the left's and the right's after one pass; ``whole`` gives the left's pass with
    all that it computed.
    """
    before, mine, theirs = values
    gap = distance(mine, theirs)
    at = BufferHypothesis(
        name=names[0], before=before, mine=mine, theirs=theirs, traces=(left, right),
        uses=(_users(left, names[0]), _users(right, names[1])), whole=whole,
    )  # fmt: skip
    found = partial(
        Finding, phase="buffers", place="buffers", layer_left=layers[0], layer_right=layers[1], error=gap
    )  # fmt: skip
    if (np.isfinite(mine) != np.isfinite(theirs)).any():
        text = f"{names[0]} is NaN or infinite after one pass on one side only"
        return [found(cause="values.not_finite", explanation=text)]
    for value, words in (guess for registered in buffer_hypothesis for guess in registered.function(at)):
        after = distance(value, theirs)
        if after <= STATISTICS_MEET and after <= HELPS * gap:
            falls = f"so the difference falls from {gap:.0e} to {after:.0e}"
            if len(words) > 1:
                falls = f"with {' and '.join(words)} together, {falls[3:]}"
            return [
                found(cause=cause, explanation=f"{text}; {falls}", error_explained=after)
                for cause, text in words.items()
            ]
    still = [side for side, value in (("left", mine), ("right", theirs)) if np.array_equal(value, before)]
    kept = f", and is as before on the {still[0]}" if still else ""
    return [found(explanation=f"{names[0]} differs by {gap:.1e} after one pass{kept}")]


@buffer_hypothesis("batch_norm.variance")
def variance(at: BufferHypothesis) -> Iterator[BufferGuess]:
    """The other estimator of the variance, where the momentum is the same."""
    if at.momenta is None:
        for value, words in _estimators(at):
            yield value, {"batch_norm.variance": words}


@buffer_hypothesis("batch_norm.momentum")
def momentum(at: BufferHypothesis) -> Iterator[BufferGuess]:
    """Another share of the new statistic: that of the attributes, or else the one that fits all channels."""
    known = at.momenta is not None and at.momenta[0]
    if at.repeated and at.momenta is not None:
        same = str(at.uses[0][0].attrs.get("variance"))
        yield from ((value, {"batch_norm.momentum": at.momentum_words}) for value in _replayed(at, (same, same)))
        return
    factor = at.momenta[1] / at.momenta[0] if at.momenta is not None and known else at.factor
    fits = at.mine.size > 1 and factor != 0  # one channel fits any factor, and what stays put has none
    if abs(factor - 1) > NO_FACTOR and (known or fits):
        yield at.before + (at.mine - at.before) * factor, {"batch_norm.momentum": at.momentum_words}


@buffer_hypothesis("batch_norm.momentum", "batch_norm.variance")
def momentum_and_variance(at: BufferHypothesis) -> Iterator[BufferGuess]:
    """Both at once: the momentum is said first."""
    if at.momenta is not None:
        left, right = at.momenta
        for value, words in _estimators(at):
            moved = value if at.repeated else at.before + (value - at.before) * right / (left or 1.0)
            yield moved, {"batch_norm.momentum": at.momentum_words, "batch_norm.variance": words}


def _estimators(at: BufferHypothesis) -> Iterator[tuple[Array, str]]:
    """(what the left would hold, words) with the other estimator, by the number of values that went into it.

    Of a layer that is called several times, each call moves it. Where not as many values went into all of them, or the
    momenta differ, all updates are made once more, with the right's momenta.
    """
    trace, uses = (at.traces[0], at.uses[0]) if at.uses[0] else (at.traces[1], at.uses[1])
    shapes = {trace.shape(op.inputs[0]) for op in uses} if at.name.endswith("running_var") else set()
    counts = {math.prod(shape) // at.before.size if shape is not None else 0 for shape in shapes}
    if not counts or 0 in counts:
        return
    if len(counts) > 1 or (at.repeated and at.momenta is not None):
        for mine, theirs in (("unbiased", "biased"), ("biased", "unbiased")):
            words = f"variance kept as running statistic: {mine} on the left, {theirs} on the right, in each run"
            yield from ((value, words) for value in _replayed(at, (mine, theirs)))
        return
    count = counts.pop()
    keep = math.prod(1 - float(op.attrs.get("momentum", 0.1)) for op in uses) * at.before
    for ratio, (mine, theirs) in (
        ((count - 1) / count, ("unbiased", "biased")),
        (count / max(count - 1, 1), ("biased", "unbiased")),
    ):
        words = f"variance kept as running statistic: {mine} on the left, {theirs} on the right (N = {count})"
        yield keep + (at.mine - keep) * ratio, words


def _replayed(at: BufferHypothesis, estimators: tuple[str, str]) -> Iterator[Array]:
    """What the left would hold after several runs with the right's momenta and the second of two ``estimators``.

    The updates of all runs are made once more, each with its own values, as the left makes them and as the right does:
    by what these differ. Nothing where the two sides do not run as often, or the values were not kept.
    """
    whole = at.whole()
    inputs = [whole.values.get(op.inputs[0]) for op in at.uses[0]]
    if len({len(uses) for uses in at.uses}) > 1 or any(x is None for x in inputs):
        return
    kept = [at.before, at.before]
    for x, ops in zip(inputs, zip(*at.uses, strict=True), strict=True):
        assert x is not None
        channel = 1 if x.shape[1] == at.before.size else x.ndim - 1
        axes = tuple(axis for axis in range(x.ndim) if axis != channel)
        for side, op in enumerate(ops):
            if at.name.endswith("running_var"):
                single = x.size == at.before.size
                new = x.var(axes, dtype=np.float64, ddof=int(estimators[side] == "unbiased" and not single))
            else:
                new = x.mean(axes, dtype=np.float64)
            kept[side] = kept[side] + float(op.attrs.get("momentum", 0.1)) * (new - kept[side])
    yield at.mine + (kept[1] - kept[0])


def _users(trace: Trace, name: str) -> list[Op]:
    """The batch normalisations that keep a running statistic, or the parameter operations of its layer."""
    norms = [op for op in trace.ops if op.kind == "batch_norm"]
    own = {number for number, origin in trace.origin.items() if origin == f"parameter:{name}"}
    named = [op for op in norms if not own.isdisjoint(op.inputs)]
    found = named or [op for op in norms if op.scope == name.rpartition(".")[0]]
    return [op for op in found if op.attrs.get("training")] or found


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
    "not_finite", "gradients_kept", "learning_rate", "first_step", "remembered"
)
"""Why weights train apart: nothing is computed anew, the states tell; the last holds where no other does."""


def explain_training(
    pairs: Pairing, left: Sequence[State], right: Sequence[State], before: State, noise: Mapping[str, float]
) -> tuple[Finding | None, Steps]:
    """The finding for weights that train apart, None where none do; and (step, difference, tensor) up to there.

    ``noise`` is how far gradients may be apart, relative to their scale; those that are nothing else go where they
    like and are left out. So is what a step moved by no more than the rounding of the farthest way or of the weight.
    """
    owner = {ref.name: (a, b) for ref, _, role, a, b in pairs.roles() if not role.startswith("running")}
    steps: Steps = []
    last: tuple[State, State] | None = None
    for step, (mine, theirs) in enumerate(zip(left, right, strict=True), 1):
        other = pairs.mirrored(theirs, mine)
        both = {name: other.beside(name, mine[name]) for name in mine if name in owner and name in other}
        start = {name: other.beside(name, before[name])[0] for name in both}
        after = {name: pair[0] for name, pair in both.items()}, {name: pair[1] for name, pair in both.items()}
        ways = {name: _way(*pair, start[name]) for name, pair in both.items()}
        farthest = max(ways.values(), default=0.0)
        gaps: dict[str, float] = {}
        for name, pair in both.items():
            gap = _way_apart(*pair, ways[name])
            nowhere = RATIO * EPSILON["float64"] * max(farthest, float(np.abs(start[name]).max(initial=0.0)))
            if math.isinf(gap) or (noise.get(name, 0.0) < 1.0 and ways[name] > nowhere):
                gaps[name] = gap
        worst = max(gaps, key=lambda n: gaps[n], default="")
        steps.append((step, gaps.get(worst, 0.0), worst))
        apart = [name for name in owner if gaps.get(name, 0.0) > max(TRAINED, noise.get(name, 0.0))]
        if apart:
            at = StepHypothesis(step=step, apart=apart, after=after, before=last or (start, start))
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
        last = after
    return None, steps


def _way(mine: Array, other: Array, before: Array) -> float:
    """The longer way that a weight went on one of the sides: the farthest element's, of those that are finite."""
    finite = np.isfinite(mine) & np.isfinite(other)
    return max(float(np.abs(side[finite] - before[finite]).max(initial=0.0)) for side in (mine, other))


def _way_apart(mine: Array, other: Array, way: float) -> float:
    """How far two trained weights are apart, in units of the longer ``way`` that one of them went.

    What is NaN on both sides, or the same infinity, is left out; beside anything else it is infinitely far.
    """
    finite = np.isfinite(mine) & np.isfinite(other)
    if not ((mine == other) | (np.isnan(mine) & np.isnan(other)) | finite).all():
        return math.inf
    return float(np.abs(mine[finite] - other[finite]).max(initial=0.0)) / way if way else 0.0


@step_hypothesis("values.not_finite")
def not_finite(at: StepHypothesis) -> StepGuess | None:
    """NaN or infinity in the weights of one side."""
    for name in at.apart:
        for side, own, other in zip(("left", "right"), at.after, at.after[::-1], strict=True):
            count = int((~np.isfinite(own[name]) & np.isfinite(other[name])).sum())
            if count:
                text = f"on the {side} {count} of its {own[name].size} elements are NaN or infinite, on the other not"
                return "values.not_finite", name, text
    return None


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


@step_hypothesis("optimiser.learning_rate")
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
    return "optimiser.learning_rate", at.apart[0], (
        f"{'earlier steps agree and ' if at.step > 1 else ''}this one is {ratios[0]:.6g} times as long for every "
        "tensor: another learning rate"
    )  # fmt: skip


@step_hypothesis("optimiser.settings")
def first_step(at: StepHypothesis) -> StepGuess | None:
    """Nothing is remembered yet."""
    if at.step > 1:
        return None
    return "optimiser.settings", at.apart[0], "the first step already differs, so its size or its rule does"


@step_hypothesis("optimiser.momentum")
def remembered(at: StepHypothesis) -> StepGuess | None:
    """What is left."""
    text = "earlier steps agree, so what the optimiser remembers of them differs"
    return "optimiser.momentum", at.apart[0], text
