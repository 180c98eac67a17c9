"""Why two trainings part: what it means that a step from the same bits does, and the two models in the lab."""

from __future__ import annotations

from nlblocks.numerics import Comparison
from nlblocks.parity.compare import compare
from nlblocks.parity.rendering import LabReport
from nlblocks.training.lockstep.checking import Bench
from nlblocks.training.lockstep.plan import FORWARD, IMAGES, At

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


def reason(found: Comparison) -> str:
    """What may cause that a step from the same bits parts first in a tensor."""
    return CAUSES.get(found.group, CAUSES["slots"])


def in_the_lab(bench: Bench, at: At, found: Comparison) -> LabReport | None:
    """The lab's own comparison of the two models at a state, on a batch; None where the models have no part in it."""
    if found.group not in FORWARD:
        return None
    left, right = (bench.placed(side, at).trainer.model for side in (0, 1))
    images = at.fed[0].arrays(bench.plan.pair[0])[IMAGES]
    return compare(left, right, images, randomise=False, steps=0)
