"""Writes a trace while a framework runs a model: numbers tensors, copies them, and reads calls in the vocabulary."""

from __future__ import annotations

import weakref
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np

from nlblocks.backend import Array
from nlblocks.parity.recording.call import Call
from nlblocks.parity.recording.exchange import Exchange
from nlblocks.parity.recording.framework import Framework, Undo, dtype_name
from nlblocks.parity.recording.lines import calling_line
from nlblocks.parity.recording.options import RunOptions
from nlblocks.parity.recording.untraced import Unseen
from nlblocks.parity.tracing import Op, Trace, vocabulary

LAYERS = vocabulary.NORMALISATIONS | {"conv", "conv_transpose", "linear", "matmul", "embedding", "prelu"}
"""Kinds that are layers, though no module runs them, where they use a parameter of the module around them."""


class Recorder:
    """Fills ``trace`` with what a framework's calls do."""

    def __init__(self, framework: Framework, trace: Trace, options: RunOptions, unseen: Unseen) -> None:
        self.framework, self.trace, self.options, self.unseen = framework, trace, options, unseen
        self.exchange = Exchange(framework, options.given)
        self.sites: dict[str, int] = defaultdict(int)
        self.scopes: list[tuple[str, bool]] = [("", False)]
        self.numbers: dict[int, tuple[weakref.ref[Any], int, int]] = {}
        self.next = 0
        self.draws: dict[tuple[int | str, ...], int] = defaultdict(int)
        self.readings: dict[str, _Reading] = {}
        self.hooks: list[Undo] = []
        self.tensor, self.prefix = framework.tensor_type, f"{framework.name}."
        own = (type(self), type(framework), framework.model_type)
        self.packages = tuple(dict.fromkeys(cls.__module__.partition(".")[0] for cls in own))

    @property
    def capture(self) -> bool:
        """Whether values are kept."""
        return self.options.keep in ("values", "forward")

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
            made = self.unseen.made_from(tensor)
            return self.introduce(tensor, "constant:") if made is None else self._untraced(tensor, made)
        _, number, version = known
        if self.framework.version(tensor) == version or (number in self.trace.origin and self.trace.parameter(number)):
            return number
        fresh = self._new(tensor)
        self._append("mutated", "mutated", (number,), ("x",), {}, (fresh,))
        return fresh

    def _untraced(self, tensor: Any, made: tuple[int, ...]) -> int:
        """Write down a tensor that something unseen made from these."""
        fresh = self._new(tensor)
        roles = tuple(f"from{i}" for i in range(len(made)))
        self._append(vocabulary.UNTRACED, vocabulary.UNTRACED, made, roles, {}, (fresh,))
        return fresh

    def close(self) -> None:
        """The run is over: no hook stays on a tensor that outlives it, and what it met is a constant in later ones."""
        for undo in self.hooks:
            undo()
        self.unseen.done([reference for reference, *_ in self.numbers.values()])

    def count(self, drawn: tuple[int | str, ...]) -> int:
        """How many draws of a shape, its axes in any order, there were before; axes of one do not count.

        What else than a shape is drawn for is text.
        """
        key = tuple(sorted((extent for extent in drawn if extent != 1), key=str))
        self.draws[key] += 1
        return self.draws[key] - 1

    def before(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Call:
        """Read a call, before it runs and may overwrite its inputs."""
        reading = self.readings.get(name)
        if reading is None:
            reading = self.readings[name] = _reading(name, self.framework)
        if reading.reverse and len(args) == 2:
            args = (args[1], args[0])
        elif reading.variadic and len(args) > 2:
            args = (args[0], tuple(args[1:]))
        arguments = reading.arguments(args, kwargs)
        kind = reading.kind
        inputs: list[int] = []
        roles: list[str] = []
        attrs: dict[str, Any] = {}
        ndim = 0
        for role, value in arguments.items():
            if isinstance(value, self.tensor):
                inputs.append(self.number(value))
                roles.append(role)
                ndim = ndim or len(value.shape)
                continue
            found = () if type(value) in vocabulary.SCALARS else vocabulary.tensors_in(value, self.tensor)
            if found:
                inputs += [self.number(tensor) for tensor in found]
                roles += [f"{role}{position}" for position in range(len(found))]
                ndim = ndim or len(found[0].shape)
                if role == "index":
                    attrs[role] = vocabulary.plain(_without_tensors(value, self.tensor), self.prefix)
            elif role not in ("name", "inplace", "_stacklevel", "out"):
                attrs[role] = vocabulary.plain(value, self.prefix)
        if kind == "clip" and attrs.get("low") == 0 and attrs.get("high") == 6:
            kind, attrs = "relu6", {}
        attrs = vocabulary.normalise(kind, attrs, ndim)
        self.framework.finish(kind, attrs, ndim)
        if isinstance(attrs.get("padding"), str):
            self._write_out_padding(arguments, attrs)
        read = self.unseen.read_before(kind) if not inputs else ()
        if read:  # made of values that were read from tensors before, as far as anybody can tell
            kind, inputs, roles = vocabulary.UNTRACED, list(read), [f"from{i}" for i in range(len(read))]
        return Call(
            kind, reading.name, tuple(inputs), tuple(roles), attrs, arguments, self.site(reading.name),
            reading.signature,
        )  # fmt: skip

    def _write_out_padding(self, arguments: Mapping[str, Any], attrs: dict[str, Any]) -> None:
        """Padding that is a word, as numbers where the channels come first: what it pads depends on the extents."""
        if str(arguments.get("_format") or "NC").startswith("NC"):
            weight = arguments.get("weight")
            shape = None if weight is None else tuple(map(int, weight.shape))
            vocabulary.write_out_padding(attrs, tuple(map(int, arguments["x"].shape)), shape)

    def site(self, name: str) -> str:
        """What names the next call of a function in every run of the model."""
        site = f"{self.scopes[-1][0]}:{name}"
        self.sites[site] += 1
        site = f"{site}:{self.sites[site]}"
        if self.options.lines:
            self.trace.lines[site] = calling_line(self.packages, RunOptions.call.__code__)
        return site

    def wanted(self, call: Call) -> Mapping[str, Any]:
        """The attributes that are given in place of the call's own."""
        given = self.options.given
        return given.attributes.get(call.site, {}) if given is not None else {}

    def corrected(self, call: Call, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, Any]:
        """The call's arguments, with the attributes that are given in place of its own."""
        for name, value in self.wanted(call).items():
            if call.signature is None:
                raise KeyError(f"the table of {self.framework.name} has no {call.name}")
            if all(name != own for own, *_ in call.signature.arguments):
                continue  # what no call is told: an epsilon that is the framework's own
            reverse = self.readings[call.name].reverse and len(args) == 2  # it is read the other way round
            args, kwargs = call.signature.give(args[::-1] if reverse else args, kwargs, name, value)
            args = args[::-1] if reverse else args
            call.attrs[name] = value
        return args, kwargs

    def after(self, call: Call, result: Any, target: Any = None) -> Any:
        """Write down what a call gave, and return what the model goes on with.

        ``target`` is the tensor that a call without a result wrote to.
        """
        if target is None and self.options.given is not None:
            result = self.exchange.result(call, result)
        elif self.options.given is not None:
            self.exchange.result(call, target if call.copied is None else call.copied[1])
        made = vocabulary.tensors_in(result, self.tensor) if target is None else [target]
        if made:
            numbers = tuple(self._new(tensor) for tensor in made)
            self._append(call.kind, call.name, call.inputs, call.roles, call.attrs, numbers, call.site)
        return result

    def note(self, kind: str, inputs: Sequence[int], roles: Sequence[str], result: Array, **attrs: Any) -> int:
        """Write down an operation inside a fused one, from its value alone."""
        number = self.next
        self.next += 1
        self._append(kind, f"inside {kind}", tuple(inputs), tuple(roles), attrs, (number,))
        self._keep(number, result, own=True)
        return number

    def attention_steps(
        self, query: Array, key: Array, numbers: tuple[int, int], scale: Any, mask: Array | None,
        mask_number: int | None, causal: bool,
    ) -> tuple[Array, int]:  # fmt: skip
        """Write down the steps up to softmax over [..., L, D] arrays; returns the map and its number."""
        factor = query.shape[-1] ** -0.5 if scale is None else float(scale)
        scores = query @ np.swapaxes(key, -1, -2)
        number = self.note("matmul", numbers, ("x", "other"), scores, transpose_other=True)
        scores = scores * factor
        number = self.note("mul", (number,), ("x",), scores, other=factor)
        if causal:
            hidden = ~np.tril(np.ones(scores.shape[-2:], bool))
            scores = np.where(hidden, -np.inf, scores)
            number = self.note("causal_mask", (number,), ("x",), scores)
        if mask is not None and mask_number is not None:
            scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
            number = self.note("mask", (number, mask_number), ("x", "mask"), scores, keeps=mask.dtype == bool)
        shifted = np.exp(scores - scores.max(-1, keepdims=True))
        attention = shifted / shifted.sum(-1, keepdims=True)
        return attention, self.note("softmax", (number,), ("x",), attention, axis=attention.ndim - 1)

    def dropped(self, attention: Array, number: int, kept: Array, p: float) -> tuple[Array, int]:
        """Write down the dropout of an attention map that is multiplied by ``kept``; returns the map and its number."""
        attention = attention * kept
        number = self.note("dropout", (number,), ("x",), attention, p=p, training=True, mode="upscale_in_train")
        return attention, number

    def rows(self, whole: Any, start: int, values: Array) -> int:
        """A number for some rows of a parameter, by their values: "parameter:in_proj_weight[0:64]".

        Of what was computed (a weight that is normalised on its way) they are a result like others.
        """
        source = self.number(whole)
        name = self.trace.parameter(source)
        if name is None:
            return self.note("slice", (source,), ("x",), values)
        number = self.next
        self.next += 1
        self.trace.origin[number] = f"parameter:{name}[{start}:{start + len(values)}]"
        if self.capture:
            self.trace.values[number] = as_float64(values)
        return number

    def call(self, kind: str, name: str, inputs: Sequence[int], roles: Sequence[str], **attrs: Any) -> Call:
        """A call that no function stands for, read already: ``inputs`` are numbers of tensors."""
        return Call(kind, name, tuple(inputs), tuple(roles), attrs, {}, self.site(name))

    def finish(self, result: Any) -> dict[str, Any]:
        """Number the outputs and return them by the name of their gradient: the path, "" where there is only one."""
        found = dict(leaves(result, self.tensor))
        for path, tensor in found.items():
            number = self.number(tensor)
            self.trace.outputs[path] = number
            self.trace.output_dtypes[path] = dtype_name(tensor)
            if number not in self.trace.values:
                self.trace.values[number] = private(self.framework.to_numpy(tensor))
        return {"" if len(found) == 1 else path: tensor for path, tensor in found.items()}

    def _append(
        self, kind: str, name: str, inputs: tuple[int, ...], roles: tuple[str, ...], attrs: dict[str, Any],
        outputs: tuple[int, ...], site: str = "",
    ) -> None:  # fmt: skip
        self.unseen.use(inputs)
        scope, leaf = self.scopes[-1]
        if not leaf and kind in LAYERS and "part" not in attrs:
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
        self.numbers[id(tensor)] = (weakref.ref(tensor), number, self.framework.version(tensor))
        if self.options.backward:
            self.unseen.note(tensor, number)
        if self.options.keep != "results":
            self._keep(number, self.framework.to_numpy(tensor), own=False)
        if self.options.keep == "values" and self.options.backward and self.framework.wants_gradient(tensor):
            self._watch(tensor, number)
        return number

    def _watch(self, tensor: Any, number: int) -> None:
        """Keep the gradient that reaches a tensor."""

        def keep(gradient: Any) -> None:
            if gradient is not None:
                self.trace.grads[number] = private(self.framework.to_numpy(gradient))

        undo = self.framework.hook(tensor, keep)
        if self.trace.parameter(number) is not None:
            self.hooks.append(undo)

    def _keep(self, number: int, array: Array, *, own: bool) -> None:
        """Keep of a tensor what the run keeps; ``own`` arrays are nobody else's."""
        name = self.trace.parameter(number)
        if self.capture:
            tensor = self.trace.state.get(name) if name is not None else None
            constant = own or (tensor is not None and not tensor.buffer)  # a run never writes to its parameters
            self.trace.values[number] = as_float64(array) if constant else private(array)
        elif self.options.keep == "digests" and name is None:
            self.trace.keep_digest(number, array)


@dataclass(frozen=True, slots=True)
class _Reading:
    """How the calls of a function are read: by a line of the table, where it has one."""

    name: str
    kind: str
    signature: vocabulary.Signature | None
    reverse: bool
    variadic: bool

    def arguments(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        if self.signature is not None:
            return self.signature.read(args, kwargs)
        return {**{f"x{i}" if i else "x": value for i, value in enumerate(args)}, **kwargs}


def _reading(name: str, framework: Framework) -> _Reading:
    """An operation that overwrites its argument reads as the one that does not: ``__iadd__`` as ``__add__``.

    But for one that has a line of its own.
    """
    own = framework.table.get(name)
    if name.startswith("__i") and name.endswith("__") and name not in ("__invert__", "__index__", "__int__"):
        name = f"__{name[3:]}"
    elif framework.inplace and not name.endswith("__"):
        name = name.removesuffix(framework.inplace)
    reverse = name.startswith("__r") and name.endswith("__") and name != "__rshift__"
    if reverse:
        name = f"__{name[3:]}"
    public = name.removeprefix(framework.kernel)
    line = own or framework.table.get(name) or framework.table.get(public, "")
    read = vocabulary.signature(line) if line else None
    kind = read.kind if read is not None else public.strip("_")
    return _Reading(name, kind, read, reverse, public in framework.variadic)


def leaves(value: Any, tensor: type[Any], path: str = "") -> list[tuple[str, Any]]:
    """The tensors of an output by path, through tuples, lists, dicts and dataclasses; "" where it is one tensor."""
    if isinstance(value, tensor):
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
    return [leaf for key, item in items for leaf in leaves(item, tensor, f"{path}.{key}" if path else key)]


def private(array: Array) -> Array:
    """A copy, floating values as float64, complex ones as complex128."""
    return np.array(array, dtype=_wide(array))


def as_float64(array: Array) -> Array:
    """Floating values as float64, complex ones as complex128, without a copy where they are."""
    return np.asarray(array, dtype=_wide(array))


def _wide(array: Array) -> Any:
    return np.result_type(array, np.float64) if array.dtype.kind in "fc" else array.dtype


def _without_tensors(value: Any, tensor: type[Any]) -> Any:
    if isinstance(value, tensor):
        return "tensor"
    if isinstance(value, tuple | list):
        return tuple(_without_tensors(item, tensor) for item in value)
    return value
