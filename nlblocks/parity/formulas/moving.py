"""What moves elements: joined, picked, turned, padded, looked up."""

from __future__ import annotations

from typing import Any

import numpy as np

from nlblocks.backend import Array
from nlblocks.parity.formulas.formula import Arrays, Attrs

PAD_MODES: Any = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
"""NumPy's names of the ways to pad."""


WRITING: dict[Any, Any] = {
    "assign": lambda y, places, source: y.__setitem__(places, source), "add": np.add.at, "multiply": np.multiply.at,
    "amax": np.maximum.at, "amin": np.minimum.at,
}  # fmt: skip
"""How values come to their places."""


def cat(arrays: Arrays, attrs: Attrs) -> Array:
    """The inputs one after another along an axis"""
    return np.concatenate([value for role, value in arrays.items() if role != "axis"], axis=attrs["axis"])


def stack(arrays: Arrays, attrs: Attrs) -> Array:
    """The inputs one after another along a new axis"""
    return np.stack(list(arrays.values()), axis=attrs["axis"])


def getitem(arrays: Arrays, attrs: Attrs) -> Array:
    """x[index]"""
    return arrays["x"][_index(attrs["index"])]


def _index(value: Any) -> Any:
    """An index as the vocabulary writes it (``plain``) back as Python has it."""
    if isinstance(value, tuple) and value[:1] == ("slice",):
        return slice(*value[1:])
    if isinstance(value, tuple):
        return tuple(_index(item) for item in value)
    return Ellipsis if value == "..." else value


def take(arrays: Arrays, attrs: Attrs) -> Array:
    """The elements of x at the places ``index`` along an axis"""
    return np.take(arrays["x"], arrays["index"].astype(np.int64), attrs["axis"])


def take_along_axis(arrays: Arrays, attrs: Attrs) -> Array:
    """Of each row of x along an axis the elements at the places that the index has there"""
    index = _spread(arrays["x"], arrays["index"], attrs)
    return arrays["x"][_along(index, attrs["axis"])]


def scatter(arrays: Arrays, attrs: Attrs) -> Array:
    """x with ``source`` written to (or, by ``reduce``, added to ...) the places that the index has along an axis"""
    x, index = arrays["x"], _spread(arrays["x"], arrays["index"], attrs)
    source: Any = arrays.get("source", attrs.get("source"))
    if np.size(source) == 1:
        source = np.reshape(source, ())
    elif source.shape != index.shape:
        spread = attrs.get("broadcast")
        source = np.broadcast_to(source, index.shape) if spread else source[tuple(map(slice, index.shape))]
    y = x.copy()
    WRITING[attrs.get("reduce", "assign")](y, _along(index, attrs["axis"]), source)
    return y


def _spread(x: Array, index: Array, attrs: Attrs) -> Array:
    """An index with the extents of x but along the axis, where it is to ``broadcast`` and can."""
    shape = list(x.shape)
    shape[attrs["axis"]] = index.shape[attrs["axis"]]
    fits = all(mine in (1, theirs) for mine, theirs in zip(index.shape, shape, strict=True))
    return (np.broadcast_to(index, shape) if attrs.get("broadcast") and fits else index).astype(np.int64)


def _along(index: Array, axis: int) -> tuple[Array, ...]:
    """The places of NumPy's that an index along one axis means."""
    places = [*np.indices(index.shape)]
    places[axis] = index
    return tuple(places)


def flip(arrays: Arrays, attrs: Attrs) -> Array:
    """x in reverse order along axes"""
    return np.flip(arrays["x"], attrs["axis"])


def roll(arrays: Arrays, attrs: Attrs) -> Array:
    """x shifted along axes, what leaves at one end coming back at the other"""
    return np.roll(arrays["x"], attrs["shifts"], attrs.get("axis"))


def pad(arrays: Arrays, attrs: Attrs) -> Array:
    """x with more on either end; ``pad`` is (before, after) of the last axis, of the one before, ..."""
    x, given = arrays["x"], attrs["pad"]
    pairs = [(0, 0)] * x.ndim
    for i in range(len(given) // 2):
        pairs[x.ndim - 1 - i] = (given[2 * i], given[2 * i + 1])
    mode = attrs.get("mode", "constant")
    if mode == "constant":
        return np.pad(x, pairs, constant_values=attrs.get("fill") or 0.0)
    return np.asarray(np.pad(x, pairs, mode=PAD_MODES[mode]))


def pixel_shuffle(arrays: Arrays, attrs: Attrs) -> Array:
    """[B, C r², H, W] to [B, C, H r, W r]; ``order`` "space_first" reads the channels as [r, r, C]"""
    x, r = arrays["x"], int(attrs["factor"])
    batch, channels, height, width = x.shape
    if attrs.get("order") == "space_first":
        y = x.reshape(batch, r, r, channels // r**2, height, width).transpose(0, 3, 4, 1, 5, 2)
    else:
        y = x.reshape(batch, channels // r**2, r, r, height, width).transpose(0, 1, 4, 2, 5, 3)
    return y.reshape(batch, channels // r**2, height * r, width * r)


def embedding(arrays: Arrays, attrs: Attrs) -> Array:
    """Row x of the table; zero for the padding index if so told"""
    result = arrays["weight"][arrays["x"].astype(np.int64)]
    if attrs.get("zero_padding") and attrs.get("padding_index") is not None:
        result = np.where((arrays["x"] == attrs["padding_index"])[..., None], 0.0, result)
    return result
