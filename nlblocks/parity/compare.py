"""Compare two models that nobody here wrote: pair, transfer, run, judge, localise, explain."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Any

from nlblocks.errors import InputError
from nlblocks.parity.findings.causes import accepted
from nlblocks.parity.findings.report import LabReport
from nlblocks.parity.judging.judge import Judge
from nlblocks.parity.judging.training import judge_training
from nlblocks.parity.pairing.pair import Rename, check_rename, pair
from nlblocks.parity.pairing.transfer import moved, randomised
from nlblocks.parity.running.find_tracer import tracer_of
from nlblocks.parity.running.inputs import arrays_of, keywords, split
from nlblocks.parity.running.optimisers import Optimiser, training_rules
from nlblocks.parity.running.passes import Runs
from nlblocks.parity.running.subject import Subject
from nlblocks.parity.tracing.trace import Trace

Progress = Callable[[str], None]


def compare(
    left: Any,
    right: Any,
    inputs: Any,
    *,
    rename: Rename | None = None,
    seed: int = 0,
    randomise: bool = True,
    transfer: bool = True,
    training: bool = True,
    steps: int | None = None,
    optimiser: Optimiser | None = None,
    accept: Collection[str] = (),
    progress: Progress | None = None,
) -> LabReport:
    """Whether two models, of any two frameworks, are the same program; if not, where they part and why.

    The parameterised layers are paired, the left model's weights are given to the right one in its own layouts
    (``transfer``), constant tensors (zero gates, fresh statistics) are made random (``randomise``), and both run in
    float64 and in their own dtype: eval forward and, with ``training``, train forward, backward, buffers, and steps of
    an optimiser. Neither model is changed.

    Args:
        left: A torch or Paddle model.
        right: The other one.
        inputs: An array, the shape of one random input, a tuple of these, or a dict of them by the names that the
            models' forward gives them.
        rename: Pairs by hand: {left name or prefix: right name}, or a function from left to right parameter names.
        seed: Fixes random inputs, weights, dropout masks and output gradients.
        randomise: False keeps every weight as it is.
        transfer: False keeps each model's own weights; differing ones are then a finding.
        training: False compares the evaluation forward only.
        steps: How many optimiser steps to compare: unless given, 3 with ``optimiser``, and one without.
        optimiser: "sgd", "momentum", "adam" or "adamw", made natively on both sides, with settings if wanted, e.g.
            "adam:lr=0.01,eps=1e-6"; or two functions from a list of parameters to an optimiser, for the left and for
            the right. It is "sgd" unless given.
        accept: Causes that are known and wanted, e.g. "batch_norm.variance" (the frameworks' own layers keep another
            variance): they are noted and do not make the report false, unless they change the outputs or gradients.
        progress: Called with a line of text as the comparison goes on.

    Raises:
        InputError: The inputs or models cannot be used at all.
    """
    start = time.perf_counter()
    if progress is not None and not callable(progress):
        raise InputError(f"progress={progress!r} must be a function of a line of text")
    say = progress or (lambda text: None)
    rules = training_rules(left, right, optimiser, steps)
    names, values = split(inputs)
    arrays = arrays_of(values, seed)
    by = keywords({"left": left, "right": right}, names)
    a = Subject(left, arrays, seed, tracer_of(right).rounding, by["left"])
    b = Subject(right, arrays, seed, tracer_of(left).rounding, by["right"])
    say("pairing")
    probes = a.probe(), b.probe()
    if probes[0].error and probes[1].error:
        shapes = ", ".join(f"{list(array.shape)} {array.dtype}" for array in arrays)
        raise InputError(f"both models fail on inputs {shapes}: left: {probes[0].error}; right: {probes[1].error}")
    check_rename(rename, *probes)
    pairing = pair(*probes, rename)
    a.state = randomised(pairing, a.own, seed) if randomise else a.own
    b.state = moved(pairing, a.state, randomised(pairing, b.own, seed) if randomise else b.own) if transfer else b.own
    report = LabReport(
        left=_named(a),
        right=_named(b),
        pairing=pairing,
        seed=seed,
        accept=accepted(accept),
        shapes=tuple(tuple(array.shape) for array in arrays),
    )
    trainable = all(any(tensor.trainable for tensor in probe.state.values()) for probe in probes)
    del probes
    judge = Judge(report, _runs(a, say), _runs(b, say), pairing, seed)
    judge.pairing(transferred=transfer, states=(a.state, b.state))
    judge.evaluation()
    if training:
        judge.training(a.state)
    judge.own_dtype((a.dtype, b.dtype), training=training)
    if training and rules is not None:
        asked = bool(steps) or optimiser is not None
        if not judge.agrees:
            if asked:
                report.not_compared.append("steps of training, because the models differ before")
        elif not trainable:
            if asked:
                report.not_compared.append("steps of training, because a model has nothing to train")
        else:
            say(f"{a.tracer.name}: training")
            mine = a.train(rules[0], "left", rules[2])
            say(f"{b.tracer.name}: training")
            judge_training(judge, mine, b.train(rules[1], "right", rules[2]), a.state)
    report.seconds = time.perf_counter() - start
    return report


def _named(subject: Subject) -> str:
    return f"{type(subject.model).__name__} ({subject.tracer.name})"


def _runs(subject: Subject, say: Progress) -> Runs:
    def run(**options: Any) -> Trace:
        say(
            f"{subject.tracer.name}: {'train' if options.get('training') else 'eval'}, "
            f"{options.get('dtype', 'float64')}"
        )
        return subject.run(**options)

    return Runs(run, subject.noise, subject.redraw)
