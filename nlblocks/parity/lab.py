"""Compare two models that nobody here wrote: pair, transfer, run, judge, localise, explain."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from nlblocks.backend import Array
from nlblocks.errors import InputError
from nlblocks.init import generator
from nlblocks.parity.causes import accepted
from nlblocks.parity.inputs import keywords, split
from nlblocks.parity.judge import Judge
from nlblocks.parity.lab_report import LabReport
from nlblocks.parity.optimisers import STEPS, Maker, Optimiser, makers
from nlblocks.parity.pairing import Pairing, Rename, check_rename, pair
from nlblocks.parity.scales import Runs
from nlblocks.parity.subject import Subject, tracer_of
from nlblocks.parity.trace import Trace
from nlblocks.parity.training import judge_training
from nlblocks.parity.transfer import moved, randomised

Progress = Callable[[str], None]


def arrays_of(inputs: Any, seed: int = 0) -> tuple[Array, ...]:
    """Inputs as arrays: an array, a tuple of arrays, or the shape of one random input.

    Raises InputError where they are none of these.
    """
    if isinstance(inputs, tuple | list) and inputs and all(isinstance(n, int | np.integer) for n in inputs):
        if any(n < 1 for n in inputs):
            raise InputError(f"inputs={list(inputs)}: a shape needs whole numbers of at least 1")
        drawn = generator(seed, "lab:input").normal(size=tuple(int(n) for n in inputs))
        return (drawn.astype(np.float32).astype(np.float64),)
    given = list(inputs) if isinstance(inputs, tuple | list) else [inputs]
    if not given:
        raise InputError("inputs is empty; give an array, a tuple of arrays, or a shape such as (2, 3, 224, 224)")
    arrays: list[Array] = []
    for index, value in enumerate(given):
        if isinstance(value, tuple | list) and value and all(isinstance(n, int) for n in value):
            arrays += arrays_of(tuple(value), seed + index)
            continue
        array = _array(value, index)
        if array.dtype.kind not in "fiub":
            raise InputError(f"inputs[{index}] has dtype {array.dtype}; give arrays of numbers, or a shape")
        if not array.size:
            raise InputError(
                f"inputs[{index}] has shape {list(array.shape)} and holds nothing; nothing could be compared"
            )
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise InputError(f"inputs[{index}] holds NaN or infinity; nothing could be compared")
        arrays.append(array.astype(np.float64) if array.dtype.kind == "f" else array)
    return tuple(arrays)


def _array(value: Any, index: int) -> Array:
    try:
        return np.asarray(value.detach().cpu().numpy() if hasattr(value, "detach") and hasattr(value, "cpu") else value)
    except Exception as error:  # whatever a foreign object's conversion raises
        text = f"inputs[{index}] is a {type(value).__name__}, which is no array: {' '.join(str(error).split())}"
        raise InputError(f"{text}; give arrays of numbers, or a shape") from None


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
    a, b = Subject(left, arrays, seed, names=by["left"]), Subject(right, arrays, seed, names=by["right"])
    a.constants, b.constants = b.tracer.constants, a.tracer.constants
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


def training_rules(
    left: Any, right: Any, optimiser: Optimiser | None, steps: int | None
) -> tuple[Maker, Maker, int] | None:
    """The functions that make the optimisers and the number of steps; None where no training is wanted."""
    if steps is not None and (isinstance(steps, bool) or not isinstance(steps, int) or steps < 0):
        raise InputError(f"steps={steps!r} must be a whole number of at least 0")
    left_rule, right_rule = makers(optimiser or "sgd", (tracer_of(left).name, tracer_of(right).name))
    count = steps if steps is not None else 1 if optimiser is None else STEPS
    return (left_rule, right_rule, count) if count else None


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


__all__ = ["Pairing", "Sequence", "compare"]
