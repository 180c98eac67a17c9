"""Compare two models that nobody here wrote: pair, transfer, run, judge, localise, explain."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Any

from nlblocks.parity.findings import Finding
from nlblocks.parity.judging import Judge
from nlblocks.parity.pairing import Rename, pair
from nlblocks.parity.rendering import LabReport
from nlblocks.parity.running import Subject, TrainingPlan


def compare(
    left: Any, right: Any, inputs: Any, *, rename: Rename | None = None, seed: int = 0, randomise: bool = True,
    transfer: bool = True, training: bool = True, steps: int | None = None, accept: Collection[str] = (),
    optimiser: str | tuple[Any, Any] | None = None, targets: Collection[int | str] | int | str = (),
    initialisation: bool = False, progress: Callable[[str], None] | None = None,
) -> LabReport:  # fmt: skip
    """Whether two models, of any two frameworks, are the same program; if not, where they part and why.

    The parameterised layers are paired, the left's weights are given to the right in its own layouts, and both run in
    float64 and in their own dtype: eval forward, train forward, backward, buffers, and steps of an optimiser. Neither
    model is changed. What cannot be run is said to be not compared, and the rest is compared. Raises InputError where
    the inputs or models cannot be used at all: where both models fail however they are run.

    Args:
        left: A model of torch, of Paddle or of another registered backend; or an ONNX file, as
            :class:`nlblocks.exchange.side.OnnxModel`, which has no training: forward in evaluation alone is compared.
        right: The other one.
        inputs: An array, the shape of a random input, a tuple of these, or a dict of them by forward's argument names.
        rename: Pairs by hand: {left name or prefix: right name}, or a function from left to right parameter names. It
            has the last word, down to single tensors, and the report says what it did.
        seed: Fixes random inputs, weights, dropout masks and output gradients.
        randomise: Make constant tensors (zero gates, fresh statistics) random; False keeps every weight as it is.
        transfer: False keeps each model's own weights; differing ones are then a finding.
        training: False compares the evaluation forward only.
        initialisation: Of models that were just built, whether their initialisers are alike; said without transfer too.
        steps: How many optimiser steps to compare: unless given, 3 with ``optimiser``, and one without.
        optimiser: "sgd" (the default), "momentum", "adam" or "adamw", made natively on both sides, with settings if
            wanted, e.g. "adam:lr=0.01,eps=1e-6"; or a pair of functions from a list of parameters to an optimiser.
        accept: Causes that are known and wanted, e.g. "batch_norm.variance" (the frameworks' own layers keep another
            variance): noted, and no reason for a false report unless they change the outputs or gradients. What is
            left with them taken away must agree.
        targets: Inputs that a loss compares with, by position or name (labels, scores of a teacher): exact data, which
            no rounding moves and of which no gradient is wanted. What goes into a loss as that and into nothing else
            is known to be one.
        progress: Called with a line of text as the comparison goes on.
    """
    start = time.perf_counter()
    Subject.check_switches(randomise=randomise, transfer=transfer, training=training, initialisation=initialisation)
    say = Subject.listener(progress)
    plans = TrainingPlan.of(left, right, optimiser, steps)
    a, b = Subject.both(left, right, inputs, seed, say, targets)
    untrained = (a.untrained or b.untrained) if training else ""
    training = training and not untrained
    trained = (lambda: (a.in_training(), b.in_training())) if training else None
    structures = Subject.structures(a, b, training=training)
    (a, b), structures, refitted = Subject.refitted(a, b, structures, training=training)
    a, b = a.aimed(*structures), b.aimed(*structures)
    pairing = pair(*structures, rename, trained).weighed((a.own, b.own))
    pairing = pairing.filed((a.filed, b.filed), (a.own, b.own))
    own = pairing.states((a.own, b.own), seed, randomise=randomise, transfer=transfer)
    a, b = a.with_state(own[0]).with_plan(plans[0]), b.with_state(own[1]).with_plan(plans[1])
    judge = Judge(a, b, pairing, seed, accept)
    if refitted:
        judge.report.find(Finding(phase="eval forward", place="output", severity="note", explanation=refitted))
    if initialisation or not transfer:
        judge.report.initialise(pairing.initialised((a.own, b.own)), listed=initialisation)
    judge.judge(transferred=transfer, training=training, steps=plans[0] is not None)
    plain = f"training, because {untrained}: forward in evaluation alone was compared" if untrained else ""
    judge.report.skip(*filter(None, (a.inputs.ungraded if training else "", plain)))
    return judge.build(LabReport, a.shapes, time.perf_counter() - start, (structures[0].lines, structures[1].lines))
