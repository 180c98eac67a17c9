"""One model under comparison: the state it is run in, how it is run, and how much rounding moves it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from nlblocks.backend import Array, State
from nlblocks.errors import InputError, said
from nlblocks.numerics import NoiseFloor, tolerance
from nlblocks.parity.recording import Tracer
from nlblocks.parity.running.find_tracer import tracer_of
from nlblocks.parity.running.history import History, trained
from nlblocks.parity.running.inputs import Inputs, Targets
from nlblocks.parity.running.jump import first_jump
from nlblocks.parity.running.optimisers import Maker, TrainingPlan
from nlblocks.parity.tracing import Trace, vocabulary

Progress = Callable[[str], None]
"""Called with a line of text as a comparison goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One model and how it is run; a :class:`Side`. ``own`` is a view of the model's memory, to be read only.

    ``state`` is what it is run with, ``masks`` what its dropout masks are drawn for where that is not their own shape,
    ``plan`` its steps of training, if any. Where there are ``decisions``, every run is held to them.
    ``known`` is what its runs have in common, which the tracer keeps: the model is its own for as long.
    """

    model: Any
    tracer: Tracer
    inputs: Inputs
    names: tuple[str, ...]
    own: State
    state: State
    say: Progress
    masks: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    plan: TrainingPlan | None = None
    decisions: Any = None
    known: Any = None

    @staticmethod
    def check(model: Any) -> None:
        """Raise InputError where something is no model of an installed framework."""
        tracer_of(model)

    @staticmethod
    def listener(progress: Progress | None) -> Progress:
        """What the lines go to. Raises InputError where it cannot be called."""
        if progress is not None and not callable(progress):
            raise InputError(f"progress={said(progress)} must be a function of a line of text")
        return progress or (lambda text: None)

    @staticmethod
    def check_switches(**given: Any) -> None:
        """Raise InputError for an option that is to be True or False, and is not."""
        for name, value in given.items():
            if not isinstance(value, bool | np.bool_):
                raise InputError(f"{name}={said(value)} must be True or False")

    @classmethod
    def both(
        cls, left: Any, right: Any, inputs: Any, seed: int, say: Progress | None = None, targets: Targets = ()
    ) -> tuple[Subject, Subject]:
        """Two models on the same inputs, some of them ``targets``. Raises InputError for no models."""
        a, b = _subjects({"left": left, "right": right}, Inputs.of(inputs, seed, targets), say)
        return a, b

    @classmethod
    def alone(cls, model: Any, inputs: Any, seed: int, targets: Targets = ()) -> Subject:
        """A model that will be compared with what is not known yet."""
        return _subjects({"captured": model}, Inputs.of(inputs, seed, targets), None)[0]

    @staticmethod
    def structures(left: Subject, right: Subject, *, training: bool) -> tuple[Trace, Trace]:
        """The structures of both. Raises InputError where both fail on their inputs in every way."""
        left.say("pairing")
        a, b = left.structure(training=training), right.structure(training=training)
        if a.stopped and b.stopped:
            raise InputError(f"both models fail on inputs {left.inputs.words}: left: {a.error}; right: {b.error}")
        return a, b

    @staticmethod
    def refitted(
        left: Subject, right: Subject, structures: tuple[Trace, Trace], *, training: bool
    ) -> tuple[tuple[Subject, Subject], tuple[Trace, Trace], str]:
        """Both, and what is said: where one alone fails, it is given integers of the other width, if it takes them.

        Labels are int64 in one framework and int32 in the other; which, is the data's business and not the model's.
        """
        failing = [trace.stopped for trace in structures]
        if sum(failing) != 1:
            return (left, right), structures, ""
        place = failing.index(True)
        side, name = (left, right)[place], ("left", "right")[place]
        for inputs, words in side.inputs.of_other_width():
            other = replace(side, inputs=inputs)
            trace = other.structure(training=training)
            if not trace.stopped:
                text = f"the {name} is given {words}: as it stands it raises {structures[place].error}"
                if place:
                    return (left, other), (structures[0], trace), text
                return (other, right), (trace, structures[1]), text
        return (left, right), structures, ""

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        return tuple(tuple(array.shape) for array in self.inputs.arrays)

    @property
    def filed(self) -> Mapping[str, vocabulary.Filed]:
        """What a checkpoint of the model holds, by the names that it has there."""
        return self.tracer.filed(self.model)

    @property
    def framework(self) -> str:
        return self.tracer.name

    @property
    def title(self) -> str:
        return f"{self.name} ({self.framework})"

    @property
    def name(self) -> str:
        """What the model is called."""
        return self.tracer.title(self.model)

    @property
    def dtype(self) -> str:
        return self.tracer.dtype(self.model)

    @property
    def repeatable(self) -> bool:
        return True

    @property
    def trainable(self) -> bool:
        """Whether there is anything to train."""
        return any(tensor.trainable for tensor in self.tracer.describe(self.model).values())

    @property
    def untrained(self) -> str:
        """Why the model has no training; "" where it has."""
        return self.tracer.untrained

    @property
    def asked(self) -> bool:
        return self.plan is not None and self.plan.asked

    def argument(self, setting: vocabulary.Setting, value: Any) -> str:
        """How the model's code is told a setting: ``epsilon=1e-05``; "" where that is not known."""
        return self.tracer.argument(setting, value)

    def holds(self, *, training: bool, dtype: str) -> bool:
        return not (training and self.untrained)

    def aimed(self, *structures: Trace) -> Subject:
        """The same model, with what is nothing but a loss's label in one of these runs marked as a target."""
        found = self.inputs.targets.union(*(trace.labels for trace in structures))
        return replace(self, inputs=replace(self.inputs, targets=found))

    def with_state(self, state: State) -> Subject:
        """The same model, run with another state."""
        return replace(self, state=state)

    def with_plan(self, plan: TrainingPlan | None) -> Subject:
        """The same model, with other steps of training."""
        return replace(self, plan=plan)

    def deciding(self, decisions: Any) -> Subject:
        return replace(self, decisions=decisions)

    def redrawn(self, masks: Mapping[str, tuple[int, ...]]) -> Subject:
        return replace(self, masks=masks)

    def drawing(self, seed: int) -> Subject:
        return replace(self, inputs=replace(self.inputs, seed=seed))

    def structure(self, *, training: bool) -> Trace:
        """The structure: one run that keeps no values, in the first way in which the model runs.

        That is float64 and evaluation, unless it fails so. Where it fails in every way, what it did in the first.
        """
        return self._structure((False, True) if training else (False,))

    def in_training(self) -> Trace:
        """The structure of a run in training: what it uses may be more, or less."""
        return self._structure((True,))

    def _structure(self, modes: Sequence[bool]) -> Trace:
        """The first run that comes to an end; else the first."""
        found: list[Trace] = []
        for mode in modes:
            for dtype in ("float64", "float32"):
                how = self._how(self.inputs.arrays, keep="results", training=mode, dtype=dtype, lines=True)
                found.append(self.tracer.run(self.model, self.own, **how))
                if not found[-1].stopped:
                    return found[-1]
        return found[0]

    def run(
        self,
        *,
        training: bool,
        dtype: str = "float64",
        keep: str = "values",
        given: vocabulary.Given | None = None,
        decisions: Any = None,
        backward: bool = True,
    ) -> Trace:
        self.say(f"{self.framework}: {'train' if training else 'eval'}, {dtype}")
        changes = {} if decisions is None else {"decisions": decisions}
        return self._pass(
            training=training, dtype=dtype, keep=keep, given=given, backward=training and backward, **changes
        )

    def _pass(self, *, training: bool, dtype: str, nudge: int | None = None, **changes: Any) -> Trace:
        """One pass; ``nudge`` moves all that goes in by one unit in the last place."""
        arrays = self.inputs.arrays
        state: Mapping[str, Array] = self.state if nudge is None else _Nudged(self.state, nudge, dtype)
        if nudge is not None:
            arrays = tuple(
                value if i in self.inputs.targets else NoiseFloor.nudged(value, nudge, f"input:{i}", dtype)
                for i, value in enumerate(arrays)
            )
        changes = {"backward": training, "decisions": self._held(), **changes}
        how = self._how(arrays, training=training, dtype=dtype, nudge=nudge, **changes)
        return self.tracer.run(self.model, state, **how)

    def _held(self) -> Any:
        """The decisions that every run is held to, for one run."""
        return None if self.decisions is None else self.tracer.decisions(self.decisions.kept)

    def _how(self, arrays: tuple[Array, ...], **changes: Any) -> dict[str, Any]:
        """How a pass is run, as the tracer takes it."""
        own = {
            "names": self.names, "seed": self.inputs.seed, "masks": self.masks, "known": self.known,
            "targets": self.inputs.targets,
        }  # fmt: skip
        return {"inputs": arrays, **own, **changes}

    def train(self, passed: Trace | None = None) -> History | None:
        """What steps of training in float64 leave behind.

        A step that nobody asked for needs no run of the model where a pass is ``passed`` that ran as it would: that
        gives its gradients, and has none any more.
        """
        if self.plan is None:
            return None
        self.say(f"{self.framework}: training")
        plan, how = self.plan, self._how(self.inputs.arrays, training=True, backward=True)

        def train(maker: Maker, done: Callable[[State], None]) -> None:
            if passed is not None:
                self.tracer.step_by(self.model, self.state, passed, optimiser=maker, done=done, **how)
            else:
                self.tracer.train(self.model, self.state, steps=plan.steps, optimiser=maker, done=done, **how)

        return trained(self.framework, plan, train, self.state, lambda: self.tracer.named(self.model))

    def run_deciding(self, *, training: bool, dtype: str, keep: str) -> tuple[Trace, Any]:
        """One pass, and what it decides: with no run more."""
        if self.decisions is not None:
            return self.run(training=training, dtype=dtype, keep=keep), self.decisions
        found = self.tracer.decisions()
        return self.run(training=training, dtype=dtype, keep=keep, decisions=found), found

    def decided(
        self, *, training: bool, dtype: str, given: vocabulary.Given | None = None, operands: bool = False
    ) -> Any:
        """What one run decides at thresholds and ties, with the ``operands`` of what it decides if they are wanted."""
        if self.decisions is not None:
            return self.decisions
        found = self.tracer.decisions(operands={} if operands else None)
        self._pass(training=training, dtype=dtype, keep="results", given=given, decisions=found, backward=False)
        return found

    def noise(
        self, *, training: bool, dtype: str, base: Trace, trials: Sequence[int],
        given: vocabulary.Given | None = None, decisions: Any = None, constants: bool = True, backward: bool = True,
        wanted: Collection[vocabulary.Key] | None = None,
    ) -> dict[vocabulary.Key, Array]:  # fmt: skip
        """Per element, the largest change when all that goes in moves by one unit in the last place, in each trial.

        That is the inputs, the weights and the gradients of the outputs. Where the framework's kernels hold constants
        as float32, also the change when the ``constants`` are off by as much. The runs are held to the
        ``decisions`` of an un-nudged one at thresholds and ties, or fall where they fall. Of what is ``wanted`` alone,
        if that is told.
        """
        noise = NoiseFloor({key: own for key, own in base.results().items() if wanted is None or key in wanted})

        def moved(weight: float, **changes: Any) -> None:
            run = self._pass(
                training=training, dtype=dtype, keep="results", given=given, backward=training and backward,
                gradients=lambda key, value: noise.add(key, value, weight),
                decisions=None if decisions is None else self.tracer.decisions(decisions.kept), **changes,
            )  # fmt: skip
            noise.add_all(run.results(), weight)

        for trial in trials:
            moved(1.0, nudge=trial)
        if constants and base.held:
            moved(tolerance.HELD_WEIGHT, perturbed=True)
        return noise.floors

    def jump(self, *, training: bool, dtype: str, given: vocabulary.Given | None = None) -> str:
        """The first operation that a nudge makes jump though it is held to what it decided; "" where none does."""
        decided = self.decided(training=training, dtype=dtype, given=given)
        how: dict[str, Any] = {"training": training, "dtype": dtype, "keep": "values", "given": given}
        base = self._pass(**how)
        for trial in range(tolerance.NUDGES):
            found = first_jump(base, self._pass(**how, nudge=trial, decisions=self.tracer.decisions(decided.kept)))
            if found:
                return found
        return ""


def _subjects(models: Mapping[str, Any], inputs: Inputs, say: Progress | None) -> list[Subject]:
    """The models, by what they are called."""
    tracers = {side: tracer_of(model) for side, model in models.items()}
    names = inputs.keywords(models)
    found = []
    for side, model in models.items():
        own = tracers[side].state(model)
        found.append(
            Subject(
                model=model, tracer=tracers[side], inputs=inputs, names=names[side], own=own, state=own,
                say=Subject.listener(say), known=tracers[side].known(),
            )
        )  # fmt: skip
    return found


class _Nudged(Mapping[str, Array]):
    """A state that is nudged tensor by tensor, as it is read."""

    def __init__(self, state: State, trial: int, dtype: str) -> None:
        self.state, self.trial, self.dtype = state, trial, dtype

    def __getitem__(self, name: str) -> Array:
        return NoiseFloor.nudged(self.state[name], self.trial, name, self.dtype)

    def __iter__(self) -> Iterator[str]:
        return iter(self.state)

    def __len__(self) -> int:
        return len(self.state)
