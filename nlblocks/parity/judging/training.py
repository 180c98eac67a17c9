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
from nlblocks.parity.running import History

Steps = list[tuple[int, float, str]]
"""(step, largest difference in units of the way that a weight went, tensor)."""
MOMENTA = {"momentum", "beta1", "beta2"}
"""Settings that are the momentum, by which name its difference is accepted."""


@dataclass(frozen=True, slots=True)
class TrainingCompared:
    """The difference after each step, what was found, and the weights that are ``not_finite`` on both sides."""

    steps: Steps
    findings: Sequence[Finding]
    not_finite: Sequence[Comparison]


@dataclass(frozen=True, slots=True)
class Retrained:
    """What is left of a difference where one side has some of the other's settings: the gap, and what is found then."""

    names: Sequence[str]
    gap: float
    rest: Finding | None


def compare_training(
    why: Explainer, left: History, right: History, before: State, rounding: Mapping[str, float]
) -> TrainingCompared:
    """Compare the states step by step; where they part, try each setting that differs on the side that has it.

    ``rounding`` is how far the gradients of parameters may be apart, in units of their scale. Settings that differ
    count even where no state does.
    """
    found, steps = why.training(*_together(left.states, right.states), before, rounding)
    apart = left.differing(right)
    findings: list[Finding] = []
    unseen = list(apart)
    if found is not None and apart:
        error = max(gap for _, gap, _ in steps)
        met = _meeting(why, left, right, before, rounding, error)
        named = met.names if met else unseen
        unseen = [name for name in apart if name not in named]
        text = f"{found.explanation.partition(';')[0]}; {History.words({name: apart[name] for name in named})}"
        if met is not None:
            text = f"{text}; so the difference falls from {error:.0e} to {met.gap:.0e}"
        found = replace(found, explanation=text, error_explained=met.gap if met else None)
        findings = [found, *_of_other_causes(found, named)]
        if met is not None and met.rest is not None:
            findings.append(met.rest)
    elif found is not None:
        findings = [found]
    for cause in dict.fromkeys(map(_cause, unseen)):
        words = History.words({name: apart[name] for name in unseen if _cause(name) == cause})
        text = f"the optimisers' settings differ, though training so far does not show it: {words}"
        findings.append(Finding(phase="training", place="attributes", cause=cause, explanation=text))
    return TrainingCompared(steps, findings, _not_finite(why, left, right))


def _together(mine: list[State], theirs: list[State]) -> tuple[list[State], list[State]]:
    """The states of as many steps as both sides came to."""
    count = min(len(mine), len(theirs))
    return mine[:count], theirs[:count]


def _cause(setting: str) -> str:
    return "optimiser.momentum" if setting in MOMENTA else "optimiser.settings"


def _of_other_causes(found: Finding, names: Sequence[str]) -> Iterator[Finding]:
    """The finding once more for what goes by another name than its cause, if several settings make it up."""
    causes = {_cause(name) for name in names}
    yield from (replace(found, cause=cause) for cause in sorted(causes - {found.cause}) if found.cause in causes)


def _meeting(
    why: Explainer, left: History, right: History, before: State, rounding: Mapping[str, float], error: float
) -> Retrained | None:
    """Which settings make the trained weights meet: each that differs is tried alone, then all of them together.

    The first that leave nothing to be found, else the first that leave next to nothing.
    """
    apart = left.differing(right)
    if left.train is None or right.train is None:
        return None
    best: Retrained | None = None
    for names in ([[name] for name in apart] if len(apart) > 1 else []) + [list(apart)]:
        for own, other in ((left, right), (right, left)):
            states = own.retrained(names, other)
            if states is None:
                continue
            pair = (states, right.states) if own is left else (left.states, states)
            rest, steps = why.training(*_together(*pair), before, rounding)
            gap = max((gap for _, gap, _ in steps), default=0.0)
            if math.isfinite(gap) and gap <= HELPS * error:
                met = Retrained(names, gap, rest)
                if rest is None:
                    return met
                best = best or met
    return best


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
