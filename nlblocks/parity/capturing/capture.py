"""Running a model and keeping all of it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from nlblocks.backend import Array
from nlblocks.errors import InputError
from nlblocks.numerics.tolerance import MORE_NUDGES, NUDGES
from nlblocks.parity.capturing.file import STRUCTURE, Capture, load_capture
from nlblocks.parity.judging import PASSES
from nlblocks.parity.matching import dropout_partners
from nlblocks.parity.pairing import Rename, pair
from nlblocks.parity.running import Subject, TrainingPlan
from nlblocks.parity.tracing import Trace, vocabulary


def capture(
    model: Any, inputs: Any = None, *, like: str | Path | Capture | None = None, seed: int = 0, randomise: bool = True,
    training: bool = True, rename: Rename | None = None, steps: int | None = None,
    optimiser: str | Callable[[list[Any]], Any] | None = None, targets: Collection[int | str] | int | str = (),
    progress: Callable[[str], None] | None = None,
) -> Capture:  # fmt: skip
    """Run a model and keep all of it. With ``like``, on the inputs and with the weights of another capture.

    The options are those of :func:`nlblocks.parity.compare`, for one model: ``optimiser`` is a name or one function.
    With ``like``, inputs, targets, seed and weights are that capture's, and constant tensors are random where they are
    there. A pass that the model fails in is kept as such, for the comparison to say.
    Raises InputError where the model fails however it is run, or where not one of inputs and ``like`` is given.
    """
    Subject.check_switches(randomise=randomise, training=training)
    say = Subject.listener(progress)
    source = like if isinstance(like, Capture) or like is None else load_capture(like)
    if (source is None) == (inputs is None):
        raise InputError("capture needs inputs, or like= another capture, and not both")
    if source is not None:
        named = dict(zip(source.names, source.inputs, strict=True)) if source.names else None
        inputs, seed = named or source.inputs, source.seed
        targets = source.targets
    subject = Subject.alone(model, inputs, seed, targets)
    training = training and not subject.untrained
    given = subject.inputs
    if source is not None and len(given.names) > 1 and not subject.names:
        raise InputError(
            f"the capture passes its inputs by name ({', '.join(given.names)}), which {type(model).__name__} does not "
            "know; name them as forward does in both models, or leave the names out to pass them in order"
        )
    both = None if optimiser is None else (optimiser, optimiser)
    plan = TrainingPlan.of(model, model, both, steps)[0] if training else None
    if source is not None and plan is not None and not plan.asked and (source.history is None or source.asked):
        plan = None  # what the other was trained by is not known here
    say("reading the structure")
    structure = subject.structure(training=training)
    if structure.stopped:
        raise InputError(f"{type(model).__name__} fails on inputs {given.words}: {structure.error}")
    subject = subject.aimed(structure)
    subject = _prepared(subject, structure, source, rename, randomise=randomise, training=training).with_plan(plan)
    subject, traces, floors = _runs(subject, source, say, training=training)
    history = None
    if subject.plan is not None and subject.trainable and not traces["train"].error and traces["train"].differentiated:
        say("training")
        history = subject.train()
    return Capture(
        model=subject.name,
        framework=subject.framework,
        seed=given.seed,
        inputs=given.arrays,
        state=subject.state,
        traces={STRUCTURE: structure, **traces},
        floors=floors,
        dtype=subject.dtype,
        targets=tuple(sorted(subject.inputs.targets)),
        names=given.names if subject.names or len(given.names) == 1 else (),
        history=history,
        asked=subject.asked,
        randomised=randomise if source is None else source.randomised,
    )


def _prepared(
    subject: Subject, structure: Trace, source: Capture | None, rename: Rename | None, *, randomise: bool,
    training: bool,
) -> Subject:  # fmt: skip
    """The model with the state that a comparison runs it with: as the left, or as the right beside another capture."""
    if source is None:
        alone = pair(structure, structure, training=(lambda: (subject.in_training(),) * 2) if training else None)
        return subject.with_state(alone.randomised(subject.own, subject.inputs.seed) if randomise else subject.own)
    held = training and source.holds(training=True, dtype="float64")
    trained = (lambda: (source.run(training=True), subject.in_training())) if held else None
    states = source.state, subject.own
    moved = (
        pair(source.structure, structure, rename, trained)
        .weighed(states)
        .states(states, source.seed, randomise=source.randomised, transfer=True)
    )
    return subject.with_state(moved[1])


def _runs(
    subject: Subject, source: Capture | None, say: Callable[[str], None], *, training: bool
) -> tuple[Subject, dict[str, Trace], dict[str, dict[vocabulary.Key, Array]]]:
    """The model as it drops beside another capture; its passes by name, and their noise floors."""
    traces: dict[str, Trace] = {}
    floors: dict[str, dict[vocabulary.Key, Array]] = {}
    for name, (train, dtype) in PASSES.items():
        if train and not training:
            continue
        say(f"{name} run")
        trace = subject.run(training=train, dtype=dtype)
        if source is not None and source.holds(training=train, dtype=dtype):
            masks = dropout_partners(source.run(training=train, dtype=dtype), trace) if train else {}
            if masks:
                subject = subject.redrawn(masks)
                trace = subject.run(training=train, dtype=dtype)
        traces[name], floors[name] = trace, {}
        if not trace.stopped:
            say(f"{name} noise floor")
            trials = range(NUDGES if dtype == "float64" else MORE_NUDGES)
            decided = subject.decided(training=train, dtype=dtype)
            floors[name] = subject.noise(training=train, dtype=dtype, base=trace, trials=trials, decisions=decided)
    return subject, traces, floors
