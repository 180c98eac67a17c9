"""What running a model left behind: its operations in execution order, with copies of every tensor and gradient.

Operations are written in one vocabulary (vocabulary.py), whatever the framework; a trace knows
nothing of frameworks and can be saved to a file and compared on another machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from nlblocks.backend import Array
from nlblocks.parity.tracing.digest import Digest, digest
from nlblocks.parity.tracing.vocabulary import INCIDENTAL, Key, Spot, Tensor, same_number

ARRAYS = ("values", "grads", "grad_inputs", "grad_params", "buffers_after")
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
        return found

    def __str__(self) -> str:
        return f"{self.kind}{f' in {self.scope}' if self.scope else ''}"


@dataclass(slots=True, kw_only=True)
class Trace:
    """One run of one model. ``origin`` names the tensors that no operation made: "parameter:x", "input:0".

    ``overwritten`` are the tensors that an in-place operation took away: their gradients may be lost. ``lost`` says
    what of the model could not be put back after the run, ``streams`` which random generators outside the framework
    the run drew from, and where they stood after.
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
    lost: list[str] = field(default_factory=list)
    streams: dict[str, str] = field(default_factory=dict)
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
        """What JSON can hold of a run without an error whose values were kept: all but :meth:`arrays`."""
        return {
            "framework": self.framework,
            "model": self.model,
            "training": self.training,
            "dtype": self.dtype,
            "ops": [asdict(op) for op in self.ops],
            "origin": self.origin,
            "outputs": self.outputs,
            "output_dtypes": self.output_dtypes,
            "state": {name: asdict(tensor) for name, tensor in self.state.items()},
            "layers": self.layers,
            **({"streams": self.streams} if self.streams else {}),
        }

    def arrays(self) -> dict[str, Array]:
        """Every array, as "group/name"."""
        return {f"{group}/{name}": array for group in ARRAYS for name, array in getattr(self, group).items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], arrays: Mapping[str, Array]) -> Trace:
        """The trace of a :meth:`to_dict`, before or after JSON, and its :meth:`arrays`.

        Raises KeyError, TypeError, ValueError or AttributeError for what is none.
        """
        found: dict[str, dict[str, Array]] = {group: {} for group in ARRAYS}
        for key, array in arrays.items():
            group, _, name = key.partition("/")
            found[group][name] = array
        return cls(
            framework=data["framework"],
            model=data["model"],
            training=data["training"],
            dtype=data["dtype"],
            ops=[_op(row) for row in data["ops"]],
            values={int(number): array for number, array in found["values"].items()},
            grads={int(number): array for number, array in found["grads"].items()},
            origin={int(number): text for number, text in data["origin"].items()},
            outputs=data["outputs"],
            output_dtypes=data["output_dtypes"],
            grad_inputs=found["grad_inputs"],
            grad_params=found["grad_params"],
            state={name: Tensor(**{**row, "shape": tuple(row["shape"])}) for name, row in data["state"].items()},
            buffers_after=found["buffers_after"],
            layers=data["layers"],
            streams=dict(data.get("streams", {})),
        )


def _op(row: Mapping[str, Any]) -> Op:
    """An operation from its dict; JSON made lists of its tuples."""
    lists = {name: tuple(row[name]) for name in ("inputs", "roles", "outputs")}
    return Op(**{**row, **lists, "attrs": {name: _tupled(value) for name, value in row["attrs"].items()}})


def _tupled(value: Any) -> Any:
    return tuple(_tupled(item) for item in value) if isinstance(value, list) else value
