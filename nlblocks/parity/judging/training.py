"""Steps of training: where the weights of both models part, and which setting of the optimisers makes them meet."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nlblocks.backend import State
from nlblocks.numerics import Comparison
from nlblocks.numerics.tolerance import HELPS
from nlblocks.parity.explaining import Explainer
from nlblocks.parity.findings import Finding
from nlblocks.parity.judging.comparer import Comparer
from nlblocks.parity.judging.passes import Pass
from nlblocks.parity.judging.side import Side
from nlblocks.parity.optimising import Difference, Told
from nlblocks.parity.running import History

Steps = list[tuple[int, float, str]]
"""(step, largest difference in units of the way that a weight went, tensor)."""
CAUSES_OF = {
    "rule": "optimiser.rule", "lr": "optimiser.learning_rate", "lr_decay": "optimiser.schedule",
    "lr_kept": "optimiser.schedule", "eps": "optimiser.eps", "eps_in": "optimiser.eps", "clip": "optimiser.clipping",
    **dict.fromkeys(("weight_decay", "decoupled", "l1", "l2"), "optimiser.weight_decay"),
    **dict.fromkeys(("momentum", "dampening", "nesterov", "beta1", "beta2"), "optimiser.momentum"),
}  # fmt: skip
"""The causes of settings that differ; of others it is "optimiser.settings"."""
GUESSED = {"optimiser.settings", "optimiser.momentum", "optimiser.learning_rate"}
"""What is said of steps that tell no more than that they part."""


@dataclass(frozen=True, slots=True)
class TrainingCompared:
    """The difference after each step, what was found, and the weights that are ``not_finite`` on both sides."""

    steps: Steps
    findings: Sequence[Finding]
    not_finite: Sequence[Comparison]


@dataclass(frozen=True, slots=True)
class StepsJudged:
    """Steps of both sides: the optimisers in words, what was compared, and what came to no end, and why."""

    optimisers: tuple[str, str]
    compared: TrainingCompared
    undecided: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Met:
    """What is left of a difference where the left has some of the right's settings: the gap, and what is found then."""

    apart: Sequence[Difference]
    gap: float
    rest: Finding | None


def steps_of(
    why: Explainer, left: Side, right: Side, rounding: Mapping[str, float], runs: Pass | None = None
) -> StepsJudged | None:
    """What steps of training leave behind on both sides, compared; None where a side holds none.

    A pass that is given is all that they need: it loses its gradients.
    """
    mine = left.train(None if runs is None else runs.left)
    theirs = right.train(None if runs is None else runs.right)
    # What nobody chose on one side tells nothing of the other's.
    if mine is None or theirs is None or left.asked != right.asked:
        return None
    undecided = [
        (f"training from step {len(history.states) + 1} on", f"on the {side} {history.error}")
        for side, history in (("left", mine), ("right", theirs))
        if history.error
    ]
    compared = compare_training(why, mine, theirs, left.state, rounding)
    return StepsJudged((mine.optimiser, theirs.optimiser), compared, undecided)


def steps_by(why: Explainer, runs: Pass, comparer: Comparer, rounding: Mapping[str, float]) -> StepsJudged | None:
    """The step that nobody asked for, by the gradients of the training pass: it would begin with that pass again.

    None where it would not: where a side wrote to its parameters in it, or holds other steps than that.
    """
    left, right = comparer.left, comparer.right
    alone = not (left.asked or right.asked) and left.repeatable and right.repeatable
    trainable = left.trainable and right.trainable
    if not (alone and trainable) or runs.failing or runs.left.rewritten or runs.right.rewritten:
        return None
    return steps_of(why, left, right, rounding, runs)


def compare_training(
    why: Explainer, left: History, right: History, before: State, rounding: Mapping[str, float]
) -> TrainingCompared:
    """Compare the states step by step; where they part, try each setting that differs.

    ``rounding`` is how far the gradients of parameters may be apart, in units of their scale. Settings that differ
    count even where no state does.
    """
    found, steps = why.training(*_together(left.states, right.states), before, rounding)
    idle = left.told.idle(right.told, why.pairs.parameters, steps[-1][0]) if found else ""
    found = found and _not_moved(found, idle)
    apart = sorted(left.told.differing(right.told, why.pairs.parameters), key=lambda one: one.first)
    findings: list[Finding] = []
    unseen = apart
    if found is not None:
        met = Trial(why, left, right, before, rounding).meeting(apart, max(gap for _, gap, _ in steps))
        guessed = found.cause in GUESSED and not idle
        named = met.apart if met else apart if guessed else []
        unseen = [one for one in apart if one not in named]
        if not apart and left.told.known and right.told.known and guessed:
            text = f"{found.explanation.partition(';')[0]}, and the optimisers' settings are the same, as far as read"
            found = replace(found, cause=None, explanation=text)
        findings = list(_explained(found, named, met))
    for cause in dict.fromkeys(map(_cause, _told_apart(unseen, left.told, right.told))):
        words = "; ".join(one.words for one in unseen if _cause(one) == cause)
        text = f"the optimisers' settings differ, though training so far does not show it: {words}"
        findings.append(Finding(phase="training", place="attributes", cause=cause, explanation=text))
    return TrainingCompared(steps, findings, _not_finite(why, left, right))


def _not_moved(found: Finding, words: str) -> Finding:
    """The finding of weights that one side does not move, where it is known why."""
    if found.cause != "optimiser.gradients_kept" or not words:
        return found
    cause = "gradient.frozen" if "is not given" in words else "optimiser.settings"
    return replace(found, cause=cause, explanation=f"{found.explanation.partition(';')[0]}; {words}")


def _explained(found: Finding, named: Sequence[Difference], met: Met | None) -> Iterator[Finding]:
    """The finding with what explains it; once more for each further cause, and for what is left."""
    if not named:
        yield found
        return
    text = f"{found.explanation.partition(';')[0]}; {'; '.join(one.words for one in named)}"
    if met is not None:
        text = f"{text}; so the difference falls from {found.error:.0e} to {met.gap:.0e}"
    else:
        text = f"{text}; with all of these alike the steps still differ, or could not be tried"
    for cause in dict.fromkeys(map(_cause, named)):
        yield replace(found, cause=cause, explanation=text, error_explained=met.gap if met else None)
    if met is not None and met.rest is not None:
        yield met.rest


def _told_apart(unseen: Sequence[Difference], left: Told, right: Told) -> list[Difference]:
    """What counts of settings that no step showed: not what no argument decides, nor a clip that the other side may
    have around its optimiser.
    """
    whole = left.whole and right.whole
    return [one for one in unseen if one.chosen and (one.name != "clip" or whole)]


def _together(mine: list[State], theirs: list[State]) -> tuple[list[State], list[State]]:
    """The states of as many steps as both sides came to."""
    count = min(len(mine), len(theirs))
    return mine[:count], theirs[:count]


def _cause(apart: Difference) -> str:
    if apart.name == "lr" and apart.scheduled:
        return "optimiser.schedule"
    return CAUSES_OF.get(apart.name, "optimiser.settings")


class Trial:
    """The left's rule on the right's gradients, in NumPy: which of the right's settings make it the right's steps."""

    def __init__(
        self, why: Explainer, left: History, right: History, before: State, rounding: Mapping[str, float]
    ) -> None:
        self.why, self.left, self.right, self.before, self.rounding = why, left, right, before, rounding
        moved = {name for step in left.told.settings for name in step}
        self.start = {name: value for name, value in before.items() if name in moved}
        self.gradients = [self._mirrored(step) for step in right.told.gradients]

    def meeting(self, apart: Sequence[Difference], error: float) -> Met | None:
        """The fewest settings that make the weights meet: each alone, then all, without those that are not needed.

        The first that leave nothing to be found, else the first that leave next to nothing; None where none do, and
        where the rule is not one that is known.
        """
        if not apart or not self._rule_is_known():
            return None
        best: Met | None = None
        for names in [[one] for one in apart] + ([list(apart)] if len(apart) > 1 else []):
            met = self._tried(names)
            if met is None or not (math.isfinite(met.gap) and met.gap <= HELPS * error):
                continue
            if met.rest is None:
                return self._without_idle(met)
            best = best or met
        return best

    def _without_idle(self, met: Met) -> Met:
        """The same, without the settings that are not needed."""
        for one in met.apart:
            fewer = [other for other in met.apart if other is not one]
            again = self._tried(fewer) if fewer else None
            if again is not None and again.rest is None:
                met = again
        return met

    def _tried(self, apart: Sequence[Difference]) -> Met | None:
        names = [one.name for one in apart]
        states = self.left.told.trained(names, self.right.told, self.why.pairs.parameters, self.start, self.gradients)
        return None if states is None else self._beside(states, apart)

    def _beside(self, states: list[State], apart: Sequence[Difference]) -> Met:
        """What is found of weights beside the right's."""
        rest, steps = self.why.training(*_together(states, self.right.states), self.before, self.rounding)
        return Met(apart, max((gap for _, gap, _ in steps), default=0.0), rest)

    def _mirrored(self, gradients: State) -> State:
        """The right's gradients under the left's names, of the tensors that are whole ones on both sides."""
        found = self.why.pairs.mirrored(gradients, self.start)
        return {name: found[name] for name in found if name not in found.known}

    def _rule_is_known(self) -> bool:
        """Whether the rule in NumPy, with the right's own settings, makes the right's own steps."""
        told = self.right.told
        if not (told.known and told.gradients):
            return False
        own = told.renamed(self.why.pairs.parameters)
        states = own.trained((), own, (), self.start, self.gradients)
        return states is not None and self._beside(states, ()).rest is None


def _not_finite(why: Explainer, left: History, right: History) -> list[Comparison]:
    """The weights that are NaN or infinite on both sides after the last step."""
    both = _together(left.states, right.states)
    if not both[0]:
        return []
    mine = both[0][-1]
    theirs = why.pairs.mirrored(both[1][-1], mine)
    found = [
        Comparison.of(
            *theirs.beside(name, mine[name]), alike=True, phase="training", group="weights", name=name, dtype="float64"
        )
        for name in mine
        if name in theirs and not np.isfinite(mine[name]).all()
    ]
    return [comparison for comparison in found if comparison.difference.not_finite]
