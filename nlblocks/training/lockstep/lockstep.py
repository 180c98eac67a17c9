"""Two frameworks trained side by side, in order: the same start, every step judged, a reason where they part."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import zip_longest

from nlblocks.errors import InputError
from nlblocks.numerics import Comparison
from nlblocks.numerics.tolerance import MORE_NUDGES, NUDGES
from nlblocks.specs.base import BlockSpec
from nlblocks.training.data import Batches
from nlblocks.training.lockstep.explaining import alone, in_the_lab, reason
from nlblocks.training.lockstep.judging import Judge, Verdicts
from nlblocks.training.lockstep.plan import LOSS, Fed, Moved, Plan, Results, Run
from nlblocks.training.lockstep.report import Dead, LockstepReport, Open, Parting, StepLosses
from nlblocks.training.recipes import Recipe
from nlblocks.training.running import TrainingState

Say = Callable[[str], None]


def lockstep(
    recipe: Recipe, model: BlockSpec, batches: Batches, *, name: str = "", pair: tuple[str, str] = ("torch", "paddle"),
    steps: int | None = None, progress: Say | None = None,
) -> LockstepReport:  # fmt: skip
    """Whether a model trains the same in two backends: side by side, from the same bits, on the same batches.

    After every step the loss, gradients, buffers, optimiser's slots and weights of both are compared, and judged by
    what the same training does whose first weights, and all images, are one unit in the last place off. It ends where
    they part. Random parts (dropout) are off. Raises InputError for mixed precision, which rounds by its own rules.

    Args:
        recipe: How it is trained, in float64, which judges, or float32, which is explained as far as it is not chaotic.
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
    """The runs of a plan, and what is known of them so far."""

    plan: Plan
    say: Say
    losses: list[StepLosses] = field(default_factory=list)
    worst: dict[str, tuple[Comparison, float]] = field(default_factory=dict)
    dead: dict[str, Dead] = field(default_factory=dict)
    drifting: dict[str, None] = field(default_factory=dict)
    alone: int = 0
    alone_unjudged: dict[str, None] = field(default_factory=dict)
    parting: Parting | None = None
    unjudged: Open | None = None
    chaos: Open | None = None

    def __post_init__(self) -> None:
        self.first, self.second = self.plan.run(0), self.plan.run(1)
        self.judge = Judge(self.plan.pair, self.plan.dtype)
        self.start: TrainingState = self.first.trainer.state()
        self.nudged: list[Run] = []

    def train(self) -> None:
        """Train to the end, or to where the runs part."""
        plan = self.plan
        apart = self.judge.exact(0, self.first.held(), self.second.held())
        if apart:
            self.parting = Parting(step=0, first=apart[0], others=apart[1:], alone="they start from other bits")
            return
        self.nudged = [plan.nudged(self.start, trial) for trial in range(NUDGES)]
        for left, right in zip_longest(self.first.feed(), self.second.feed()):
            self.step(left, right)
            if self.parting is not None:
                return

    def step(self, left: Fed | None, right: Fed | None) -> None:
        """One step of all runs; a side whose loader has ended is fed None."""
        plan, number = self.plan, len(self.losses) + 1
        batches = (fed.arrays(side) if fed else {} for fed, side in zip((left, right), plan.pair, strict=True))
        given = self.judge.exact(number, *batches)
        if given or left is None or right is None:
            self.parting = Parting(step=number, first=given[0], others=given[1:], alone="they are fed other batches")
            return
        before = self.first.trainer.state()
        fed = left, right
        ours, theirs = results = self.first.take(left), self.second.take(right)
        moved = [run.moved(run.take(fed[run.side])) for run in self.nudged]
        nudge = max(abs(float(one.results[LOSS]) - float(results[one.side][LOSS])) for one in moved)
        self.losses.append(StepLosses(first=float(ours[LOSS]), second=float(theirs[LOSS]), nudge=nudge))
        self.say(f"step {number} of {plan.steps}: loss {float(ours[LOSS]):.4f} and {float(theirs[LOSS]):.4f}")
        if not self.chaos:
            found = self.verdicts(number, ours, theirs, moved)
            if found.failing:
                self.part(found, before, fed, ours)
                return
            self.remember(found)
        if left.epoch and left.step % plan.batches.steps_per_epoch == 0:
            self.step_alone(before, fed, ours)

    def verdicts(self, number: int, ours: Results, theirs: Results, moved: list[Moved]) -> Verdicts:
        """The step, judged by as many nudged runs as it takes: a few may not show what rounding does."""
        if self.unjudged:  # the losses alone are left
            ours, theirs = {LOSS: ours[LOSS]}, {LOSS: theirs[LOSS]}
        found = self.judge.judge(number, ours, theirs, moved)
        while found.doubtful and len(self.nudged) < MORE_NUDGES:
            for trial in range(len(self.nudged), min(2 * len(self.nudged), MORE_NUDGES)):
                self.say(f"step {number}: nudged run {trial + 1} of at most {MORE_NUDGES}")
                run = self.plan.nudged(self.start, trial)
                self.nudged.append(run)
                moved.append(run.moved(run.take_until(number)))
            found = self.judge.judge(number, ours, theirs, moved)
        self.judge.alive |= found.faint
        return found

    def remember(self, found: Verdicts) -> None:
        """Keep what the report says of a step that does not part."""
        for one in found.judged:
            key = (one.group, one.name)
            scale = one.difference.scale or 1.0
            known = self.worst.get(one.group)
            if (
                one.passed
                and one.name not in found.dead
                and (known is None or one.difference.relative > known[0].difference.relative)
            ):
                self.worst[one.group] = one, found.nudged.get(key, 0.0) / scale
        self.drifting |= dict.fromkeys(one.name for one in found.loose)
        if not self.unjudged:
            self.dead = {name: dead for name, dead in self.dead.items() if name in found.dead}
            for one in found.unsettled:
                apart = one.difference.error
                if one.name not in self.dead or apart > self.dead[one.name].apart:
                    self.dead[one.name] = Dead(name=one.name, apart=apart, nudge=found.nudged[one.group, one.name])
        # Running statistics may drift with a dead bias; from the same bits they do not, and are judged.
        for one in found.open + (found.loose if found.step == 1 else []):
            self.unjudged = self.unjudged or Open(step=found.step, where=one)
            if one.group == "loss":
                self.chaos = Open(step=found.step, where=one)

    def part(self, found: Verdicts, before: TrainingState, fed: tuple[Fed, Fed], ours: Results) -> None:
        """The runs part: take the step again from the same bits, to see whether it is the step that does it."""
        self.say(f"step {found.step}: they part; the same step from the same bits")
        again = self.judged_alone(before, fed, ours)
        lab = None
        if again.failing:
            first = again.failing[0]
            text = f"taken from the same bits, this step parts too: {reason(first)}"
            self.say("the two models in the lab")
            lab = in_the_lab(self.plan, before, fed[0], first)
        else:
            text = "taken from the same bits, this step agrees: what parts them came before, and has grown"
        self.parting = Parting(step=found.step, first=found.failing[0], others=found.failing[1:], alone=text, lab=lab)

    def step_alone(self, before: TrainingState, fed: tuple[Fed, Fed], ours: Results) -> None:
        """A step once more, from the same bits on both sides: nothing has drifted there."""
        found = self.judged_alone(before, fed, ours)
        self.alone += 1
        self.alone_unjudged |= dict.fromkeys(f"{one.group} of {one.name}" for one in found.open)
        if found.loose and not self.unjudged:
            self.unjudged = Open(step=found.step, where=found.loose[0])
        if found.failing:
            first, others = found.failing[0], found.failing[1:]
            text = f"so where both take this step from {self.plan.pair[0]}'s bits: {reason(first)}"
            if not self.chaos and not self.unjudged:
                text += "; or what moves a state between frameworks, for side by side they agree in this step"
            self.parting = Parting(step=found.step, first=first, others=others, alone=text)

    def judged_alone(self, before: TrainingState, fed: tuple[Fed, Fed], ours: Results) -> Verdicts:
        """The step from the same bits, judged by a judge that knows what had a gradient, and no drift."""
        found = alone(self.plan, self.judge.again(), before, fed, ours, range(NUDGES))
        if found.doubtful:
            return alone(self.plan, self.judge.again(), before, fed, ours, range(MORE_NUDGES))
        return found

    def report(self, name: str, without_dropout: bool, seconds: float) -> LockstepReport:
        plan = self.plan
        return LockstepReport(
            model=name, pair=plan.pair, precision=plan.dtype, batch_size=plan.recipe.batch_size,
            steps=len(self.losses), losses=self.losses, worst=self.worst, dead=list(self.dead.values()),
            drifting=list(self.drifting), alone=self.alone, alone_unjudged=list(self.alone_unjudged),
            nudges=len(self.nudged), parting=self.parting, unjudged=self.unjudged, chaos=self.chaos,
            without_dropout=without_dropout, seconds=seconds,
        )  # fmt: skip
