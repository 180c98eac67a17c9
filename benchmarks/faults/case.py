"""A case: two models, what was done to one of them, and what a tool should say about it."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from benchmarks.faults.families import FAMILIES, Array, Family
from benchmarks.faults.held_families import HELD_FAMILIES

ENDS = ("input", "output", "optimiser")
PHASES = {
    "eval": "the outputs differ in evaluation mode",
    "train": "evaluation agrees, the outputs in training mode differ",
    "backward": "all outputs agree, gradients differ",
    "buffers": "outputs and gradients agree, buffers after a training step differ",
    "attributes": "nothing that is computed differs in one step",
    "shape": "the outputs have other shapes or another structure, or one side raises",
    "parameters": "parameters have no partner, another shape or another value",
    "training": "one step's gradients agree, training goes another way",
    "values": "the outputs are not finite on both sides",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One pair of models.

    ``left`` and ``right`` are the knobs of the torch and the Paddle model. ``at`` lists the places where the fault may
    rightly be put: a torch layer ("fc"; "fc = head" where the Paddle name does not follow from the family's table),
    a gap between two ("conv1 > bn1", "input > conv1", "fc > output"), "output" for the structure of what is returned,
    or "optimiser". ``cause`` lists the right names of the cause. ``trap`` is the row of TRAPS.md it comes from, empty
    where it comes from elsewhere. ``weights`` are mistakes made while loading the Paddle weights: (tensor, what was
    done); such a case, and one that is ``loaded``, is compared with the weights it has. ``random`` pairs draw dropout
    masks in training. ``wrapped`` nests the Paddle model one deeper. ``shape`` and ``scale`` replace those of the first
    input. ``limit`` is what a correct pair may differ by in float64, above 1e-9 only where Paddle computes with a
    float32 constant that cannot be had on the torch side.
    """

    name: str
    family: str
    left: Mapping[str, Any] = field(default_factory=dict)
    right: Mapping[str, Any] = field(default_factory=dict)
    at: tuple[str, ...] = ()
    phase: str = "eval"
    cause: tuple[str, ...] = ()
    trap: str = ""
    weights: tuple[tuple[str, str], ...] = ()
    optimiser: str = ""
    shape: tuple[int, ...] | None = None
    scale: float = 1.0
    limit: float = 1e-9
    random: bool = False
    loaded: bool = False
    wrapped: bool = False

    @property
    def is_fault(self) -> bool:
        return bool(self.cause)

    @property
    def keeps_weights(self) -> bool:
        """Whether the models are compared with the weights they come with."""
        return self.loaded or bool(self.weights)

    def partner(self, name: str) -> str:
        """The Paddle name of a torch layer or parameter."""
        return f"backbone.{self.models.partner(name)}" if self.wrapped else self.models.partner(name)

    @property
    def models(self) -> Family:
        return HELD_FAMILIES.get(self.family) or FAMILIES[self.family]

    def build(self, seed: int = 0) -> tuple[Any, Any]:
        """Both models, freshly initialised."""
        import paddle
        import torch

        torch.manual_seed(seed)
        paddle.seed(seed)
        right = self.models.build("paddle", self.right)
        return self.models.build("torch", self.left), wrap(right) if self.wrapped else right

    def inputs(self, seed: int = 0) -> tuple[Array, ...]:
        """The inputs, the same every time for a seed."""
        rng = np.random.default_rng(zlib.crc32(self.family.encode()) + seed)
        first, *others = self.models.inputs
        first = replace(first, shape=self.shape or first.shape, scale=self.scale)
        return tuple(item.draw(rng) for item in (first, *others))

    def places(self) -> list[tuple[tuple[str, str], tuple[str, str] | None]]:
        """``at`` as pairs of names: (torch, Paddle) of a layer and None, or of the two ends of a gap."""
        found = []
        for text in self.at:
            ends = [self._pair(end.strip()) for end in text.split(">")]
            found.append((ends[0], ends[1] if len(ends) == 2 else None))
        return found

    def _pair(self, text: str) -> tuple[str, str]:
        left, _, right = (part.strip() for part in text.partition("="))
        return left, right or (left if left in ENDS else self.partner(left))


def wrap(model: Any) -> Any:
    """The Paddle model as the backbone of another."""
    from paddle import nn

    class Wrapped(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.backbone = model

        def forward(self, *inputs: Any) -> Any:
            return self.backbone(*inputs)

    return Wrapped()
