"""Writes a trace while a framework runs a model: numbers tensors, copies them, and reads calls in the vocabulary."""

from __future__ import annotations

import weakref
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from nlblocks.backend import Array
from nlblocks.parity.recording.tracer import Given, Keep, RunOptions
from nlblocks.parity.tracing.trace import Key, Op, Spot, Trace
from nlblocks.parity.tracing.vocabulary import NORMALISATIONS, normalise, plain, signature, tensors_in

NAMED = NORMALISATIONS | {"conv", "conv_transpose", "linear", "matmul", "embedding", "prelu"}
"""Kinds that are layers, though no module runs them, where they use a parameter of the module around them."""


class Recorder:
    """Fills ``trace``. ``is_tensor``, ``view`` (as NumPy) and ``version`` (of in-place writes) are the framework's.

    ``watch`` is called with every tensor whose values are kept, and its number. ``give`` makes a tensor hold other
    values, ``steer`` makes another gradient come back to it, where ``given`` says so.
    """

    def __init__(
        self, trace: Trace, *, table: Mapping[str, str], is_tensor: Callable[[Any], bool],
        view: Callable[[Any], Array], version: Callable[[Any], int], keep: Keep = "results",
        watch: Callable[[Any, int], None] | None = None, given: Given | None = None,
        give: Callable[[Any, Array], Any] | None = None, steer: Callable[[Any, Array], None] | None = None,
    ) -> None:  # fmt: skip
        self.trace, self.table, self.is_tensor, self.view, self.version = trace, table, is_tensor, view, version
        self.watch, self.keep = watch, keep
        self.given, self.give, self.steer = given, give, steer
        self.sites: dict[str, int] = defaultdict(int)
        self.scopes: list[tuple[str, bool]] = [("", False)]
        self.numbers: dict[int, tuple[weakref.ref[Any], int, int]] = {}
        self.next = 0
        self.dropouts: dict[tuple[int, ...], int] = defaultdict(int)
        self.busy = False

    @property
    def capture(self) -> bool:
        """Whether values are kept."""
        return self.keep == "values"

    def enter(self, path: str, leaf: bool) -> None:
        self.scopes.append((path, leaf))

    def leave(self) -> None:
        self.scopes.pop()

    def introduce(self, tensor: Any, origin: str) -> int:
        """Number a tensor that no operation made."""
        self.trace.origin[self.next] = origin
        return self._new(tensor)

    def number(self, tensor: Any) -> int:
        """The number of a tensor as it is now; one that was written through a view has become another."""
        known = self.numbers.get(id(tensor))
        if known is None or known[0]() is not tensor:
            return self.introduce(tensor, "constant:")
        _, number, version = known
        if self.version(tensor) == version or (number in self.trace.origin and self.trace.parameter(number)):
            return number
        fresh = self._new(tensor)
        self._append("mutated", "mutated", (number,), ("x",), {}, (fresh,))
        return fresh

    def count(self, shape: tuple[int, ...]) -> int:
        """How many dropouts of a shape, its axes in any order, there were before; axes of one do not count."""
        key = tuple(sorted(extent for extent in shape if extent != 1))
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
        return Call(kind, name, tuple(inputs), tuple(roles), normalise(kind, attrs, ndim), arguments, self.site(name))

    def site(self, name: str) -> str:
        """What names the next call of a function in every run of the model."""
        site = f"{self.scopes[-1][0]}:{name}"
        self.sites[site] += 1
        return f"{site}:{self.sites[site]}"

    def wanted(self, call: Call) -> Mapping[str, Any]:
        """The attributes that are given in place of the call's own."""
        return self.given.attributes.get(call.site, {}) if self.given is not None else {}

    def corrected(self, call: Call, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, Any]:
        """The call's arguments, with the attributes that are given in place of its own."""
        for name, value in self.wanted(call).items():
            args, kwargs = signature(self.table[call.name]).give(args, kwargs, name, value)
            call.attrs[name] = value
        return args, kwargs

    def after(self, call: Call, result: Any, target: Any = None) -> Any:
        """Write down what a call gave, and return what the model goes on with.

        ``target`` is the tensor that a call without a result wrote to.
        """
        if target is None and self.given is not None:
            result = self._given(call.site, result, self.given)
        made = list(tensors_in(result, self.is_tensor)) if target is None else [target]
        if made:
            numbers = tuple(self._new(tensor) for tensor in made)
            self._append(call.kind, call.name, call.inputs, call.roles, call.attrs, numbers, call.site)
        return result

    def _given(self, site: str, result: Any, given: Given) -> Any:
        """The result with what is given in its place; other than tensors and plain lists of them are left alone."""
        if type(result) in (list, tuple):
            return type(result)(self._exchanged((site, i), item, given) for i, item in enumerate(result))
        return self._exchanged((site, 0), result, given)

    def _exchanged(self, spot: Spot, tensor: Any, given: Given) -> Any:
        if not self.is_tensor(tensor) or self.give is None or self.steer is None:
            return tensor
        value, gradient = given.values.get(spot), given.gradients.get(spot)
        if value is not None and value.shape == tuple(tensor.shape):
            tensor = self.give(tensor, value)
        if gradient is not None and gradient.shape == tuple(tensor.shape):
            self.steer(tensor, gradient)
        return tensor

    def note(self, kind: str, inputs: Sequence[int], roles: Sequence[str], result: Array, **attrs: Any) -> int:
        """Write down an operation inside a fused one, from its value alone."""
        number = self.next
        self.next += 1
        self._append(kind, f"inside {kind}", tuple(inputs), tuple(roles), attrs, (number,))
        self._keep(number, result, own=True)
        return number

    def finish(self, result: Any) -> dict[str, Any]:
        """Number the outputs and return them by the name of their gradient: the path, "" where there is only one."""
        found = dict(leaves(result, self.is_tensor))
        for path, tensor in found.items():
            number = self.number(tensor)
            self.trace.outputs[path] = number
            self.trace.output_dtypes[path] = str(tensor.dtype).rpartition(".")[2]
            if number not in self.trace.values:
                self.trace.values[number] = private(self.view(tensor))
        return {"" if len(found) == 1 else path: tensor for path, tensor in found.items()}

    def _append(
        self, kind: str, name: str, inputs: tuple[int, ...], roles: tuple[str, ...], attrs: dict[str, Any],
        outputs: tuple[int, ...], site: str = "",
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
               attrs=attrs, outputs=outputs, site=site)
        )  # fmt: skip

    def _new(self, tensor: Any) -> int:
        number = self.next
        self.next += 1
        known = self.numbers.get(id(tensor))
        if known is not None and known[0]() is tensor:
            self.trace.overwritten.add(known[1])
        self.numbers[id(tensor)] = (weakref.ref(tensor), number, self.version(tensor))
        if self.keep != "results":
            self._keep(number, self.view(tensor), own=False)
        if self.capture and self.watch is not None:
            self.watch(tensor, number)
        return number

    def _keep(self, number: int, array: Array, *, own: bool) -> None:
        """Keep of a tensor what the run keeps; ``own`` arrays are nobody else's."""
        name = self.trace.parameter(number)
        if self.keep == "values":
            tensor = self.trace.state.get(name) if name is not None else None
            constant = own or (tensor is not None and not tensor.buffer)  # a run never writes to its parameters
            self.trace.values[number] = as_float64(array) if constant else private(array)
        elif self.keep == "digests" and name is None:
            self.trace.keep_digest(number, array)


class Call:
    """One call as it was read."""

    __slots__ = ("arguments", "attrs", "inputs", "kind", "name", "roles", "site")

    def __init__(
        self, kind: str, name: str, inputs: tuple[int, ...], roles: tuple[str, ...], attrs: dict[str, Any],
        arguments: dict[str, Any], site: str,
    ) -> None:  # fmt: skip
        self.kind, self.name, self.inputs, self.roles, self.attrs = kind, name, inputs, roles, attrs
        self.arguments, self.site = arguments, site


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


def private(array: Array) -> Array:
    """A copy, floating values as float64."""
    return np.array(array, dtype=np.float64 if array.dtype.kind == "f" else array.dtype)


def as_float64(array: Array) -> Array:
    """Floating values as float64, without a copy where they are."""
    return np.asarray(array, dtype=np.float64 if array.dtype.kind == "f" else array.dtype)


def deliver(trace: Trace, options: RunOptions, key: Key, gradient: Array) -> None:
    """A gradient of an input or parameter that nobody else writes to goes where the options say."""
    if options.gradients is not None:
        options.gradients(key, gradient)
    else:
        (trace.grad_inputs if key[0] == "grad_input" else trace.grad_params)[key[1]] = gradient


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
