"""Why two trainings part: the step where they do, taken again from the same bits, and the two models in the lab."""

from __future__ import annotations

from nlblocks.numerics import Comparison
from nlblocks.parity.compare import compare
from nlblocks.parity.rendering import LabReport
from nlblocks.training.lockstep.judging import FORWARD, Judge, Verdicts
from nlblocks.training.lockstep.plan import IMAGES, Fed, Plan, Results
from nlblocks.training.running import TrainingState

CAUSES = {
    "evaluation": "the same weights answer test images otherwise: evaluation differs",
    "loss": "the same weights and batch give another loss: the forward pass differs, or the loss itself",
    "buffers": "the losses agree and running statistics do not: their momentum differs, or which variance they keep",
    "gradients": "the losses agree and gradients do not: the backward pass differs, or the loss's scale, or clipping",
    "slots": "the gradients agree and what the optimiser keeps of them does not: its decay rates, or its weight decay",
    "weights": "gradients and slots agree and the way of the weights does not: learning rate, eps, bias correction or"
    " weight decay",
}
"""What it means that a step from the same bits parts first in a kind of tensor."""


def alone(
    plan: Plan, judge: Judge, before: TrainingState, fed: tuple[Fed, Fed], ours: Results, trials: range
) -> Verdicts:
    """A step that the first framework took from a state, taken by the second from the same bits, and judged.

    So is what they answer to test images before it.
    """
    test = next(iter(plan.batches.testing())).images
    answer = plan.run(0, before).answer(test)
    second = plan.run(1, before)
    theirs = second.answer(test) | second.take(fed[1])
    moved = []
    for trial in trials:
        run = plan.nudged(before, trial)
        moved.append(run.moved(run.answer(test) | run.take(fed[run.side])))
    return judge.judge(fed[0].step + 1, {**answer, **ours}, theirs, moved)


def reason(found: Comparison) -> str:
    """What may cause that a step from the same bits parts first in a tensor."""
    return CAUSES.get(found.group, CAUSES["slots"])


def in_the_lab(plan: Plan, before: TrainingState, fed: Fed, found: Comparison) -> LabReport | None:
    """The lab's own comparison of the two models at a state, on a batch; None where the models have no part in it."""
    if found.group not in FORWARD:
        return None
    left, right = (plan.run(side, before).trainer.model for side in (0, 1))
    images = fed.arrays(plan.pair[0])[IMAGES]
    return compare(left, right, images, randomise=False, steps=0)
