"""How a run of a model is asked of a framework."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from nlblocks.backend import Array
from nlblocks.init import generator
from nlblocks.numerics import NoiseFloor
from nlblocks.parity.recording.decisions import Decisions
from nlblocks.parity.recording.framework import Framework
from nlblocks.parity.recording.snapshot import Known
from nlblocks.parity.tracing import vocabulary

Keep = Literal["results", "digests", "forward", "values"]
SATURATING = {"tanh", "sigmoid", "softmax"}
"""Kinds that come to a stand at 1, and whose gradient is computed from what they give."""
LOGARITHMS = {"log_softmax", "cross_entropy"}
"""Kinds that take the logarithm of a sum that is near 1 where they give next to nothing: it has the last digit of 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How a model is run. ``inputs`` are float64 or integer arrays; floating ones are cast to ``dtype``.

    ``own`` is the model's own dtype, which the tracer fills in. With ``perturbed``, the constants that the framework's
    kernels hold as float32 are moved by as much as that may be off. The gradient of output k is the fixed random array
    :func:`output_gradient` of its name and shape. ``keep`` says what the trace holds beside the results (outputs,
    buffers, gradients of inputs and parameters): "values" copies of every tensor and gradient on the way, "forward" of
    every tensor and no gradient at all, "digests" a digest of every tensor. Where ``gradients`` is given, it is called
    with each gradient of an input or parameter as soon as that is known, and the trace holds none of them. What is
    ``given`` takes the place of the run's own. ``nudge`` moves the gradients of the outputs by one unit in the last
    place, and what :data:`SATURATING` kinds give: where that stands still, its last digit is the kernel's own, and all
    that is left of its gradient. What :data:`LOGARITHMS` give moves by the last digit of 1. ``names``, where there are
    any, are the keywords that the inputs are passed by; of inputs in the places of ``targets`` no gradient is asked.
    ``masks`` says, by site, what a dropout's mask is drawn for (:mod:`nlblocks.parity.formulas.dropout`) if not for its
    own shape. ``decisions`` are filled with what the run decides, or those that it is held to
    (:mod:`nlblocks.parity.recording.decisions`).
    ``known`` is what earlier runs of the model left to be read no more. With ``lines`` the trace tells which line of
    the user's code each call comes from.
    """

    inputs: tuple[Array, ...]
    training: bool = False
    dtype: str = "float64"
    backward: bool = False
    keep: Keep = "values"
    own: str = ""
    perturbed: bool = False
    seed: int = 0
    gradients: Callable[[vocabulary.Key, Array], None] | None = None
    given: vocabulary.Given | None = None
    nudge: int | None = None
    names: tuple[str, ...] = ()
    targets: frozenset[int] = frozenset()
    masks: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    decisions: Decisions | None = None
    known: Known = field(default_factory=Known)
    lines: bool = False

    def rounded(self, framework: Framework, call: Any, result: Any) -> Any:
        """What a call gave; in a nudged run as another kernel would round it, in its own memory."""
        kinds = SATURATING | LOGARITHMS
        if self.nudge is not None and call.kind in kinds and isinstance(result, framework.tensor_type):
            own = framework.to_numpy(result)
            if own.dtype.name == self.dtype:
                framework.write(result, self._moved(own, call))
        return result

    def _moved(self, own: Array, call: Any) -> Array:
        assert self.nudge is not None
        if call.kind in LOGARITHMS:
            return np.asarray(own + (NoiseFloor.nudged(np.ones_like(own), self.nudge, call.site) - 1.0), own.dtype)
        return np.clip(NoiseFloor.nudged(own, self.nudge, call.site), -1.0, 1.0)

    def call(self, model: Any, tensors: Sequence[Any]) -> Any:
        """What the model gives for its inputs."""
        return model(**dict(zip(self.names, tensors, strict=True))) if self.names else model(*tensors)


def output_gradient(name: str, shape: Sequence[int], dtype: str, options: RunOptions) -> Array:
    """The gradient that is sent into an output: standard normal, the same for both sides.

    That of a complex output is complex: the loss is Σ of what both parts of output and gradient give, each times each.
    """
    stream = generator(options.seed, f"grad:{name}")
    gradient = stream.normal(size=tuple(shape)).astype(np.float32).astype(np.float64)
    if dtype.startswith("complex"):
        gradient = gradient + 1j * stream.normal(size=tuple(shape)).astype(np.float32)
    if options.nudge is None:
        return gradient
    return NoiseFloor.nudged(gradient, options.nudge, f"grad:{name}", options.dtype)
