"""A step that one framework took, taken by the other from the same bits, in two parts: gradients, then the optimiser.

The second part is given the same gradients. Adam makes steps of full size of elements that are nothing but rounding:
that is no difference between two optimisers, and would hide one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import numpy as np

from nlblocks.backend import State
from nlblocks.training.lockstep.judging import Claim, Verdicts, judge
from nlblocks.training.lockstep.plan import FORWARD, At, Moved, Plan, Results, Run


@dataclass(frozen=True, slots=True)
class Bench:
    """Runs of a plan that take single steps from any state. They are kept: to build one takes longer than a step."""

    plan: Plan
    runs: dict[tuple[int, int | None], Run] = field(default_factory=dict)

    def step(self, side: int, at: At, trial: int | None = None) -> Results:
        """A step of a side, and all that it leaves behind; nudged with a ``trial``."""
        run = self.placed(side, at, trial)
        answer = {} if at.test is None else run.answer(at.test)
        return answer | run.take(at.fed[side])

    def update(self, side: int, at: At, gradients: State, trial: int | None = None) -> Results:
        """What a side's optimiser alone makes of gradients."""
        return self.placed(side, at, trial).update(gradients, at.fed[side].lr)

    def placed(self, side: int, at: At, trial: int | None = None) -> Run:
        """The run of a side, or of a trial, at a state."""
        key = side, trial
        if key not in self.runs:
            self.runs[key] = self.plan.run(side, trial)
        self.runs[key].place(at.state)
        return self.runs[key]


class _Step:
    """A step that a side took from a state, in two parts, by either side and nudged: each is taken when asked for."""

    def __init__(self, bench: Bench, own: int, at: At, taken: Results) -> None:
        self.bench, self.own, self.at, self.taken = bench, own, at, taken
        self.gradients = {name: value for (group, name), value in taken.items() if group == "gradients"}
        self.known: dict[tuple[bool, int], Results] = {}

    def given(self, gradients: State) -> _Step:
        """The same step, its optimiser given other gradients. What came before it is known, for a bench took it."""
        found = _Step(self.bench, self.own, self.at, self.taken)
        found.gradients = gradients
        found.known = {key: value for key, value in self.known.items() if key[0]}
        found.known[True, self.own] = _part(self.taken, forward=True)
        return found

    def result(self, side: int, *, forward: bool) -> Results:
        """What the side itself left behind, or what the other does on the bench."""
        return _part(self.taken, forward=forward) if side == self.own else self.base(side, forward=forward)

    def base(self, side: int, *, forward: bool) -> Results:
        """What a side does on the bench: up to the gradients, or from them on."""
        key = forward, side
        if key not in self.known:
            self.known[key] = self._on_the_bench(side, None, forward)
        return self.known[key]

    def moved(self, trial: int, *, in_pairs: bool, forward: bool) -> Moved:
        """A nudged run, of the other side first, then of each in turn: plain and shuffled together, or each alone."""
        turn, trial = (trial // 2, trial) if in_pairs else (trial, trial // 2)
        side = (turn + 1 - self.own) % 2
        return Moved(side=side, shuffled=bool(trial % 2), results=self._on_the_bench(side, trial, forward))

    def _on_the_bench(self, side: int, trial: int | None, forward: bool) -> Results:
        if forward:
            return _part(self.bench.step(side, self.at, trial), forward=True)
        return self.bench.update(side, self.at, self.gradients, trial)


class Checker:
    """Judges steps of either side by what the other side makes of them.

    In float64 the two sides are compared. In float32 both take the step in float64 as well, and are compared there;
    then each side's float32 is compared with its own float64, by how far nudged float32 runs are from it: two kernels
    round farther from each other than nudges of one of them show.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.bench = Bench(plan)
        self.exact = self.bench if plan.dtype == "float64" else Bench(plan.in_float64())

    def check(self, own: int, at: At, taken: Results) -> Verdicts:
        """The step that a side took from a state, which left ``taken`` behind."""
        if self.exact is self.bench:
            return self._in_float64(_Step(self.exact, own, at, taken))
        exact = at.exact()
        double = _Step(self.exact, own, exact, self.exact.step(own, exact))
        found = self._in_float64(double)
        return found if found.failing else found + self._in_float32(_Step(self.bench, own, at, taken), double)

    def _in_float64(self, step: _Step) -> Verdicts:
        """Both sides' steps from one state: the gradients of both, and what both make of the gradients of one."""
        found = Verdicts(step.at.step)
        for forward in (True, False):
            left, right = (step.result(side, forward=forward) for side in (0, 1))
            nudge = partial(step.moved, in_pairs=True, forward=forward)
            claim = Claim(left=left, right=right, pair=self.plan.pair)
            found += judge(found.step, "float64", [claim], partial(step.base, forward=forward), nudge)
        return found

    def _in_float32(self, step: _Step, double: _Step) -> Verdicts:
        """Each side's step, and its own in float64, of the same gradients.

        By nudges of the other side, up to the gradients: one that loses precision must not excuse itself by it. From
        them on by both: one may hold a constant as float32 that the other does not.
        """
        found, exact = Verdicts(step.at.step), double.given(step.gradients)
        for forward in (True, False):
            base = partial(exact.base, forward=forward)
            claims = [
                Claim(
                    left=_widened(step.result(side, forward=forward)), right=base(side),
                    pair=(name, f"{name} in float64"), own=side if forward else None,
                )
                for side, name in enumerate(self.plan.pair)
            ]  # fmt: skip
            nudge = partial(step.moved, in_pairs=False, forward=forward)
            found += judge(found.step, "float32", claims, base, nudge)
        return found


def _part(results: Results, *, forward: bool) -> Results:
    """What a step computes before the optimiser, or what the optimiser makes."""
    return {key: value for key, value in results.items() if (key[0] in FORWARD) == forward}


def _widened(results: Results) -> Results:
    return {key: value.astype(np.float64) for key, value in results.items()}
