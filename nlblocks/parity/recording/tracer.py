"""How a run of a model is asked of a framework, and what it hands back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from nlblocks.backend import Array
from nlblocks.init import generator
from nlblocks.numerics import NoiseFloor
from nlblocks.parity.tracing.trace import Key, Spot, Tensor, Trace

Keep = Literal["results", "digests", "values"]


@dataclass(frozen=True, slots=True)
class Given:
    """What a run takes in place of its own: attributes by an operation's site, results, gradients of results."""

    attributes: Mapping[str, Mapping[str, float]]
    values: Mapping[Spot, Array]
    gradients: Mapping[Spot, Array]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How a model is run. ``inputs`` are float64 or integer arrays; floating ones are cast to ``dtype``.

    ``constants`` "float32" rounds the constants of the layers that Paddle holds as float32. The gradient of output k
    is the fixed random array :func:`output_gradient` of its name and shape. ``keep`` says what the trace holds beside
    the results (outputs, buffers, gradients of inputs and parameters): "values" copies of every tensor and gradient
    on the way, "digests" a digest of every tensor. Where ``gradients`` is given, it is called with each gradient of an
    input or parameter as soon as that is known, and the trace holds none of them. What is ``given`` takes the place of
    the run's own. ``nudge`` moves the gradients of the outputs by one unit in the last place. ``names``, where there
    are any, are the keywords that the inputs are passed by. ``masks`` says, by site, what a dropout's mask is drawn for
    (:mod:`nlblocks.parity.recording.dropout`) if not for its own shape.
    """

    inputs: tuple[Array, ...]
    training: bool = False
    dtype: str = "float64"
    backward: bool = False
    keep: Keep = "values"
    constants: str = "exact"
    seed: int = 0
    gradients: Callable[[Key, Array], None] | None = None
    given: Given | None = None
    nudge: int | None = None
    names: tuple[str, ...] = ()
    masks: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def call(self, model: Any, tensors: Sequence[Any]) -> Any:
        """What the model gives for its inputs."""
        return model(**dict(zip(self.names, tensors, strict=True))) if self.names else model(*tensors)


@runtime_checkable
class Tracer(Protocol):
    """What the parity lab needs of a framework. A backend package offers one as ``tracer``."""

    name: str
    constants: str

    def owns(self, model: Any) -> bool:
        """Whether the model is a module of this framework."""

    def state(self, model: Any) -> dict[str, Array]:
        """Parameters and buffers by the model's own names, in its own layouts; views of its memory, to be read only."""

    def describe(self, model: Any) -> dict[str, Tensor]:
        """Shapes and kinds of what :meth:`state` holds."""

    def dtype(self, model: Any) -> str:
        """The dtype of the model's floating parameters."""

    def run(self, model: Any, options: RunOptions, state: Mapping[str, Array]) -> Trace:
        """Run the model with this state, and leave it as it was; what it raises is the trace's ``error``."""

    def train(
        self, model: Any, options: RunOptions, state: Mapping[str, Array], *, steps: int, optimiser: Callable[..., Any]
    ) -> list[dict[str, Array]]:
        """The state after each optimiser step on Σ output · gradient; the model is left as it was."""


def output_gradient(name: str, shape: Sequence[int], options: RunOptions) -> Array:
    """The gradient that is sent into an output: standard normal, the same for both sides."""
    drawn = generator(options.seed, f"grad:{name}").normal(size=tuple(shape))
    gradient = drawn.astype(np.float32).astype(np.float64)
    if options.nudge is None:
        return gradient
    return NoiseFloor.nudged(gradient, options.nudge, f"grad:{name}", options.dtype)
