"""Compare two models that nobody here wrote: pair, transfer, run, judge, localise, explain."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from nlblocks.backend import Array, State, rows
from nlblocks.errors import InputError
from nlblocks.init import generator
from nlblocks.parity.causes import accepted
from nlblocks.parity.inputs import keywords, split
from nlblocks.parity.judge import Judge, Runs
from nlblocks.parity.lab_report import LabReport
from nlblocks.parity.optimisers import STEPS, Maker, Optimiser, makers
from nlblocks.parity.pairing import Pairing, Rename, check_rename, pair
from nlblocks.parity.trace import RunOptions, Trace, Tracer
from nlblocks.parity.training import History, history, judge_training
from nlblocks.parity.transfer import moved, randomised

NUDGES = 2
CONSTANTS = 1 / 8
"""Rounding of constants counts less than RATIO times: RATIO / 8 = 4 times what it was measured to do."""
Progress = Callable[[str], None]


def tracer_of(model: Any) -> Tracer:
    """The tracer of the framework that a model belongs to. Raises InputError where it is no model."""
    if isinstance(model, type):
        raise InputError(f"{model.__name__} is a class; give a model, i.e. {model.__name__}(...)")
    import importlib

    for name, row in rows().items():
        if row.framework is not None and row.installed and _mentions(model, row.framework):
            tracer: Tracer = importlib.import_module(f"{row.module}.tracing").tracer
            if tracer.owns(model):
                return tracer
            raise InputError(f"{type(model).__name__} is no {name} module; give a model, e.g. an nn.Module or nn.Layer")
    raise InputError(f"{type(model).__name__} is no model of an installed framework; give an nn.Module or an nn.Layer")


def _mentions(model: Any, framework: str) -> bool:
    return any(base.__module__.partition(".")[0] == framework for base in type(model).__mro__)


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


class Subject:
    """One model under comparison, with the state that it is run in."""

    def __init__(
        self,
        model: Any,
        inputs: tuple[Array, ...],
        seed: int,
        constants: str = "exact",
        names: tuple[str, ...] = (),
    ) -> None:
        self.model, self.tracer, self.inputs, self.seed = model, tracer_of(model), inputs, seed
        self.constants, self.names = constants, names
        self.own: State = self.tracer.state(model)
        self.state: State = self.own

    @property
    def dtype(self) -> str:
        return self.tracer.dtype(self.model)

    def probe(self) -> Trace:
        """The structure: one run that keeps no values."""
        return self.tracer.run(self.model, self._options(self.inputs, dtype="float64", capture=False), self.own)

    def run(
        self,
        *,
        training: bool,
        dtype: str = "float64",
        capture: bool = True,
        nudge: int | None = None,
        backward: bool | None = None,
        constants: str = "",
    ) -> Trace:
        state, inputs = self.state, self.inputs
        if nudge is not None:
            state = {name: _nudged(value, nudge, name, dtype) for name, value in state.items()}
            inputs = tuple(_nudged(value, nudge, f"input:{i}", dtype) for i, value in enumerate(inputs))
        options = self._options(
            inputs,
            constants=constants or self.constants,
            training=training,
            dtype=dtype,
            capture=capture,
            backward=training if backward is None else backward,
        )
        return self.tracer.run(self.model, options, state)

    def _options(self, inputs: tuple[Array, ...], **changes: Any) -> RunOptions:
        given = {"inputs": inputs, "names": self.names, "seed": self.seed, "constants": self.constants}
        return RunOptions(**{**given, **changes})

    def train(self, maker: Maker, side: str, steps: int) -> History:
        """Steps of training in float64."""
        options = self._options(self.inputs, training=True, dtype="float64", capture=False, backward=True)

        def again(other: Maker) -> list[State]:
            return self.tracer.train(self.model, options, self.state, steps=steps, optimiser=other)

        return history(self.tracer.name, side, maker, again)

    def noise(self, *, training: bool, dtype: str, base: Trace) -> dict[tuple[str, str], float]:
        """Per tensor, the largest change when inputs and weights move by one unit in the last place.

        Against a framework that holds constants as float32, also the change when the constants are off by as much.
        """
        floors: dict[tuple[str, str], float] = {}
        reference = tensors(base)

        def add(run: Trace, weight: float) -> None:
            for key, value in tensors(run).items():
                if key in reference and value.shape == reference[key].shape and value.size and value.dtype.kind == "f":
                    change = float(np.abs(value - reference[key]).max()) * weight
                    floors[key] = max(floors.get(key, 0.0), change if np.isfinite(change) else 0.0)

        for trial in range(NUDGES):
            add(self.run(training=training, dtype=dtype, capture=False, nudge=trial), 1.0)
        if self.constants == "float32" and self.tracer.constants == "exact" and dtype == "float64":
            add(self.run(training=training, dtype=dtype, capture=False, constants="perturbed"), CONSTANTS)
        return floors


def _nudged(array: Array, trial: int, name: str, dtype: str) -> Array:
    if array.dtype.kind != "f" or dtype not in ("float64", "float32"):
        return array
    array = array.astype(dtype)
    up = generator(trial, f"nudge:{name}").random(array.shape) < 0.5
    moved_array = np.nextafter(array, np.where(up, np.inf, -np.inf).astype(array.dtype))
    return np.where(array == 0, array, moved_array)


def tensors(trace: Trace) -> dict[tuple[str, str], Array]:
    """What a run is judged by, under one key each."""
    found = {("output", name): trace.output(name) for name in trace.outputs}
    found |= {("grad_input", name): value for name, value in trace.grad_inputs.items()}
    found |= {("grad_params", name): value for name, value in trace.grad_params.items()}
    return found | {("buffers", name): value for name, value in trace.buffers_after.items()}


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
            variance): they are noted and do not make the report false, unless they change what a layer computes, which
            would leave everything after it unjudged.
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
    a, b = Subject(left, arrays, seed), Subject(right, arrays, seed)
    by = keywords({"left": left, "right": right}, names)
    a.names, b.names = by["left"], by["right"]
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
    judge = Judge(report, Runs(_run_of(a, say), _noise_of(a)), Runs(_run_of(b, say), _noise_of(b)), pairing, seed)
    judge.pairing(transferred=transfer, states=(a.state, b.state))
    judge.forward("eval")
    if training and judge.agrees:
        judge.forward("train")
        if judge.agrees:
            judge.buffers(a.state)
            judge.backward()
    if judge.agrees:
        judge.single((a.dtype, b.dtype))
    if training and rules is not None:
        if not judge.agrees:
            if steps or optimiser is not None:
                report.not_compared.append("steps of training, because the models differ before")
        elif not all(any(t.trainable for t in probe.state.values()) for probe in probes):
            if steps or optimiser is not None:
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


def _run_of(subject: Subject, say: Progress) -> Callable[..., Trace]:
    def run(**options: Any) -> Trace:
        say(
            f"{subject.tracer.name}: {'train' if options.get('training') else 'eval'}, "
            f"{options.get('dtype', 'float64')}"
        )
        return subject.run(**options)

    return run


def _noise_of(subject: Subject) -> Callable[..., Mapping[tuple[str, str], float]]:
    return subject.noise


__all__ = ["Pairing", "Sequence", "compare"]
