"""Running a model and keeping all of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from nlblocks.errors import InputError
from nlblocks.parity.capturing.file import Capture, load_capture
from nlblocks.parity.judging.noise_floor import MORE_NUDGES, NUDGES
from nlblocks.parity.pairing.pair import Rename, check_rename, pair
from nlblocks.parity.pairing.transfer import moved, randomised
from nlblocks.parity.recording.rounding import Rounding
from nlblocks.parity.running.inputs import arrays_of, keywords, split
from nlblocks.parity.running.optimisers import Maker, training_rules
from nlblocks.parity.running.subject import Subject


def capture(
    model: Any,
    inputs: Any = None,
    *,
    like: str | Path | Capture | None = None,
    seed: int = 0,
    randomise: bool = True,
    training: bool = True,
    rename: Rename | None = None,
    steps: int | None = None,
    optimiser: str | Maker | None = None,
    progress: Callable[[str], None] | None = None,
) -> Capture:
    """Run a model and keep all of it. With ``like``, on the inputs and with the weights of another capture.

    The options are those of :func:`nlblocks.parity.compare`, but that training is captured only where ``steps`` or
    ``optimiser``, a name or one function, are given.
    Raises InputError where the model raises, or where not one of inputs and ``like`` is given.
    """
    say = progress or (lambda text: None)
    source = like if isinstance(like, Capture) or like is None else load_capture(like)
    if (source is None) == (inputs is None):
        raise InputError("capture needs inputs, or like= another capture, and not both")
    pair_of = None if optimiser is None else (optimiser, optimiser)
    seed = seed if source is None else source.seed
    names, values = split(inputs) if source is None else (source.names, source.inputs)
    arrays = arrays_of(values, seed) if source is None else source.inputs
    by = keywords({"captured": model}, names)
    subject = Subject(model, arrays, seed, Rounding.declared(), by["captured"])
    if source is not None and len(names) > 1 and not subject.names:
        raise InputError(
            f"the capture passes its inputs by name ({', '.join(names)}), which {type(model).__name__} does not know; "
            "name them as forward does in both models, or leave the names out to pass them in order"
        )
    rules = training_rules(model, model, pair_of, steps) if training and (steps or optimiser is not None) else None
    say("reading the structure")
    probe = subject.probe()
    if probe.error:
        shapes = ", ".join(f"{list(array.shape)} {array.dtype}" for array in arrays)
        raise InputError(f"{type(model).__name__} fails on inputs {shapes}: {probe.error}")
    if source is None:
        pairing = pair(probe, probe)
        subject.state = randomised(pairing, subject.own, seed) if randomise else subject.own
    else:
        check_rename(rename, source.traces["eval"], probe)
        pairing = pair(source.traces["eval"], probe, rename)
        subject.state = moved(pairing, source.state, subject.own)
    traces, floors = {}, {}
    for mode in ("eval", "train") if training else ("eval",):
        say(f"{mode} run")
        traces[mode] = subject.run(training=mode == "train")
        if traces[mode].error:
            hint = "; --eval-only leaves training out" if mode == "train" else ""
            raise InputError(f"{type(model).__name__} fails in {mode} mode: {traces[mode].error}{hint}")
        say(f"{mode} noise floor")
        floors[mode] = subject.noise(training=mode == "train", dtype="float64", base=traces[mode], trials=range(NUDGES))
    if subject.dtype != "float64":
        say("float32")
        single = subject.run(training=False, dtype="float32", keep="results")
        if not single.error:
            traces["float32"] = single
            floors["float32"] = subject.noise(training=False, dtype="float32", base=single, trials=range(MORE_NUDGES))
    trained = None
    if rules is not None and any(tensor.trainable for tensor in probe.state.values()):
        say("training")
        trained = subject.train(rules[0], "captured", rules[2])
    return Capture(
        model=type(model).__name__,
        framework=subject.tracer.name,
        seed=seed,
        inputs=arrays,
        state=subject.state,
        traces=traces,
        floors=floors,
        dtype=subject.dtype,
        names=names if subject.names or len(names) == 1 else (),
        history=trained,
    )
