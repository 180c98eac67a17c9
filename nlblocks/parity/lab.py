"""Compare two models that nobody here wrote: pair, transfer, run, judge, localise, explain."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from nlblocks.backend import Array
from nlblocks.errors import InputError
from nlblocks.init import generator
from nlblocks.parity.causes import CAUSES
from nlblocks.parity.judge import Judge
from nlblocks.parity.lab_report import LabReport
from nlblocks.parity.pairing import Pairing, Rename, pair
from nlblocks.parity.scales import Runs
from nlblocks.parity.subject import Subject
from nlblocks.parity.trace import Trace
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
        array = np.asarray(
            value.detach().cpu().numpy() if hasattr(value, "detach") and hasattr(value, "cpu") else value
        )
        if array.dtype.kind not in "fiub":
            raise InputError(f"inputs[{index}] has dtype {array.dtype}; give arrays of numbers, or a shape")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise InputError(f"inputs[{index}] holds NaN or infinity; nothing could be compared")
        arrays.append(array.astype(np.float64) if array.dtype.kind == "f" else array)
    return tuple(arrays)


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
    steps: int = 0,
    optimiser: tuple[Callable[..., Any], Callable[..., Any]] | None = None,
    accept: Collection[str] = (),
    progress: Progress | None = None,
) -> LabReport:
    """Whether two models, of any two frameworks, are the same program; if not, where they part and why.

    The parameterised layers are paired, the left model's weights are given to the right one in its own layouts
    (``transfer``), constant tensors (zero gates, fresh statistics) are made random (``randomise``), and both run in
    float64 and in their own dtype: eval forward and, with ``training``, train forward, backward and buffers; with
    ``optimiser``, two functions from a list of parameters to an optimiser, also ``steps`` steps of training. Neither
    model is changed.

    Args:
        left: A torch or Paddle model.
        right: The other one.
        inputs: An array, a tuple of arrays, or the shape of one random input.
        rename: Pairs by hand: {left name or prefix: right name}, or a function from left to right parameter names.
        seed: Fixes random inputs, weights, dropout masks and output gradients.
        randomise: False keeps every weight as it is.
        transfer: False keeps each model's own weights; differing ones are then a finding.
        training: False compares the evaluation forward only.
        steps: How many optimiser steps to compare; at least 1 where ``optimiser`` are given.
        optimiser: For the left and for the right model.
        accept: Causes that are known and wanted, e.g. "batch_norm.variance" (the frameworks' own layers keep another
            variance): they are noted and do not make the report false.
        progress: Called with a line of text as the comparison goes on.

    Raises:
        InputError: The inputs or models cannot be used at all.
    """
    start = time.perf_counter()
    say = progress or (lambda text: None)
    unknown = [cause for cause in accept if cause not in CAUSES]
    if unknown:
        raise InputError(f"accept={unknown} names no cause of nlblocks.parity.CAUSES")
    if steps and optimiser is None:
        raise InputError(f"steps={steps} needs optimiser=(for the left, for the right)")
    arrays = arrays_of(inputs, seed)
    a, b = Subject(left, arrays, seed), Subject(right, arrays, seed)
    a.constants, b.constants = b.tracer.constants, a.tracer.constants
    say("pairing")
    probes = a.probe(), b.probe()
    if probes[0].error and probes[1].error:
        raise InputError(f"both models raise on this input: {probes[0].error} / {probes[1].error}")
    pairing = pair(*probes, rename)
    a.state = randomised(pairing, a.own, seed) if randomise else a.own
    b.state = moved(pairing, a.state, randomised(pairing, b.own, seed) if randomise else b.own) if transfer else b.own
    report = LabReport(
        left=_named(a),
        right=_named(b),
        pairing=pairing,
        seed=seed,
        accept=tuple(accept),
        shapes=tuple(tuple(array.shape) for array in arrays),
    )
    del probes
    judge = Judge(report, _runs(a, say), _runs(b, say), pairing, seed)
    judge.pairing(transferred=transfer, states=(a.state, b.state))
    judge.evaluation()
    if training:
        judge.training(a.state)
    judge.own_dtype(min(a.dtype, b.dtype), training=training)
    if training and judge.agrees and optimiser is not None:
        say("training")
        histories = [
            subject.tracer.train(
                subject.model,
                subject.options(arrays, training=True, backward=True, keep="results"),
                subject.state,
                steps=max(steps, 1),
                optimiser=rule,
            )
            for subject, rule in zip((a, b), optimiser, strict=True)
        ]
        judge.steps(histories[0], histories[1], a.state)
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

    return Runs(run, subject.noise)


__all__ = ["Pairing", "Sequence", "compare"]
