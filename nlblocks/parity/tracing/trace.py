"""What running a model left behind: its operations in execution order, with copies of every tensor and gradient.

Operations are written in one vocabulary (vocabulary.py), whatever the framework; a trace knows
nothing of frameworks and can be saved to a file and compared on another machine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from nlblocks.backend import Array
from nlblocks.parity.tracing.digest import Digest
from nlblocks.parity.tracing.vocabulary import INCIDENTAL, same_number

Key = tuple[str, str]
"""What a run is judged by: ("output", "grad_input", "grad_params" or "buffers", name)."""
Spot = tuple[str, int]
"""A result by the operation's site and its position among the operation's results: the same in every run of a model."""


@dataclass(slots=True, kw_only=True)
class Op:
    """One operation: ``inputs`` and ``outputs`` are numbers of tensors, ``roles`` says what each input is to it.

    ``scope`` is the dotted name of the innermost module whose forward ran it; ``leaf`` tells that this module has no
    parts of its own, so that the operation is that layer's. ``site`` names the call in every run of the model: scope,
    function and how many such calls came before; it is empty for what is no call of its own.
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
    site: str = ""

    def of(self, role: str) -> int | None:
        """The tensor in a role, None where there is none."""
        return self.inputs[self.roles.index(role)] if role in self.roles else None

    def differing(self, other: Op) -> dict[str, tuple[Any, Any]]:
        """The attributes of two operations of one kind that are not equal: name to (mine, the other's)."""
        keys = (set(self.attrs) & set(other.attrs)) - INCIDENTAL
        pairs = {key: (self.attrs[key], other.attrs[key]) for key in sorted(keys)}
        found = {key: pair for key, pair in pairs.items() if not same_number(*pair)}
        if self.kind == "interpolate" and found.get("align_corners") in ((None, False), (False, None)):
            del found["align_corners"]
        return found

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
    """One run of one model. ``origin`` names the tensors that no operation made: "parameter:x", "input:0".

    ``overwritten`` are the tensors that an in-place operation took away: their gradients may be lost.
    """

    framework: str
    model: str
    training: bool
    dtype: str
    ops: list[Op] = field(default_factory=list)
    values: dict[int, Array] = field(default_factory=dict)
    digests: dict[int, Digest] = field(default_factory=dict)
    grads: dict[int, Array] = field(default_factory=dict)
    origin: dict[int, str] = field(default_factory=dict)
    outputs: dict[str, int] = field(default_factory=dict)
    output_dtypes: dict[str, str] = field(default_factory=dict)
    grad_inputs: dict[str, Array] = field(default_factory=dict)
    grad_params: dict[str, Array] = field(default_factory=dict)
    state: dict[str, Tensor] = field(default_factory=dict)
    buffers_after: dict[str, Array] = field(default_factory=dict)
    layers: dict[str, str] = field(default_factory=dict)
    overwritten: set[int] = field(default_factory=set)
    error: str = ""
    error_scope: str = ""

    def parameter(self, tensor: int) -> str | None:
        """The name of the parameter or buffer that a tensor is, or None."""
        kind, _, name = self.origin.get(tensor, "").partition(":")
        return name if kind == "parameter" else None

    def output(self, name: str) -> Array:
        return self.values[self.outputs[name]]

    def shape(self, tensor: int) -> tuple[int, ...] | None:
        """The shape of a tensor, None where nothing was kept of it."""
        found = self.values.get(tensor, self.digests.get(tensor))
        return None if found is None else tuple(found.shape)

    def lost_gradient(self, tensor: int) -> bool:
        """Whether a gradient is missing because none could be kept: inside a fused operation, or overwritten."""
        inside = any(tensor in op.outputs and not op.site for op in self.ops)
        return tensor not in self.grads and (inside or tensor in self.overwritten)

    def spot(self, tensor: int) -> Spot | None:
        """Where a tensor is made; None for what no call of its own makes."""
        for op in self.ops:
            if tensor in op.outputs:
                return (op.site, op.outputs.index(tensor)) if op.site else None
        return None

    def results(self) -> dict[Key, Array]:
        """What the run is judged by."""
        found = {("output", name): self.output(name) for name in self.outputs}
        found |= {("grad_input", name): value for name, value in self.grad_inputs.items()}
        found |= {("grad_params", name): value for name, value in self.grad_params.items()}
        return found | {("buffers", name): value for name, value in self.buffers_after.items()}
