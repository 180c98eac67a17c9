"""Why two trainings part: what it means that a step from the same bits does, and the two models in the lab."""

from __future__ import annotations

from nlblocks.numerics import Comparison
from nlblocks.parity.compare import compare
from nlblocks.parity.findings import CAUSES
from nlblocks.parity.rendering import LabReport
from nlblocks.training.lockstep.checking import Bench
from nlblocks.training.lockstep.plan import FORWARD, IMAGES, At


def reason(found: Comparison) -> str:
    """What may cause that a step from the same bits parts first in a tensor."""
    steps = CAUSES.in_lockstep
    return steps.get(f"lockstep.{found.group}", steps["lockstep.slots"])


def in_the_lab(bench: Bench, at: At, found: Comparison) -> LabReport | None:
    """The lab's own comparison of the two models at a state, on a batch; None where the models have no part in it."""
    if found.group not in FORWARD:
        return None
    left, right = (bench.placed(side, at).trainer.model for side in (0, 1))
    images = at.fed[0].arrays(bench.plan.pair[0])[IMAGES]
    return compare(left, right, images, randomise=False, steps=0)
