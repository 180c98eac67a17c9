"""Resize: along one axis after another, the neighbours of each place times their weights."""

from __future__ import annotations

from onnx import TensorProto

from nlblocks.exchange.programs.lowering.interpolating import cubic_weights
from nlblocks.exchange.programs.lowering.registry import lowers
from nlblocks.exchange.programs.lowering.writing import Call, Unwritable, Value, Writer


@lowers("Resize")
def resize(write: Writer, call: Call) -> Value:
    """x with each axis as long as the scales or the sizes say."""
    x, scales, sizes = call[0], *_asked(write, call)
    for name in ("antialias", "exclude_outside"):
        if call.attribute(name):
            raise Unwritable(f"{name} is set")
    if call.attribute("keep_aspect_ratio_policy") not in (None, "stretch"):
        raise Unwritable("it keeps the aspect ratio")
    asked = scales if sizes is None else sizes
    count = (write.shape(asked) or (None,))[0] if asked is not None else None
    if asked is None or count is None:
        raise Unwritable("how many axes it resizes is not known before it runs")
    for place, axis in enumerate(call.attribute("axes") or range(count)):
        if scales is not None and scales.array is not None and scales.array[place] == 1:
            continue
        length = write.size(x, axis, axis + 1)
        if sizes is None:
            assert scales is not None  # one of the two is there
            scale = _double(write, write.slice(scales, [place], [place + 1], [0]))
            wide = write("Cast", write("Floor", _double(write, length) * scale), to=TensorProto.INT64)
        else:
            wide = write.slice(sizes, [place], [place + 1], [0])
            scale = _double(write, wide) / _double(write, length)
        at = _places(write, call, length, wide, scale)
        x = _along(write, call, x, axis, length, at)
    return x


def _asked(write: Writer, call: Call) -> tuple[Value | None, Value | None]:
    """The scales and the sizes, of which a node has one."""
    scales, sizes = call.input(2), call.input(3)
    known = None if scales is None else write.shape(scales)
    return (None, sizes) if sizes is not None and (known is None or 0 in known or scales is None) else (scales, None)


def _double(write: Writer, x: Value) -> Value:
    return write("Cast", x, to=TensorProto.DOUBLE)


def _places(write: Writer, call: Call, length: Value, wide: Value, scale: Value) -> Value:
    """Where each place of the output lies on the axis of the input, as onnxruntime finds it."""
    mode = call.attribute("coordinate_transformation_mode")
    y = write("Range", 0.0, write.squeeze(_double(write, wide), 0), 1.0)
    if mode == "asymmetric":
        return y / scale
    whole, new = _double(write, length), _double(write, wide)
    is_one = write("Equal", wide, [1])
    if mode == "align_corners":
        return write("Where", is_one, 0.0 * y, y * (whole - 1.0) / write("Max", new - 1.0, 1.0))
    half = (y + 0.5) / scale - 0.5
    if mode == "half_pixel":
        return half
    if mode == "pytorch_half_pixel":
        return write("Where", is_one, 0.0 * y, half)
    if mode == "half_pixel_symmetric":
        return whole / 2.0 * (1.0 - new / (whole * scale)) + half
    raise Unwritable(f"its coordinate_transformation_mode is {mode!r}")


def _along(write: Writer, call: Call, x: Value, axis: int, length: Value, at: Value) -> Value:
    mode = call.attribute("mode")
    if mode == "nearest":
        return _taken(write, x, axis, length, _rounded(write, call, at))
    start = write("Floor", at)
    part = at - start
    if mode == "linear":
        weights = [(0, 1.0 - part), (1, part)]
    elif mode == "cubic":
        weights = cubic_weights(part, call.attribute("cubic_coeff_a"))
    else:
        raise Unwritable(f"its mode is {mode!r}")
    total: Value | None = None
    rank = len(write.shape(x) or ()) or None
    for shift, weight in weights:
        term = _taken(write, x, axis, length, start + float(shift)) * _turned(write, call, weight, axis, rank)
        total = term if total is None else total + term
    assert total is not None
    return total


def _turned(write: Writer, call: Call, weight: Value, axis: int, rank: int | None) -> Value:
    """Weights along the last axis as ones along another."""
    rank = rank or _rank(write, call)
    return weight if axis == rank - 1 else write.reshape(weight, -1, *[1] * (rank - 1 - axis))


def _rank(write: Writer, call: Call) -> int:
    asked = [value for value in _asked(write, call) if value is not None]
    known = write.shape(asked[0])
    if call.attribute("axes") or known is None or known[0] is None:
        raise Unwritable("the rank of its input is not known before it runs")
    return known[0]


def _taken(write: Writer, x: Value, axis: int, length: Value, at: Value) -> Value:
    """What lies at some places of an axis; the first and the last are repeated."""
    last = _double(write, length) - 1.0
    place = write("Min", write("Max", at, 0.0), last)
    return write("Gather", x, write("Cast", place, to=TensorProto.INT64), axis=axis)


def _rounded(write: Writer, call: Call, at: Value) -> Value:
    way = call.attribute("nearest_mode")
    if way == "round_prefer_floor":
        return write("Ceil", at - 0.5)
    if way == "round_prefer_ceil":
        return write("Floor", at + 0.5)
    return write("Floor" if way == "floor" else "Ceil", at)
