"""Convolutions: for each place in the kernel a slice and a product of matrices, and their sum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from nlblocks.backend import Array
from nlblocks.exchange.programs.lowering.registry import lowers
from nlblocks.exchange.programs.lowering.windows import Window, padded, taps
from nlblocks.exchange.programs.lowering.writing import END, Call, Unwritable, Value, Writer


@lowers("Conv")
def conv(write: Writer, call: Call) -> Value:
    x, weight = call[0], Weight(write, call[1])
    window = Window.of(call, weight.shape[2:])
    group = call.attribute("group")
    return with_bias(write, call, convolved(write, padded(write, x, window), weight, window, group))


@lowers("ConvTranspose")
def conv_transpose(write: Writer, call: Call) -> Value:
    """A convolution with the kernel turned round, over the input with zeros between its values."""
    x, weight = call[0], Weight(write, call[1])
    if call.attribute("output_shape"):
        raise Unwritable("it is given an output_shape")
    window, group = Window.of(call, weight.shape[2:]), call.attribute("group")
    more = call.attribute("output_padding") or [0] * window.rank
    begin, end = window.begin, window.end
    if window.auto.startswith("SAME"):  # the output is strides times as long as the input
        need = [max(0, r + 1 + m - s) for r, m, s in zip(window.reach, more, window.strides, strict=True)]
        less, rest = [n // 2 for n in need], [n - n // 2 for n in need]
        begin, end = (rest, less) if window.auto == "SAME_LOWER" else (less, rest)  # type: ignore[assignment]
    x = spread(write, x, window)
    before = [r - b for r, b in zip(window.reach, begin, strict=True)]
    behind = [r - e + m for r, e, m in zip(window.reach, end, more, strict=True)]
    x = write.pad(x, [0, 0, *before, 0, 0, *behind])
    dense = replace(window, strides=(1,) * window.rank, begin=(0,) * window.rank, end=(0,) * window.rank, auto="NOTSET")
    turned = weight.turned(group)
    return with_bias(write, call, convolved(write, x, turned, dense, group))


class Weight:
    """The kernel of a convolution, [O, I, *kernel], a constant or not."""

    def __init__(self, write: Writer, value: Value, shape: Sequence[int | None] | None = None) -> None:
        self.write, self.value = write, value
        known = write.shape(value) if shape is None else shape
        if known is None or None in known:
            raise Unwritable("the shape of its weight is not known before it runs")
        self.shape = tuple(size for size in known if size is not None)

    def at(self, place: tuple[int, ...], *shape: int) -> Value | Array:
        """What the kernel holds at one place, in some shape."""
        if self.value.array is not None:
            return np.moveaxis(self.value.array, (0, 1), (-2, -1))[place].reshape(shape)
        ends = [at + 1 for at in place]
        return self.write.reshape(self.write.slice(self.value, list(place), ends, range(2, 2 + len(place))), *shape)

    def turned(self, group: int) -> Weight:
        """The kernel of a transposed convolution, [C, O / group, *kernel], as the one of the convolution that it is."""
        inputs, outputs, *kernel = self.shape
        apart, shape = (group, inputs // group, outputs, *kernel), (group * outputs, inputs // group, *kernel)
        axes, write, array = range(2, len(shape)), self.write, self.value.array
        if array is not None:
            turned = np.flip(array.reshape(apart).swapaxes(1, 2).reshape(shape), tuple(axes))
            return Weight(write, Value(write, "", turned))
        parts = write("Transpose", write.reshape(self.value, *apart), perm=[0, 2, 1, *range(3, len(apart))])
        count = len(kernel)
        back = write.slice(write.reshape(parts, *shape), [-1] * count, [-END] * count, axes, [-1] * count)
        return Weight(write, back, shape)


def convolved(write: Writer, x: Value, weight: Weight, window: Window, group: int) -> Value:
    """Σ over the places in the kernel; x [B, C, *padded] holds what is put around it already."""
    outputs, inputs = weight.shape[:2]
    total: Value | None = None
    tap = x
    for place, tap in taps(write, x, window):
        if inputs == 1 and outputs == group:
            term = tap * weight.at(place, 1, outputs, *[1] * window.rank)
        elif group == 1:
            term = write("MatMul", weight.at(place, outputs, inputs), write.reshape(tap, 0, inputs, -1))
        else:
            rows = write.reshape(tap, 0, group, inputs, -1)
            term = write("MatMul", weight.at(place, group, outputs // group, inputs), rows)
        total = term if total is None else total + term
    assert total is not None  # a kernel has a place at least
    if inputs == 1 and outputs == group:
        return total
    return write.reshape(total, 0, outputs, write.size(tap, 2))


def with_bias(write: Writer, call: Call, y: Value) -> Value:
    """The same plus the third input, where there is one."""
    bias, rank = call.input(2), len(write.shape(call[1]) or ())
    return y if bias is None else y + write.column(bias, rank)


def spread(write: Writer, x: Value, window: Window) -> Value:
    """Zeros between values: stride - 1 of them along each axis that the window slides over."""
    for axis, stride in zip(window.axes, window.strides, strict=True):
        if stride == 1:
            continue
        rank = window.rank + 2
        x = write.unsqueeze(x, axis + 1)
        x = write.pad(x, [*[0] * (rank + 1), *(stride - 1 if at == axis + 1 else 0 for at in range(rank + 1))])
        x = write.reshape(x, *[0] * axis, -1, *([write.size(x, axis + 2)] if axis + 1 < rank else []))
        x = write.slice(x, [0], [1 - stride], [axis])
    return x
