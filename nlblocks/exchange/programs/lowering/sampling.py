"""GridSample: the neighbours of each place of a grid times their weights."""

from __future__ import annotations

import itertools

from onnx import TensorProto

from nlblocks.exchange.programs.lowering.interpolating import cubic_weights
from nlblocks.exchange.programs.lowering.registry import lowers
from nlblocks.exchange.programs.lowering.writing import Call, Unwritable, Value, Writer

Neighbour = tuple[Value, Value]
"""A place on an axis and its weight."""
A = -0.75
"""The coefficient of its cubic."""


@lowers("GridSample")
def grid_sample(write: Writer, call: Call) -> Value:
    """x [B, C, *S] at the places of a grid [B, *T, len(S)] from -1 to 1, its last axis first: [B, C, *T]."""
    x, grid = call[0], call[1]
    rank = len(write.shape(x) or write.shape(grid) or ()) - 2
    if rank < 1:
        raise Unwritable("the rank of its input is not known before it runs")
    mode, around = call.attribute("mode").removeprefix("bi"), call.attribute("padding_mode")
    lengths = [write.size(x, axis, axis + 1) for axis in range(2, 2 + rank)]
    flat = write.reshape(x, 0, 0, -1)
    places = write.reshape(grid, 0, -1, rank)
    sides = []
    for axis, length in enumerate(lengths):
        number = rank - 1 - axis
        at = write.squeeze(write.slice(places, [number], [number + 1], [2]), 2)  # [B, places]
        size = write("Cast", length, to=TensorProto.DOUBLE)
        sides.append(_neighbours(write, _pixels(at, size, call), size, mode, around, call))
    total: Value | None = None
    for corner in itertools.product(*sides):
        term = _corner(write, flat, corner, lengths)
        total = term if total is None else total + term
    assert total is not None
    return write("Reshape", total, write.vector(write.size(x, 0, 2), write.size(grid, 1, -1)))


def _pixels(at: Value, size: Value, call: Call) -> Value:
    if call.attribute("align_corners"):
        return (at + 1.0) / 2.0 * (size - 1.0)
    return ((at + 1.0) * size - 1.0) / 2.0


def _neighbours(write: Writer, at: Value, size: Value, mode: str, around: str, call: Call) -> list[Neighbour]:
    """The neighbours along one axis, each a place and a weight, 0 for one that is not there."""
    if mode == "nearest":
        weights = [(_inside(write, write("Round", at), size, around, call), 0.0 * at + 1.0)]
    elif mode == "linear":
        at = _inside(write, at, size, around, call)
        start = write("Floor", at)
        weights = [(start, 1.0 - (at - start)), (start + 1.0, at - start)]
    elif mode == "cubic":
        start = write("Floor", at)
        shifted = cubic_weights(at - start, A)
        weights = [(_inside(write, start + float(shift), size, around, call), part) for shift, part in shifted]
    else:
        raise Unwritable(f"its mode is {mode!r}")
    found = []
    for place, weight in weights:
        safe = write("Min", write("Max", place, 0.0), size - 1.0)
        is_there = write("Cast", write("Equal", safe, place), to=TensorProto.DOUBLE)
        found.append((safe, weight * is_there))
    return found


def _inside(write: Writer, at: Value, size: Value, around: str, call: Call) -> Value:
    """A place as it is, or moved onto the axis."""
    if around == "zeros":
        return at
    if around == "reflection":
        low, span = (0.0 * size, size - 1.0) if call.attribute("align_corners") else (0.0 * size - 0.5, size)
        away = write("Abs", at - low)
        span = write("Max", span, 1.0)
        turns = write("Floor", away / span)
        rest = away - turns * span
        is_even = write("Equal", turns, write("Floor", turns / 2.0) * 2.0)
        at = write("Where", is_even, rest, span - rest) + low
    return write("Min", write("Max", at, 0.0), size - 1.0)


def _corner(write: Writer, flat: Value, corner: tuple[Neighbour, ...], lengths: list[Value]) -> Value:
    """What lies at one neighbour on every axis, times its weights: [B, C, places]."""
    place, weight = corner[0]
    for (more, part), length in zip(corner[1:], lengths[1:], strict=True):
        place = place * write("Cast", length, to=TensorProto.DOUBLE) + more
        weight = weight * part
    index = write.unsqueeze(write("Cast", place, to=TensorProto.INT64), 1)
    wide = write("Expand", index, write.vector(1, write.size(flat, 1, 2), 1))
    taken = write("GatherElements", flat, wide, axis=2)
    return taken * write.unsqueeze(weight, 1)
