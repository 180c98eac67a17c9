"""Pools: what lies under each place of the window, added or compared."""

from __future__ import annotations

import math

import numpy as np
from onnx import numpy_helper

from nlblocks.exchange.programs.lowering.registry import lowers
from nlblocks.exchange.programs.lowering.windows import Window, padded, rounded_up, taps
from nlblocks.exchange.programs.lowering.writing import Call, Value, Writer


@lowers("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")
def everywhere(write: Writer, call: Call) -> Value:
    x = call[0]
    rows = write.reshape(x, 0, 0, -1)
    if call.op == "GlobalLpPool":
        found = _root(write, write.reduce("Sum", _power(write, rows, call), 2), call)
    else:
        found = write.reduce("Max" if call.op == "GlobalMaxPool" else "Mean", rows, 2)
    one = numpy_helper.from_array(np.ones(1, np.int64))
    ones = write("ConstantOfShape", write("Shape", write.size(x, 2)), value=one)
    return write.reshape(found, 0, 0, ones)


@lowers("AveragePool")
def average_pool(write: Writer, call: Call) -> Value:
    x, window = call[0], Window.of(call, call.attribute("kernel_shape"))
    inner = padded(write, x, window)
    total = _summed(write, inner, window)
    if not window.ceil and not (window.is_padded and not call.attribute("count_include_pad")):
        return _cut(write, x, total, window) / float(math.prod(window.kernel))
    ones = numpy_helper.from_array(np.ones(1))
    if call.attribute("count_include_pad"):
        counted = write("ConstantOfShape", write.vector(1, 1, write.size(inner, 2)), value=ones)
    else:
        counted = write("ConstantOfShape", write.vector(1, 1, write.size(x, 2)), value=ones)
        counted = padded(write, counted, window)
    return _cut(write, x, total, window) / _cut(write, x, _summed(write, counted, window), window)


@lowers("LpPool")
def lp_pool(write: Writer, call: Call) -> Value:
    x, window = call[0], Window.of(call, call.attribute("kernel_shape"))
    powers = _power(write, x, call)
    return _root(write, _cut(write, x, _summed(write, padded(write, powers, window), window), window), call)


def _summed(write: Writer, x: Value, window: Window) -> Value:
    x = rounded_up(write, x, window) if window.ceil else x
    total: Value | None = None
    for _, tap in taps(write, x, window):
        total = tap if total is None else total + tap
    assert total is not None  # a window has a place at least
    return total


def _cut(write: Writer, x: Value, y: Value, window: Window) -> Value:
    """Without the windows that begin behind the input and what was put before it: rounding up may give one."""
    if not window.ceil:
        return y
    strides = np.array(window.strides)
    ends = (write.size(x, 2) + np.array(window.begin) + (strides - 1)) / strides
    return write.slice(y, [0] * window.rank, ends, window.axes)


def _power(write: Writer, x: Value, call: Call) -> Value:
    return write("Pow", write("Abs", x), float(call.attribute("p")))


def _root(write: Writer, x: Value, call: Call) -> Value:
    return write("Pow", x, 1 / float(call.attribute("p")))
