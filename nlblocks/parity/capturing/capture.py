"""Running a model and keeping all of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from nlblocks.backend import State
from nlblocks.errors import InputError
from nlblocks.numerics.tolerance import MORE_NUDGES, NUDGES
from nlblocks.parity.capturing.file import Capture, load_capture
from nlblocks.parity.pairing import Rename, pair
from nlblocks.parity.running import Subject, TrainingPlan
from nlblocks.parity.tracing import Trace, vocabulary


def capture(
    model: Any, inputs: Any = None, *, like: str | Path | Capture | None = None, seed: int = 0, randomise: bool = True,
    training: bool = True, rename: Rename | None = None, steps: int | None = None,
    optimiser: str | Callable[[list[Any]], Any] | None = None, progress: Callable[[str], None] | None = None,
) -> Capture:  # fmt: skip
    """Run a model and keep all of it. With ``like``, on the inputs and with the weights of another capture.

    The options are those of :func:`nlblocks.parity.compare`, but that training is captured only where ``steps`` or
    ``optimiser``, a name or one function, are given.
    Raises InputError where the model raises, or where not one of inputs and ``like`` is given.
    """
    say = Subject.listener(progress)
    source = like if isinstance(like, Capture) or like is None else load_capture(like)
    if (source is None) == (inputs is None):
        raise InputError("capture needs inputs, or like= another capture, and not both")
    if source is not None:
        named = dict(zip(source.names, source.inputs, strict=True)) if source.names else None
        inputs, seed = named or source.inputs, source.seed
    subject = Subject.alone(model, inputs, seed)
    given = subject.inputs
    if source is not None and len(given.names) > 1 and not subject.names:
        raise InputError(
            f"the capture passes its inputs by name ({', '.join(given.names)}), which {type(model).__name__} does not "
            "know; name them as forward does in both models, or leave the names out to pass them in order"
        )
    both = None if optimiser is None else (optimiser, optimiser)
    asked = training and (bool(steps) or optimiser is not None)
    plan = TrainingPlan.of(model, model, both, steps) if asked else None
    say("reading the structure")
    probe = subject.probe()
    if probe.error:
        raise InputError(f"{type(model).__name__} fails on inputs {given.words}: {probe.error}")
    subject = subject.with_state(_state(subject, probe, source, rename, randomise=randomise))
    traces, floors = _runs(subject, say, training=training)
    history = None
    if plan is not None and subject.trainable and traces["train"].differentiated:
        say("training")
        history = subject.train(plan.left, "captured", plan.steps)
    return Capture(
        model=type(model).__name__,
        framework=subject.framework,
        seed=given.seed,
        inputs=given.arrays,
        state=subject.state,
        traces=traces,
        floors=floors,
        dtype=subject.dtype,
        names=given.names if subject.names or len(given.names) == 1 else (),
        history=history,
    )


def _state(subject: Subject, probe: Trace, source: Capture | None, rename: Rename | None, *, randomise: bool) -> State:
    """The state to run a model with: its own, made random where it is constant, or another capture's."""
    if source is None:
        return pair(probe, probe).randomised(subject.own, subject.inputs.seed) if randomise else subject.own
    return pair(source.traces["eval"], probe, rename).moved(source.state, subject.own)


def _runs(
    subject: Subject, say: Callable[[str], None], *, training: bool
) -> tuple[dict[str, Trace], dict[str, dict[vocabulary.Key, float]]]:
    """The passes by mode, and their noise floors; float32 where it is not refused."""
    traces, floors = {}, {}
    for mode in ("eval", "train") if training else ("eval",):
        say(f"{mode} run")
        traces[mode] = subject.run(training=mode == "train")
        if traces[mode].error:
            hint = "; --eval-only leaves training out" if mode == "train" else ""
            raise InputError(f"{type(subject.model).__name__} fails in {mode} mode: {traces[mode].error}{hint}")
        say(f"{mode} noise floor")
        floors[mode] = subject.noise(training=mode == "train", dtype="float64", base=traces[mode], trials=range(NUDGES))
    if subject.dtype != "float64":
        say("float32")
        single = subject.run(training=False, dtype="float32", keep="results")
        if not single.error:
            traces["float32"] = single
            floors["float32"] = subject.noise(training=False, dtype="float32", base=single, trials=range(MORE_NUDGES))
    return traces, floors
