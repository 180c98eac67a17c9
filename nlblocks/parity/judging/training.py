"""Steps of training: where the weights of both models part, and which setting of the optimisers makes them meet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from nlblocks.backend import State
from nlblocks.numerics.tolerance import HELPS
from nlblocks.parity.explaining import Explainer
from nlblocks.parity.findings import Finding
from nlblocks.parity.running import History

Steps = list[tuple[int, float, str]]
"""(step, largest difference in units of the way that a weight went, tensor)."""


@dataclass(frozen=True, slots=True)
class TrainingCompared:
    """The difference after each step, and what was found."""

    steps: Steps
    findings: Sequence[Finding]


def compare_training(
    why: Explainer, left: History, right: History, before: State, rounding: Mapping[str, float]
) -> TrainingCompared:
    """Compare the states step by step; where they part, try each setting that differs on the side that has it.

    ``rounding`` is how far the gradients of parameters may be apart, in units of their scale. Settings that differ
    count even where no state does.
    """

    def part(mine: list[State], theirs: list[State]) -> tuple[Finding | None, Steps]:
        count = min(len(mine), len(theirs))  # as far as both came
        return why.training(mine[:count], theirs[:count], before, rounding)

    found, steps = part(left.states, right.states)
    apart = left.differing(right)
    if found is None:
        if not apart:
            return TrainingCompared(steps, ())
        text = f"the optimisers' settings differ, though training so far does not show it: {History.words(apart)}"
        finding = Finding(phase="training", place="attributes", cause="optimiser.settings", explanation=text)
        return TrainingCompared(steps, (finding,))
    if apart:

        def rest(mine: list[State], theirs: list[State]) -> float:
            return max((gap for _, gap, _ in part(mine, theirs)[1]), default=0.0)

        said = _setting(left, right, max(gap for _, gap, _ in steps), rest)
        found = replace(found, explanation=f"{found.explanation.partition(';')[0]}; {said}")
    return TrainingCompared(steps, (found,))


def _setting(left: History, right: History, error: float, rest: Callable[[list[State], list[State]], float]) -> str:
    """Which setting makes the trained weights meet: each that differs is tried alone, then all of them together."""
    apart = left.differing(right)
    if left.train is None or right.train is None:
        return History.words(apart)
    for names in ([[name] for name in apart] if len(apart) > 1 else []) + [list(apart)]:
        for own, other in ((left, right), (right, left)):
            states = own.retrained(names, other)
            if states is None:
                continue
            after = rest(states, right.states) if own is left else rest(left.states, states)
            if after <= HELPS * error:
                text = History.words({name: apart[name] for name in names})
                return f"{text}; so the difference falls from {error:.0e} to {after:.0e}"
    return History.words(apart)
