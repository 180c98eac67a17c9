"""What running a model left behind: its operations in execution order, with copies of every tensor and gradient.

Operations are written in one vocabulary (:mod:`nlblocks.parity.vocabulary`), whatever the framework; a trace knows
nothing of frameworks and can be saved to a file and compared on another machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np

from nlblocks.backend import Array
from nlblocks.init import generator


@dataclass(slots=True, kw_only=True)
class Op:
    """One operation: ``inputs`` and ``outputs`` are numbers of tensors, ``roles`` says what each input is to it.

    ``scope`` is the dotted name of the innermost module whose forward ran it; ``leaf`` tells that this module has no
    parts of its own, so that the operation is that layer's.
    """

    index: int
    kind: str
    name: str
    scope: str
    leaf: bool
    inputs: tuple[int, ...] = ()
    roles: tuple[str, ...] = ()
    attrs: dict[str, Any] = field(default_factory=dict)
    outputs: tuple[int, ...] = ()

    def of(self, role: str) -> int | None:
        """The tensor in a role, None where there is none."""
        return self.inputs[self.roles.index(role)] if role in self.roles else None

    def __str__(self) -> str:
        return f"{self.kind}{f' in {self.scope}' if self.scope else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """A parameter or buffer of a model, by its own name and in its own layout."""

    shape: tuple[int, ...]
    dtype: str
    trainable: bool
    buffer: bool


@dataclass(slots=True, kw_only=True)
class Trace:
    """One run of one model. ``origin`` names the tensors that no operation made: "parameter:x", "input:0"."""

    framework: str
    model: str
    training: bool
    dtype: str
    ops: list[Op] = field(default_factory=list)
    values: dict[int, Array] = field(default_factory=dict)
    grads: dict[int, Array] = field(default_factory=dict)
    origin: dict[int, str] = field(default_factory=dict)
    outputs: dict[str, int] = field(default_factory=dict)
    output_dtypes: dict[str, str] = field(default_factory=dict)
    grad_inputs: dict[str, Array] = field(default_factory=dict)
    grad_params: dict[str, Array] = field(default_factory=dict)
    state: dict[str, Tensor] = field(default_factory=dict)
    buffers_after: dict[str, Array] = field(default_factory=dict)
    layers: dict[str, str] = field(default_factory=dict)
    error: str = ""
    error_scope: str = ""

    def parameter(self, tensor: int) -> str | None:
        """The name of the parameter or buffer that a tensor is, or None."""
        kind, _, name = self.origin.get(tensor, "").partition(":")
        return name if kind == "parameter" else None

    def output(self, name: str) -> Array:
        return self.values[self.outputs[name]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How a model is run. ``inputs`` are float64 or integer arrays; floating ones are cast to ``dtype``.

    ``constants`` "float32" rounds the constants of the layers that Paddle holds as float32. ``capture`` keeps copies
    of all tensors between; without it only outputs, gradients and buffers are kept. ``scale`` multiplies nothing: the
    gradient of output k is the fixed random array :func:`output_gradient` of its name and shape.
    """

    inputs: tuple[Array, ...]
    training: bool = False
    dtype: str = "float64"
    backward: bool = False
    capture: bool = True
    constants: str = "exact"
    seed: int = 0


@runtime_checkable
class Tracer(Protocol):
    """What the parity lab needs of a framework. A backend package offers one as ``tracer``."""

    name: str
    constants: str

    def owns(self, model: Any) -> bool:
        """Whether the model is a module of this framework."""

    def state(self, model: Any) -> dict[str, Array]:
        """Parameters and buffers as NumPy copies, by the model's own names, in its own layouts."""

    def describe(self, model: Any) -> dict[str, Tensor]:
        """Shapes and kinds of what :meth:`state` holds."""

    def assign(self, model: Any, state: Mapping[str, Array]) -> None:
        """Write arrays into the model, in place, cast to each tensor's dtype."""

    def dtype(self, model: Any) -> str:
        """The dtype of the model's floating parameters."""

    def run(self, model: Any, options: RunOptions, state: Mapping[str, Array]) -> Trace:
        """Run the model with this state, and leave it as it was; what it raises is the trace's ``error``."""

    def train(
        self, model: Any, options: RunOptions, state: Mapping[str, Array], *, steps: int, optimiser: Callable[..., Any]
    ) -> list[dict[str, Array]]:
        """The state after each optimiser step on Σ output · gradient; the model is left as it was."""


def output_gradient(name: str, shape: Sequence[int], seed: int) -> Array:
    """The gradient that is sent into an output: standard normal, the same for both sides."""
    drawn = generator(seed, f"grad:{name}").normal(size=tuple(shape))
    return drawn.astype(np.float32).astype(np.float64)


def dropout_mask(shape: Sequence[int], p: float, count: int, seed: int) -> Array:
    """What the count-th dropout of a shape keeps: the same in every framework, monotone in p."""
    return dropout_draw(shape, count, seed) >= p


def dropout_draw(shape: Sequence[int], count: int, seed: int) -> Array:
    """The uniform numbers that decide what a dropout keeps: the same ones where the axes are in another order."""
    order = sorted(range(len(shape)), key=lambda axis: shape[axis])
    extents = tuple(shape[axis] for axis in order)
    return generator(seed, f"dropout:{extents}:{count}").random(extents).transpose(np.argsort(order))
