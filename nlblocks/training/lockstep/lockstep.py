"""Two frameworks trained side by side, in order: the same start, every step judged, a reason where they part."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import zip_longest

import numpy as np

from nlblocks.backend import Array
from nlblocks.errors import InputError
from nlblocks.numerics import Comparison, distance
from nlblocks.specs.base import BlockSpec
from nlblocks.training.data import Batches
from nlblocks.training.lockstep.checking import Checker
from nlblocks.training.lockstep.explaining import in_the_lab, reason
from nlblocks.training.lockstep.judging import Claim, Verdicts, exact
from nlblocks.training.lockstep.plan import LOSS, At, Fed, Plan, Run
from nlblocks.training.lockstep.report import Drift, LockstepReport, Open, Parting, StepLosses
from nlblocks.training.recipes import Recipe

Say = Callable[[str], None]


def lockstep(
    recipe: Recipe, model: BlockSpec, batches: Batches, *, name: str = "", pair: tuple[str, str] = ("torch", "paddle"),
    steps: int | None = None, progress: Say | None = None,
) -> LockstepReport:  # fmt: skip
    """Whether a model trains the same in two backends: side by side, from the same bits, on the same batches.

    Each step of the second is taken by the first as well, from the second's bits, so that no drift adds up: loss,
    gradients, buffers, optimiser's slots and weights are compared, and judged by what the same step does when all that
    goes into it is one unit in the last place off. In float32 the same step is also taken, and judged, in float64, and
    either side's float32 is held against its own float64. It ends where they part. How far the two drift, each left to
    itself, is measured beside a nudged run. Random parts (dropout) are off. Raises InputError for mixed precision,
    which rounds by its own rules.

    Args:
        recipe: How it is trained, in float64 or float32.
        model: A network of the recipe.
        batches: The recipe's batches, of one process.
        name: What the report calls the model; its kind unless given.
        pair: Two backends that train.
        steps: How many steps; the recipe's epochs unless given.
        progress: Called with a line of text as it goes on.
    """
    if recipe.precision not in ("float64", "float32"):
        raise InputError(f"lockstep: precision={recipe.precision!r} cannot be judged; use float64, or float32")
    whole = recipe.epochs * batches.steps_per_epoch
    spec = model.deterministic()
    plan = Plan(recipe=recipe, spec=spec, batches=batches, pair=pair, steps=min(steps or whole, whole))
    start = time.perf_counter()
    run = _Lockstep(plan, progress or (lambda text: None))
    run.train()
    return run.report(name or model.kind, spec != model, time.perf_counter() - start)


@dataclass
class _Lockstep:
    """The runs of a plan, each left to itself, and what is known of their steps so far."""

    plan: Plan
    say: Say
    losses: list[StepLosses] = field(default_factory=list)
    worst: dict[str, tuple[Comparison, float]] = field(default_factory=dict)
    zero: dict[str, None] = field(default_factory=dict)
    swapped: int = 0
    parting: Parting | None = None
    opened: list[Open] = field(default_factory=list)
    tied: list[Open] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.both: tuple[Run, Run] = self.plan.run(0), self.plan.run(1)
        self.nudged = self.plan.run(0, trial=0)
        self.checker = Checker(self.plan)

    def train(self) -> None:
        """Train to the end, or to where the runs part."""
        first, second = (run.held() for run in self.both)
        apart = exact(0, self.plan.dtype, Claim(left=first, right=second, pair=self.plan.pair))
        if apart:
            self.parting = Parting(step=0, first=apart[0], others=apart[1:], why="they start from other bits")
            return
        self.nudged.place(self.both[0].trainer.state())
        for left, right in zip_longest(*(run.feed() for run in self.both)):
            self.step(left, right)
            if self.parting is not None:
                return

    def step(self, left: Fed | None, right: Fed | None) -> None:
        """One step of all runs; a side whose loader has ended is fed None."""
        plan, number = self.plan, len(self.losses) + 1
        batches = (fed.arrays(side) if fed else {} for fed, side in zip((left, right), plan.pair, strict=True))
        ours, theirs = batches
        given = exact(number, plan.dtype, Claim(left=ours, right=theirs, pair=plan.pair))
        if given or left is None or right is None:
            self.parting = Parting(step=number, first=given[0], others=given[1:], why="they are fed other batches")
            return
        fed = left, right
        later = left.epoch > 0 and left.step % plan.batches.steps_per_epoch == 0
        test: Array | None = next(iter(plan.batches.testing())).images if later else None
        places = [At(state=run.trainer.state(), fed=fed, test=test) for run in self.both]
        answers = [{} if test is None else run.answer(test) for run in self.both]
        taken = [answer | run.take(one) for run, answer, one in zip(self.both, answers, fed, strict=True)]
        losses = [float(found[LOSS]) for found in taken]
        self.losses.append(StepLosses(first=losses[0], second=losses[1], nudge=abs(self.nudged.go(left) - losses[0])))
        self.say(f"step {number} of {plan.steps}: loss {losses[0]:.4f} and {losses[1]:.4f}")
        # What moves a state into the second framework is seen in these as well.
        for own in (1, 0) if later else (1,):
            found = self.checker.check(own, places[own], taken[own])
            if found.failing:
                self.part(found, places[own], own)
                return
            self.remember(found)
            self.swapped += own == 0

    def remember(self, found: Verdicts) -> None:
        """Keep what the report says of a step that does not part."""
        for one in found.judged:
            if one.zero:
                if one.group == "gradients" and one.dtype == "float64":
                    self.zero[one.name] = None
                continue
            kind = one.group if one.dtype == self.plan.dtype else f"{one.group} in {one.dtype}"
            known = self.worst.get(kind)
            if one.passed and (known is None or one.difference.relative > known[0].difference.relative):
                floor = found.floors.get((one.dtype, (one.group, one.name)))
                nudge = 0.0 if floor is None else float(floor.max(initial=0.0)) / (one.difference.scale or 1.0)
                self.worst[kind] = one, nudge
        if found.open:
            self.opened.append(Open(step=found.step, where=found.open[0]))
        if found.tied:
            self.tied.append(Open(step=found.step, where=found.tied[0]))

    def part(self, found: Verdicts, at: At, own: int) -> None:
        """The runs part: why, and what the lab says of the two models there."""
        first, others = found.failing[0], found.failing[1:]
        self.say(f"step {found.step}: they part")
        lab = None
        if first.dtype == self.plan.dtype == "float32":
            why = f"in float64 both take this step alike: so {first.pair[0]} computes in float32 what it should not"
        else:
            why = f"both took this step from {self.plan.pair[own]}'s bits: {reason(first)}"
            if found.step > 1:
                why += "; or what moves a state between frameworks"
            self.say("the two models in the lab")
            lab = in_the_lab(self.checker.exact, at, first)
        self.parting = Parting(step=found.step, first=first, others=others, why=why, lab=lab)

    def report(self, name: str, without_dropout: bool, seconds: float) -> LockstepReport:
        plan = self.plan
        return LockstepReport(
            model=name, pair=plan.pair, precision=plan.dtype, batch_size=plan.recipe.batch_size,
            steps=len(self.losses), losses=self.losses, drift=self.drift(), worst=self.worst, zero=list(self.zero),
            swapped=self.swapped, parting=self.parting, opened=self.opened, tied=self.tied,
            without_dropout=without_dropout, seconds=seconds,
        )  # fmt: skip

    def drift(self) -> dict[str, Drift]:
        """How far weights and buffers of the runs have come apart, and of the nudged run, each left to itself."""
        found = {}
        held = [run.held() for run in (*self.both, self.nudged)]
        for group in ("weights", "buffers"):
            own, other, nudged = (
                np.concatenate([a.reshape(-1) for key, a in one.items() if key[0] == group] or [np.zeros(0)])
                for one in held
            )
            found[group] = Drift(apart=distance(own, other), nudge=distance(own, nudged))
        return found
