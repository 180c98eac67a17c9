"""What running a model left behind: its operations in execution order, with copies of every tensor and gradient.

Operations are written in one vocabulary (vocabulary.py), whatever the framework; a trace knows
nothing of frameworks and can be saved to a file and compared on another machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import numpy as np

from nlblocks.backend import Array
from nlblocks.parity.tracing.digest import Digest, digest
from nlblocks.parity.tracing.vocabulary import INCIDENTAL, LOSSES, Key, Spot, Tensor, same_momentum, same_number

NUMBERED = ("values", "grads")
ARRAYS = (*NUMBERED, "grad_inputs", "grad_params", "buffers_after")
"""The fields of a trace that hold arrays: the first two by the tensor's number, the others by name."""


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
        if "momentum" in found and same_momentum(*found["momentum"]):
            del found["momentum"]
        return found

    def __str__(self) -> str:
        return f"{self.kind}{f' in {self.scope}' if self.scope else ''}"


@dataclass(slots=True, kw_only=True)
class Trace:
    """One run of one model. ``origin`` names the tensors that no operation made: "parameter:x", "input:0".

    ``layers`` names the class of each layer; ``foreign`` are those whose class is not the framework's own.
    ``overwritten`` are the tensors that an in-place operation took away: their gradients may be lost. ``held`` says of
    kernels what they hold as float32, and how far off their results were by that had it not been computed as given;
    ``promoted``, by the site of a call, the dtype of a tensor that met wider ones and was cast. ``lost`` says what of
    the model could not be put back after the run, ``rewritten`` that it wrote to a parameter, ``streams`` which random
    generators outside the framework the run drew from, and where they stood after. ``error`` is what the run raised, in
    the module ``error_scope``; ``unable`` tells that it is for want of a kernel or of memory, which says nothing about
    the model. ``lines`` are the lines of the user's code that calls come from, by site, where they were asked for.
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
    foreign: set[str] = field(default_factory=set)
    overwritten: set[int] = field(default_factory=set)
    held: dict[str, tuple[str, float]] = field(default_factory=dict)
    promoted: dict[str, str] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    rewritten: bool = False
    streams: dict[str, str] = field(default_factory=dict)
    error: str = ""
    error_scope: str = ""
    unable: bool = False
    lines: dict[str, str] = field(default_factory=dict)

    @property
    def stopped(self) -> bool:
        """Whether the forward pass came to no end; after an error in the backward pass the outputs are there."""
        return bool(self.error) and not self.outputs

    @property
    def whole(self) -> bool:
        """Whether every tensor on the way was kept."""
        return all(number in self.values for op in self.ops for number in op.outputs)

    @property
    def labels(self) -> frozenset[int]:
        """The positions of the inputs that go into losses as what these are to be near, and into nothing else.

        What is made of such an input on the way (a softmax of a teacher's scores) may be anything that ends there and
        that nothing is learned by: a prediction may stand in a label's place. One that is compared with as it is may
        weigh the loss too, as in a focal one.
        """
        inputs = {number: text for number, text in self.origin.items() if text.startswith("input:")}
        sources = {number: {int(text.partition(":")[2])} for number, text in inputs.items()}
        compared: set[int] = set()
        plainly: set[int] = set()
        used: set[int] = set()
        for op in self.ops:
            role = LOSSES.get(op.kind)
            flowing: set[int] = set()
            for number, own in zip(op.inputs, op.roles, strict=True):
                labels = role is not None and own == role
                (compared if labels else flowing).update(sources.get(number, ()))
                plainly.update(sources[number] if labels and number in inputs else ())
            for number in op.outputs:
                sources.setdefault(number, set()).update(flowing)
            learns = any(self.state[name].trainable for name in map(self.parameter, op.inputs) if name in self.state)
            used.update(flowing if role or learns else ())
        used.update(set().union(*(sources.get(number, ()) for number in self.outputs.values())) - plainly)
        return frozenset(compared - used)

    def parameter(self, tensor: int) -> str | None:
        """The name of the parameter or buffer that a tensor is, or None."""
        kind, _, name = self.origin.get(tensor, "").partition(":")
        return name if kind == "parameter" else None

    def output(self, name: str) -> Array:
        return self.values[self.outputs[name]]

    @property
    def differentiated(self) -> bool:
        """Whether any gradient came back, to an input or a parameter."""
        return bool(self.grad_inputs or self.grad_params)

    def shape(self, tensor: int) -> tuple[int, ...] | None:
        """The shape of a tensor, None where nothing was kept of it."""
        found = self.values.get(tensor, self.digests.get(tensor))
        return None if found is None else tuple(found.shape)

    def keep_digest(self, tensor: int, array: Array) -> None:
        """Keep of a tensor what tells it from others, in place of its values."""
        self.digests[tensor] = digest(array)

    def digested(self) -> dict[int, Digest]:
        """The digest of every tensor but the parameters: those that were kept, or what the values give."""
        if self.digests:
            return self.digests
        return {number: digest(value) for number, value in self.values.items() if self.parameter(number) is None}

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

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold of a run: all fields but the :meth:`arrays`."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self) if f.name not in ARRAYS}

    def arrays(self) -> dict[str, Array]:
        """Every array, as "group/name"."""
        return {f"{group}/{name}": array for group in ARRAYS for name, array in getattr(self, group).items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], arrays: Mapping[str, Array]) -> Trace:
        """The trace of a :meth:`to_dict`, before or after JSON, and its :meth:`arrays`.

        Fields that it lacks, because it was written before there were any, are as they are by default. Raises
        KeyError, TypeError, ValueError or AttributeError for what is none.
        """
        found: dict[str, dict[Any, Array]] = {group: {} for group in ARRAYS}
        for key, array in arrays.items():
            group, _, name = key.partition("/")
            found[group][int(name) if group in NUMBERED else name] = array
        read: dict[str, Any] = {name: _READERS.get(name, _as_it_is)(value) for name, value in data.items()}
        return cls(**read | found)


def _plain(value: Any) -> Any:
    """What JSON can hold, field by field."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value.tolist() if isinstance(value, np.ndarray) else value


def _op(row: Mapping[str, Any]) -> Op:
    """An operation from its dict; JSON made lists of its tuples."""
    lists = {name: tuple(row[name]) for name in ("inputs", "roles", "outputs")}
    return Op(**{**row, **lists, "attrs": {name: _tupled(value) for name, value in row["attrs"].items()}})


def _digest(row: Mapping[str, Any]) -> Digest:
    return Digest(**{**row, "shape": tuple(row["shape"]), "sample": np.array(row["sample"], np.float64)})


def _tupled(value: Any) -> Any:
    return tuple(_tupled(item) for item in value) if isinstance(value, list) else value


def _as_it_is(value: Any) -> Any:
    return value


_READERS: dict[str, Callable[[Any], Any]] = {
    "ops": lambda rows: [_op(row) for row in rows],
    "digests": lambda rows: {int(number): _digest(row) for number, row in rows.items()},
    "origin": lambda texts: {int(number): text for number, text in texts.items()},
    "state": lambda rows: {name: Tensor(**{**row, "shape": tuple(row["shape"])}) for name, row in rows.items()},
    "foreign": set,
    "overwritten": set,
    "held": lambda rows: {name: (str(row[0]), float(row[1])) for name, row in rows.items()},
}
"""How fields are read that JSON does not give back as they were: a test asks for each."""
