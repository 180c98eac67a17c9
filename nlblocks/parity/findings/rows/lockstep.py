"""What it means that a step of two trainings in lockstep parts first in a kind of tensor."""

from __future__ import annotations

from nlblocks.parity.findings.cause import Cause

COMPARE = "compare the two models: nlblocks compare names the place and the cause"
OPTIMISERS = "compare the two optimisers: nlblocks compare --optimiser names the setting"
LOCKSTEP = {
    "lockstep.evaluation": Cause(
        "the same weights answer test images otherwise: evaluation differs",
        mend=COMPARE,
        shows="losses of training agree, and losses or answers on test images part first",
    ),
    "lockstep.loss": Cause(
        "the same weights and batch give another loss: the forward pass differs, or the loss itself",
        mend=COMPARE,
        shows="a step from the same bits parts first in its loss",
    ),
    "lockstep.buffers": Cause(
        "the losses agree and running statistics do not: their momentum differs, or which variance they keep",
        mend=COMPARE,
        shows="a step from the same bits parts first in its buffers",
    ),
    "lockstep.gradients": Cause(
        "the losses agree and gradients do not: the backward pass differs, or the loss's scale, or clipping",
        mend=COMPARE,
        shows="a step from the same bits parts first in its gradients",
    ),
    "lockstep.slots": Cause(
        "the gradients agree and what the optimiser keeps of them does not: its decay rates, or its weight decay",
        mend=OPTIMISERS,
        shows="a step from the same bits parts first in what the optimiser keeps: moments, velocities",
    ),
    "lockstep.weights": Cause(
        "gradients and slots agree and the way of the weights does not: learning rate, eps, bias correction or weight "
        "decay",
        mend=OPTIMISERS,
        shows="a step from the same bits parts first in the weights themselves",
    ),
}
