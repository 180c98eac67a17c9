"""The random weights and inputs that a verification runs on. Never an initialisation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import numpy as np

from nlblocks.backend import Array, Backend, State
from nlblocks.init import generator
from nlblocks.numerics import NoiseFloor, tolerance
from nlblocks.specs.base import BlockSpec, Param
from nlblocks.specs.inputs import Each, mapped, parts
from nlblocks.weights.state import load_state

Key = tuple[str, str]
"""(group, name) of a tensor that is compared."""
Results = Mapping[Key, Array]
"""What one call of a block computed."""
Floors = Mapping[Key, Array]
"""The noise floor of each element."""
PARTS = ("state", "x", "grad_output")
"""What a point consists of."""
TEMPERINGS = 40
"""How often a point is tempered at most: by then its values are 1e-5 of what they were."""
SATURATION = 0.9
"""A softmax that puts more than this in one place, in its average row, is saturated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Where a block is compared: its state, its input x and the gradient of its output, all of one dtype.

    Of a block that takes several inputs x is a tuple.
    """

    state: State
    x: Each
    grad_output: Array

    def cast(self, dtype: str) -> Point:
        """The same point in another precision."""
        return Point(
            state={name: value.astype(dtype) for name, value in self.state.items()},
            x=mapped(lambda part: part.astype(dtype), self.x),
            grad_output=self.grad_output.astype(dtype),
        )

    def tempered(self, spec: BlockSpec) -> Point:
        """The point with input and trainable tensors shrunk by a quarter: affinities shrink, softmax spreads."""
        trainable = {param.name for param in spec.params() if param.trainable}
        state = {name: value * 0.75 if name in trainable else value for name, value in self.state.items()}
        x = mapped(lambda part: _float32(part * 0.75), self.x)
        return replace(self, x=x, state={name: _float32(v) for name, v in state.items()})

    def tied(self) -> Point:
        """A point where many values are equal: x as a ReLU leaves it, in few steps, and weights in coarse ones.

        The steps are powers of two, so a convolution is exact and equal patches stay equal in every framework.
        """
        state = {name: _stepped(value, 256) for name, value in self.state.items()}
        return replace(self, state=state, x=mapped(lambda part: np.maximum(_stepped(part, 4), 0.0), self.x))

    def nudged(self, trial: int, which: Sequence[str]) -> Point:
        """The point with every element of ``which`` parts but zeros moved by one unit in the last place, at random."""
        moved: dict[str, Any] = {}
        if "state" in which:
            moved["state"] = {
                name: NoiseFloor.nudged(value, trial, f"state:{name}") for name, value in self.state.items()
            }
        if "x" in which:
            names = (f"x{index or ''}" for index in count())
            moved["x"] = mapped(lambda part: NoiseFloor.nudged(part, trial, next(names)), self.x)
        if "grad_output" in which:
            moved["grad_output"] = NoiseFloor.nudged(self.grad_output, trial, "grad_output")
        return replace(self, **moved)


@dataclass(frozen=True, slots=True)
class Setting:
    """What is run: a point, in a mode; what its ``inputs`` are called, and its ``parts`` that nudges may move."""

    point: Point
    mode: str
    inputs: str
    parts: tuple[str, ...]

    @property
    def training(self) -> bool:
        return self.mode == "train"

    @property
    def dtype(self) -> str:
        return str(parts(self.point.x)[0].dtype.name)

    def record(self, group: str, name: str, pair: tuple[str, str]) -> dict[str, Any]:
        """What a Comparison of one tensor in this setting says of where it was made and of what passes."""
        return {
            "phase": self.mode, "inputs": self.inputs, "dtype": self.dtype, "group": group, "name": name, "pair": pair,
            "limit": tolerance.LIMITS[group] if self.dtype == "float64" else None,
            "ceiling": tolerance.BLOCK_CEILING[self.dtype],
        }  # fmt: skip


def input_names(spec: BlockSpec) -> tuple[str, ...]:
    """What the inputs are called in a report: "input", or by their own names where there are several."""
    return spec.inputs if len(spec.inputs) > 1 else ("input",)


def floor_of(array: Array, key: Key, floors: Floors) -> Array:
    """The floor of each of a tensor's elements; 0 where none is known of its shape."""
    found = floors.get(key)
    return np.zeros(array.shape) if found is None or found.shape != array.shape else found


def random_state(spec: BlockSpec, seed: int) -> State:
    """A state with no zero gate: every gamma, bias and running statistic is random and away from zero.

    Values are float64 that float32 holds exactly, so that both precisions run the same model.
    """
    return {param.name: _float32(_value(param, seed)) for param in spec.params()}


def random_array(shape: tuple[int, ...], seed: int, name: str) -> Array:
    """A standard normal array (values distinct with probability 1), float64 that float32 holds exactly."""
    return _float32(generator(seed, f"verify:{name}").normal(size=shape))


def random_inputs(shape: Each, seed: int, name: str) -> Each:
    """A random array of a shape, or of each shape of several inputs."""
    names = (f"{name}{index or ''}" for index in count())
    return mapped(lambda part: random_array(part, seed, next(names)), shape)


def sensitive_point(spec: BlockSpec, backend: Backend, seed: int, shape: Each) -> Point:
    """Random weights and input at which no softmax is saturated: one that is hides faults and magnifies rounding."""
    point = Point(
        state=random_state(spec, seed),
        x=random_inputs(shape, seed, "input"),
        grad_output=random_array(spec.output_shape(shape), seed, "grad_output"),
    )
    if not spec.attention_shapes(shape):
        return point
    module = backend.build(spec, seed=seed, dtype="float64")
    for _ in range(TEMPERINGS):
        load_state(module, point.state)
        found = backend.run(module, point.x, training=False, grad_output=None, return_attention=True).attention
        maps = found.values() if isinstance(found, dict) else [found]
        if not any(_saturated(array) for array in maps if array is not None):
            break
        point = point.tempered(spec)
    return point


def _saturated(attention: Array) -> bool:
    """Whether a map of probabilities puts nearly all weight of its average row in one place."""
    if attention.size == 0 or attention.shape[-1] < 2:
        return False
    is_softmax = bool((attention >= 0).all()) and bool(np.allclose(attention.sum(-1), 1.0))
    return is_softmax and float(attention.max(-1).mean()) > SATURATION


def _stepped(array: Array, steps: int) -> Array:
    """Values rounded to multiples of a power of two, about ``steps`` of them up to the largest."""
    largest = float(np.abs(array).max(initial=0.0))
    if largest == 0.0:
        return array
    step = 2.0 ** math.floor(math.log2(largest)) / (steps / 2)
    return np.round(array / step) * step


def _value(param: Param, seed: int) -> Array:
    stream = generator(seed, f"verify:{param.name}")
    if param.layout == "variance":
        return stream.uniform(0.5, 1.5, param.shape)
    if param.layout in ("conv", "linear"):
        return stream.normal(0.0, 1.0 / math.sqrt(param.fans[0]), param.shape)
    sign = np.where(stream.random(param.shape) < 0.5, -1.0, 1.0)
    return sign * stream.uniform(0.25, 1.0, param.shape)


def _float32(array: Array) -> Array:
    return array.astype(np.float32).astype(np.float64)
