"""The random weights, inputs and directions that a verification runs on. Never an initialisation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nlblocks.backend import Array, State
from nlblocks.init import generator
from nlblocks.specs.base import BlockSpec, Param

PARTS = ("state", "x", "grad_output")


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Where a block is compared: its state, its input x and the gradient of its output, all of one dtype."""

    state: State
    x: Array
    grad_output: Array

    def cast(self, dtype: str) -> Point:
        """The same point in another precision."""
        return Point(
            state={name: value.astype(dtype) for name, value in self.state.items()},
            x=self.x.astype(dtype),
            grad_output=self.grad_output.astype(dtype),
        )

    def tempered(self, spec: BlockSpec) -> Point:
        """The point with input and trainable tensors shrunk by a quarter: affinities shrink, softmax spreads."""
        trainable = {param.name for param in spec.params() if param.trainable}
        state = {name: value * 0.75 if name in trainable else value for name, value in self.state.items()}
        return replace(self, x=_float32(self.x * 0.75), state={name: _float32(v) for name, v in state.items()})

    def tied(self) -> Point:
        """A point where many values are equal: x as a ReLU leaves it, in few steps, and weights in coarse ones.

        The steps are powers of two, so a convolution is exact and equal patches stay equal in every framework.
        """
        state = {name: _stepped(value, 256) for name, value in self.state.items()}
        return replace(self, state=state, x=np.maximum(_stepped(self.x, 4), 0.0))

    def nudged(self, trial: int, parts: Sequence[str]) -> Point:
        """The point with every element of ``parts`` moved by one unit in the last place, up or down at random."""
        moved: dict[str, Any] = {}
        if "state" in parts:
            moved["state"] = {name: _nudge(value, trial, f"state:{name}") for name, value in self.state.items()}
        moved |= {part: _nudge(getattr(self, part), trial, part) for part in parts if part != "state"}
        return replace(self, **moved)


def random_state(spec: BlockSpec, seed: int) -> State:
    """A state with no zero gate: every gamma, bias and running statistic is random and away from zero.

    Values are float64 that float32 holds exactly, so that both precisions run the same model.
    """
    return {param.name: _float32(_value(param, seed)) for param in spec.params()}


def random_array(shape: tuple[int, ...], seed: int, name: str) -> Array:
    """A standard normal array (values distinct with probability 1), float64 that float32 holds exactly."""
    return _float32(generator(seed, f"verify:{name}").normal(size=shape))


def _stepped(array: Array, steps: int) -> Array:
    """Values rounded to multiples of a power of two, about ``steps`` of them up to the largest."""
    largest = float(np.abs(array).max(initial=0.0))
    if largest == 0.0:
        return array
    step = 2.0 ** math.floor(math.log2(largest)) / (steps / 2)
    return np.round(array / step) * step


def _nudge(array: Array, trial: int, name: str) -> Array:
    up = generator(trial, f"nudge:{name}").random(array.shape) < 0.5
    return np.nextafter(array, np.where(up, np.inf, -np.inf).astype(array.dtype))


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
