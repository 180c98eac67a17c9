"""Weights that were loaded wrongly, shared or not, trained or not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.soundness.places import Mutation, Place, is_native

Array = np.ndarray[Any, Any]
Change = Callable[[Array], Array | None]
"""From a tensor to what it is made; None where it has no place."""


def _permuted(value: Array) -> Array | None:
    if value.ndim < 1 or value.shape[0] < 2:
        return None
    return np.concatenate([value[1::-1], value[2:]])


def _rows(kind: int) -> Change:
    """Thirds or fourths of the rows in another order, as gates of a recurrent layer or q, k, v are."""
    orders = {3: (1, 0, 2), 4: (0, 2, 1, 3)}

    def change(value: Array) -> Array | None:
        axis = next(
            (i for i in (0, 1) if i < value.ndim and value.shape[i] % kind == 0 and value.shape[i] > kind), None
        )
        if axis is None:
            return None
        parts = np.split(value, kind, axis)
        return np.concatenate([parts[i] for i in orders[kind]], axis)

    return change


def _transposed(value: Array) -> Array | None:
    square = value.ndim >= 2 and value.shape[0] == value.shape[1] > 1
    return np.ascontiguousarray(value.swapaxes(0, 1)) if square else None


def _element(by: float) -> Change:
    def change(value: Array) -> Array:
        value = value.copy()
        value.flat[value.size // 2] += by
        return value

    return change


def _mirrored(value: Array) -> Array | None:
    return np.ascontiguousarray(value[..., ::-1]) if value.ndim > 2 and value.shape[-1] > 1 else None


VALUES: dict[str, Change] = {
    "weight: two rows exchanged": _permuted,
    "weight: a square transposed": _transposed,
    "weight scaled by 1.01": lambda v: v * np.float32(1.01),
    "weight negated": lambda v: -v,
    "weight: one element off": _element(0.25),
    "weight: one element slightly off": _element(1e-4),
    "weight zero": lambda v: 0.0 * v,
    "weight one": lambda v: 0.0 * v + 1.0,
    "weight: thirds in another order": _rows(3),
    "weight: fourths in another order": _rows(4),
    "kernel mirrored": _mirrored,
}


def _valued(change: Change) -> Callable[[Any, Any], list[Place]]:
    def find(side: Any, model: Any) -> list[Place]:
        found = []
        for name, tensor in side.tensors(model).items():
            value = side.array(tensor)
            other = change(value)
            if other is not None and other.shape == value.shape and not np.array_equal(other, value):
                found.append(Place(name, partial(side.write, tensor, other)))
        return found

    return find


def _within(side: Any, model: Any) -> set[str]:
    """The paths of what lies in a framework's own layer that has parameters: a recurrent layer's names for its own."""
    layers = side.modules_by_every_name(model)
    own = [path for path, layer in layers.items() if is_native(side, layer) and layer._parameters]
    return {path for path in layers for outer in own if path.startswith(f"{outer}.")}


def _alike(side: Any, model: Any) -> list[tuple[tuple[str, Any, str], tuple[str, Any, str]]]:
    """Layers of one class whose tensors have the same shapes, two by two: (path, parent, name in the parent)."""
    kinds: dict[Any, tuple[str, Any, str]] = {}
    within = _within(side, model)
    pairs = []
    for path, module in side.modules(model).items():
        for name, child in side.children(module).items():
            shapes = tuple((key, tuple(t.shape)) for key, t in side.tensors(child).items())
            if not shapes or f"{path}.{name}".lstrip(".") in within:
                continue
            entry = (f"{path}.{name}".lstrip("."), module, name)
            other = kinds.setdefault((type(child), shapes), entry)
            if other is not entry and side.children(other[1])[other[2]] is not child:
                pairs.append((other, entry))
    return pairs


def _shared(side: Any, model: Any) -> list[Place]:
    return [
        Place(f"{b[0]} is {a[0]}", partial(side.set_child, b[1], b[2], side.children(a[1])[a[2]]))
        for a, b in _alike(side, model)
    ]


def _unshared(side: Any, model: Any) -> list[Place]:
    """A layer that is there under two names becomes two; so does a weight."""
    found, seen, within = [], dict[int, str](), _within(side, model)
    for path, module in side.modules_by_every_name(model).items():
        if id(module) in seen and path not in within:
            parent, _, name = path.rpartition(".")
            holder = side.modules_by_every_name(model)[parent]
            copied = partial(side.set_child, holder, name, copy.deepcopy(module))
            found.append(Place(f"{path} is no more {seen[id(module)]}", copied))
        seen.setdefault(id(module), path)
    owners: dict[int, str] = {}
    for path, module in side.modules(model).items():
        for name, parameter in module._parameters.items() if path not in within else ():
            at = f"{path}.{name}".lstrip(".")
            if parameter is not None and owners.setdefault(id(parameter), at) != at:
                split = partial(module._parameters.__setitem__, name, copy.deepcopy(parameter))
                found.append(Place(f"{at} is no more {owners[id(parameter)]}", split))
    return found


def _frozen(side: Any, model: Any) -> list[Place]:
    trained = {name: p for name, p in side.parameters(model).items() if side.tracks(p)}
    return [Place(name, partial(side.freeze, parameter)) for name, parameter in trained.items()]


def _exchanged(side: Any, model: Any) -> list[Place]:
    """The weights of two layers, each in the other's place."""

    def exchange(a: Any, b: Any) -> None:
        one, two = side.tensors(side.children(a[1])[a[2]]), side.tensors(side.children(b[1])[b[2]])
        for name in one:
            value = side.array(one[name])
            side.write(one[name], side.array(two[name]))
            side.write(two[name], value)

    return [Place(f"{a[0]} and {b[0]}", partial(exchange, a, b)) for a, b in _alike(side, model)]


TENSORS = (
    *(Mutation(name=name, find=_valued(change), keeps=True) for name, change in VALUES.items()),
    Mutation(name="weights of two layers exchanged", find=_exchanged, keeps=True),
    Mutation(name="one layer for two", find=_shared),
    Mutation(name="two layers for one", find=_unshared),
    Mutation(name="requires_grad off", find=_frozen),
)
