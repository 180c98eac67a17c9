"""Writes a trace while a framework runs a model: numbers tensors, copies them, and reads calls in the vocabulary."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from nlblocks.backend import Array
from nlblocks.parity.trace import Op, Trace
from nlblocks.parity.vocabulary import NORMALISATIONS, normalise, plain, signature, tensors_in

NAMED = NORMALISATIONS | {"conv", "conv_transpose", "linear", "matmul", "embedding", "prelu"}
"""Kinds that are layers, though no module runs them, where they use a parameter of the module around them."""


class Recorder:
    """Fills ``trace``. ``is_tensor``, ``copy`` (to NumPy) and ``version`` (of in-place writes) are the framework's."""

    def __init__(
        self, trace: Trace, *, table: Mapping[str, str], is_tensor: Callable[[Any], bool],
        copy: Callable[[Any], Array], version: Callable[[Any], int], watch: Callable[[Any, int], None] | None,
        capture: bool,
    ) -> None:  # fmt: skip
        self.trace, self.table, self.is_tensor, self.copy, self.version = trace, table, is_tensor, copy, version
        self.watch, self.capture = watch, capture
        self.scopes: list[tuple[str, bool]] = [("", False)]
        self.numbers: dict[int, tuple[int, int]] = {}
        self.kept: list[Any] = []
        self.next = 0
        self.dropouts: dict[tuple[int, ...], int] = defaultdict(int)
        self.busy = False

    def enter(self, path: str, leaf: bool) -> None:
        self.scopes.append((path, leaf))

    def leave(self) -> None:
        self.scopes.pop()

    def introduce(self, tensor: Any, origin: str) -> int:
        """Number a tensor that no operation made."""
        number = self._new(tensor)
        self.trace.origin[number] = origin
        return number

    def number(self, tensor: Any) -> int:
        """The number of a tensor as it is now; one that was written through a view has become another."""
        known = self.numbers.get(id(tensor))
        if known is None:
            return self.introduce(tensor, "constant:")
        number, version = known
        if self.version(tensor) == version or (number in self.trace.origin and self.trace.parameter(number)):
            return number
        fresh = self._new(tensor)
        self._append("mutated", "mutated", (number,), ("x",), {}, (fresh,))
        return fresh

    def count(self, shape: tuple[int, ...]) -> int:
        """How many dropouts of a shape, its axes in any order, there were before."""
        key = tuple(sorted(shape))
        self.dropouts[key] += 1
        return self.dropouts[key] - 1

    def before(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Call:
        """Read a call, before it runs and may overwrite its inputs."""
        name = _plain_name(name)
        args = list(args)
        reverse = name.startswith("__r") and name.endswith("__") and name != "__rshift__"
        if reverse:
            name, args = f"__{name[3:]}", [args[1], args[0]] if len(args) == 2 else args
        line = self.table.get(name) or self.table.get(name.removeprefix("C."), "")
        inputs: list[int] = []
        roles: list[str] = []
        attrs: dict[str, Any] = {}
        ndim = 0
        if line:
            read = signature(line)
            kind, arguments = read.kind, read.read(args, kwargs)
        else:
            kind, arguments = (
                name.removeprefix("C.").strip("_"),
                {f"x{i}" if i else "x": value for i, value in enumerate(args)},
            )
            arguments |= dict(kwargs)
        for role, value in arguments.items():
            found = list(tensors_in(value, self.is_tensor))
            if found:
                several = not self.is_tensor(value)
                for position, tensor in enumerate(found):
                    inputs.append(self.number(tensor))
                    roles.append(f"{role}{position}" if several else role)
                ndim = ndim or len(found[0].shape)
                if several and role == "index":
                    attrs[role] = plain(_without_tensors(value, self.is_tensor))
            elif role not in ("name", "inplace", "_stacklevel", "out"):
                attrs[role] = plain(value)
        if kind == "clip" and attrs.get("low") == 0 and attrs.get("high") == 6:
            kind, attrs = "relu6", {}
        return Call(kind, name, tuple(inputs), tuple(roles), normalise(kind, attrs, ndim), arguments)

    def after(self, call: Call, result: Any, target: Any = None) -> None:
        """Write down what a call gave; ``target`` is the tensor that a call without a result wrote to."""
        made = list(tensors_in(result, self.is_tensor)) if target is None else [target]
        if made:
            numbers = tuple(self._new(tensor) for tensor in made)
            self._append(call.kind, call.name, call.inputs, call.roles, call.attrs, numbers)

    def note(self, kind: str, inputs: Sequence[int], roles: Sequence[str], result: Array, **attrs: Any) -> int:
        """Write down an operation inside a fused one, from its value alone."""
        number = self.next
        self.next += 1
        self._append(kind, f"inside {kind}", tuple(inputs), tuple(roles), attrs, (number,))
        if self.capture:
            self.trace.values[number] = result
        return number

    def finish(self, result: Any) -> dict[str, Any]:
        """Number the outputs and return them by path."""
        found = dict(leaves(result, self.is_tensor))
        for path, tensor in found.items():
            number = self.number(tensor)
            self.trace.outputs[path] = number
            self.trace.output_dtypes[path] = str(tensor.dtype).rpartition(".")[2]
            if number not in self.trace.values:
                self.trace.values[number] = self.copy(tensor)
        return found

    def _append(
        self, kind: str, name: str, inputs: tuple[int, ...], roles: tuple[str, ...], attrs: dict[str, Any],
        outputs: tuple[int, ...],
    ) -> None:  # fmt: skip
        scope, leaf = self.scopes[-1]
        if not leaf and kind in NAMED and "part" not in attrs:
            names = [
                self.trace.parameter(n) for n, role in zip(inputs, roles, strict=True) if role in ("weight", "other")
            ]
            own = next((name for name in names if name), None)
            if own is not None:  # a layer without a module, by its weight
                scope, leaf = own.removesuffix(".weight"), True
        self.trace.ops.append(
            Op(index=len(self.trace.ops), kind=kind, name=name, scope=scope, leaf=leaf, inputs=inputs, roles=roles,
               attrs=attrs, outputs=outputs)
        )  # fmt: skip

    def _new(self, tensor: Any) -> int:
        number = self.next
        self.next += 1
        self.numbers[id(tensor)] = (number, self.version(tensor))
        self.kept.append(tensor)  # an id is unique only while its tensor lives
        if self.capture:
            self.trace.values[number] = self.copy(tensor)
            if self.watch is not None:
                self.watch(tensor, number)
        return number


class Call:
    """One call as it was read."""

    __slots__ = ("arguments", "attrs", "inputs", "kind", "name", "roles")

    def __init__(
        self, kind: str, name: str, inputs: tuple[int, ...], roles: tuple[str, ...], attrs: dict[str, Any],
        arguments: dict[str, Any],
    ) -> None:  # fmt: skip
        self.kind, self.name, self.inputs, self.roles, self.attrs = kind, name, inputs, roles, attrs
        self.arguments = arguments


def leaves(value: Any, is_tensor: Callable[[Any], bool], path: str = "") -> list[tuple[str, Any]]:
    """The tensors of an output by path, through tuples, lists, dicts and dataclasses; "" where it is one tensor."""
    if is_tensor(value):
        return [(path, value)]
    if isinstance(value, Mapping):
        items = [(str(key), item) for key, item in value.items()]
    elif is_dataclass(value) and not isinstance(value, type):
        items = [(item.name, getattr(value, item.name)) for item in fields(value)]
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        items = [(name, getattr(value, name)) for name in value._fields]
    elif isinstance(value, list | tuple):
        items = [(str(index), item) for index, item in enumerate(value)]
    else:
        return []
    return [leaf for key, item in items for leaf in leaves(item, is_tensor, f"{path}.{key}" if path else key)]


def float64(array: Array) -> Array:
    """A private copy, floating values as float64."""
    return np.array(array, dtype=np.float64 if array.dtype.kind == "f" else array.dtype)


def _plain_name(name: str) -> str:
    """The name of an in-place operation is that of the operation."""
    if name.startswith("__i") and name.endswith("__") and name not in ("__invert__", "__index__", "__int__"):
        return f"__{name[3:]}"
    return name[:-1] if name.endswith("_") and not name.endswith("__") else name


def _without_tensors(value: Any, is_tensor: Callable[[Any], bool]) -> Any:
    if is_tensor(value):
        return "tensor"
    if isinstance(value, tuple | list):
        return tuple(_without_tensors(item, is_tensor) for item in value)
    return value
