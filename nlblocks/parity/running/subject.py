"""One model under comparison: the state it is run in, how it is run, and how much rounding moves it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nlblocks.backend import Array, State
from nlblocks.numerics.difference import furthest
from nlblocks.numerics.ulp import nudged
from nlblocks.parity.recording.dropout import Drawn
from nlblocks.parity.recording.options import Given, Keep, RunOptions
from nlblocks.parity.recording.rounding import Rounding
from nlblocks.parity.running.find_tracer import tracer_of
from nlblocks.parity.running.history import History, history
from nlblocks.parity.running.optimisers import Maker
from nlblocks.parity.tracing.trace import Key, Trace

CONSTANTS = 1 / 8
"""Rounding of constants counts less than RATIO times: RATIO / 8 = 4 times what it was measured to do."""


class Subject:
    """One model under comparison. Its own state is a view of the model's memory, to be read only.

    ``beside`` is what the framework of the other side holds as float32: this one is run with the same.
    """

    def __init__(
        self, model: Any, inputs: tuple[Array, ...], seed: int, beside: Rounding, names: tuple[str, ...] = ()
    ) -> None:
        self.model, self.tracer, self.inputs, self.seed = model, tracer_of(model), inputs, seed
        self.held, self.names = beside.beyond(self.tracer.rounding), names
        self.masks: dict[str, Drawn] = {}
        self.own: State = self.tracer.state(model)
        self.state: State = self.own

    @property
    def dtype(self) -> str:
        return self.tracer.dtype(self.model)

    def redraw(self, masks: dict[str, Drawn]) -> bool:
        """Draw dropout masks for what the other side's are drawn for, from now on; whether that changes anything."""
        changed = self.masks != masks
        self.masks = masks
        return changed

    def probe(self) -> Trace:
        """The structure: one run that keeps no values."""
        return self.tracer.run(self.model, self.options(self.inputs, keep="results"), self.own)

    def run(
        self,
        *,
        training: bool,
        dtype: str = "float64",
        keep: Keep = "values",
        nudge: int | None = None,
        **changes: Any,
    ) -> Trace:
        """One pass, with backward in training; ``nudge`` moves all that goes in by one unit in the last place."""
        inputs = self.inputs
        state: Mapping[str, Array] = self.state if nudge is None else _Nudged(self.state, nudge, dtype)
        if nudge is not None:
            inputs = tuple(nudged(value, nudge, f"input:{i}", dtype) for i, value in enumerate(inputs))
        options = self.options(
            inputs, training=training, backward=training, dtype=dtype, keep=keep, nudge=nudge, **changes
        )
        return self.tracer.run(self.model, options, state)

    def options(self, inputs: tuple[Array, ...], **changes: Any) -> RunOptions:
        given = {"inputs": inputs, "names": self.names, "seed": self.seed, "held": self.held}
        given["masks"] = self.masks
        return RunOptions(**{**given, **changes})

    def train(self, maker: Maker, side: str, steps: int) -> History:
        """Steps of training in float64."""
        options = self.options(self.inputs, training=True, backward=True, keep="results")

        def again(other: Maker) -> list[State]:
            return self.tracer.train(self.model, options, self.state, steps=steps, optimiser=other)

        return history(self.tracer.name, side, maker, again)

    def noise(
        self, *, training: bool, dtype: str, base: Trace, trials: Sequence[int], given: Given | None = None
    ) -> dict[Key, float]:
        """Per tensor, the largest change when all that goes in moves by one unit in the last place, in each trial.

        That is the inputs, the weights and the gradients of the outputs. Against a framework that holds constants as
        float32, also the change when the constants are off by as much.
        """
        floors: dict[Key, float] = {}
        reference = base.results()

        def add(key: Key, value: Array, weight: float) -> None:
            known = reference.get(key)
            if known is not None and value.shape == known.shape and value.size and value.dtype.kind == "f":
                change = furthest(value, known) * weight
                floors[key] = max(floors.get(key, 0.0), change if np.isfinite(change) else 0.0)

        def moved(weight: float, **changes: Any) -> None:
            run = self.run(
                training=training, dtype=dtype, keep="results", given=given,
                gradients=lambda key, value: add(key, value, weight), **changes,
            )  # fmt: skip
            for key, value in run.results().items():
                add(key, value, weight)

        for trial in trials:
            moved(1.0, nudge=trial)
        if 0 in trials and self.held and dtype == "float64":
            moved(CONSTANTS, perturbed=True)
        return floors


class _Nudged(Mapping[str, Array]):
    """A state that is nudged tensor by tensor, as it is read."""

    def __init__(self, state: State, trial: int, dtype: str) -> None:
        self.state, self.trial, self.dtype = state, trial, dtype

    def __getitem__(self, name: str) -> Array:
        return nudged(self.state[name], self.trial, name, self.dtype)

    def __iter__(self) -> Iterator[str]:
        return iter(self.state)

    def __len__(self) -> int:
        return len(self.state)
