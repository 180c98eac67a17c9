"""What a program is held against: a native model in evaluation, its outputs by the names that a program gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Protocol

from nlblocks.backend import Array, Backend, DType, State
from nlblocks.errors import InputError
from nlblocks.numerics import NoiseFloor, tolerance
from nlblocks.parity.running import Subject
from nlblocks.paths import force, forced
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.inputs import Each, joined, parts, shape_of
from nlblocks.weights.state import load_state


class Native(Protocol):
    """A model that can be run again, in float64 and in float32, on what it is exported for."""

    @property
    def inputs(self) -> tuple[Array, ...]:
        """Float64 that float32 holds, or integers."""

    def outputs(self, dtype: str) -> dict[str, Array]:
        """What it gives, by name; an attention map by that of the map."""

    def floors(self, dtype: str) -> dict[str, Array]:
        """How far each element moves when inputs and weights move by one unit in the last place."""


class NativeBlock:
    """A block of a spec in one backend, with this state, on x [B, C, *S], or several; its maps are outputs too."""

    def __init__(self, spec: BlockSpec, backend: Backend, state: State, x: Each) -> None:
        self.spec, self.backend, self.state, self.inputs = spec, backend, state, parts(x)
        self.maps = tuple(spec.attention_shapes(shape_of(x)))
        self._modules: dict[str, Any] = {}

    def module(self, dtype: DType, state: Mapping[str, Array] | None = None) -> Any:
        """The native module, with its own state or another."""
        if dtype not in self._modules:
            self._modules[dtype] = self.backend.build(self.spec, seed=0, dtype=dtype)
        load_state(self._modules[dtype], self.state if state is None else dict(state))
        return self._modules[dtype]

    def outputs(self, dtype: str) -> dict[str, Array]:
        return self._run(dtype, self.state, self.inputs)

    def floors(self, dtype: str) -> dict[str, Array]:
        noise = NoiseFloor({("output", name): value for name, value in self.outputs(dtype).items()})
        for trial in range(tolerance.NUDGES):
            state = {n: NoiseFloor.nudged(v.astype(dtype), trial, f"state:{n}") for n, v in self.state.items()}
            xs = [
                NoiseFloor.nudged(x.astype(dtype), trial, name)
                for name, x in zip(self.spec.inputs, self.inputs, strict=True)
            ]
            noise.add_all({("output", name): value for name, value in self._run(dtype, state, xs).items()})
        return {name: NoiseFloor.smoothed(floor) for (_, name), floor in noise.floors.items()}

    def _run(self, dtype: str, state: State, xs: Sequence[Array]) -> dict[str, Array]:
        module = self.module(dtype, state)  # type: ignore[arg-type]  # one of the two that are judged
        given = joined(x.astype(dtype) for x in xs)
        with force(forced() or "direct"):
            run = self.backend.run(module, given, training=False, grad_output=None, return_attention=bool(self.maps))
        maps = run.attention if isinstance(run.attention, dict) else dict.fromkeys(self.maps, run.attention)
        return {"output": run.output, **{name: value for name, value in maps.items() if value is not None}}


class NativeModel:
    """Any model of an installed framework, on inputs as the lab takes them: shapes, arrays."""

    maps = ()

    def __init__(self, model: Any, inputs: Any, seed: int = 0) -> None:
        self.model = model
        # An export runs between its runs, and may change the model: it is read anew for each.
        self.subject = replace(Subject.alone(model, inputs, seed), known=None)

    @property
    def inputs(self) -> tuple[Array, ...]:
        return self.subject.inputs.arrays

    @property
    def dtype(self) -> str:
        return self.subject.dtype

    @property
    def framework(self) -> str:
        return self.subject.framework

    @cached_property
    def names(self) -> Sequence[str]:
        """Of its outputs: "output", or by their keys and places."""
        return list(self.outputs("float64"))

    def outputs(self, dtype: str) -> dict[str, Array]:
        run = self.subject.run(training=False, dtype=dtype, keep="results", backward=False)
        if run.stopped:
            raise InputError(f"{self.subject.title} fails on inputs {self.subject.inputs.words}: {run.error}")
        own = {key: run.output_dtypes.get(key, dtype) for key in run.outputs}  # the trace holds them as float64
        return {_named(key): run.output(key).astype(own[key] if dtype == "float32" else dtype) for key in own}

    def floors(self, dtype: str) -> dict[str, Array]:
        base = self.subject.run(training=False, dtype=dtype, keep="results", backward=False)
        noise = self.subject.noise(
            training=False, dtype=dtype, base=base, trials=range(tolerance.NUDGES),
            decisions=self.subject.decided(training=False, dtype=dtype),
        )  # fmt: skip
        return {_named(name): NoiseFloor.smoothed(f) for (group, name), f in noise.items() if group == "output"}


def _named(key: str) -> str:
    return f"output_{key}" if key else "output"
