"""Pools and the transposed convolution: ONNX's evaluator is wrong with some pads and groups, and slow."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from onnx.reference.op_run import OpRun

from nlblocks.backend import Array

Numbers = Sequence[int] | None


class _Pool(OpRun):
    """A pool."""

    op_domain = ""

    def windows(self, x: Array, attrs: dict[str, Any], fill: float, behind: float | None = None) -> Array:
        """What lies under each place of the window: [B, C, *outputs, values].

        ``fill`` is what the pads hold, ``behind`` what a last window that is not whole finds behind them.
        """
        kernel = attrs["kernel_shape"]
        rank = len(kernel)
        strides, dilations = attrs.get("strides") or [1] * rank, attrs.get("dilations") or [1] * rank
        spans = [(size - 1) * step + 1 for size, step in zip(kernel, dilations, strict=True)]
        around, counts = [], []
        for axis, (length, span, stride) in enumerate(zip(x.shape[2:], spans, strides, strict=True)):
            begin, end = self._pads(attrs, axis, rank, length, span, stride)
            last = length + begin + end - span
            whole, most = last // stride + 1, -(-(length + begin) // stride)
            counts.append(min(-(-last // stride) + 1, most) if attrs.get("ceil_mode") else whole)
            around.append((begin, end))
        x = np.pad(x, [(0, 0), (0, 0), *around], constant_values=fill)
        if attrs.get("ceil_mode"):
            rest = [(0, 0), (0, 0), *((0, stride - 1) for stride in strides)]
            x = np.pad(x, rest, constant_values=fill if behind is None else behind)
        found = np.lib.stride_tricks.sliding_window_view(x, spans, axis=tuple(range(2, 2 + rank)))
        places = [slice(None, (count - 1) * stride + 1, stride) for count, stride in zip(counts, strides, strict=True)]
        found = found[(slice(None), slice(None), *places, *(slice(None, None, step) for step in dilations))]
        return found.reshape(*found.shape[: 2 + rank], -1)

    @staticmethod
    def _pads(attrs: dict[str, Any], axis: int, rank: int, length: int, span: int, stride: int) -> tuple[int, int]:
        auto = attrs.get("auto_pad") or "NOTSET"
        if not auto.startswith("SAME"):
            pads = attrs.get("pads") or [0] * 2 * rank
            return (pads[axis], pads[axis + rank]) if auto == "NOTSET" else (0, 0)
        need = max(0, (-(-length // stride) - 1) * stride + span - length)
        return (need // 2, need - need // 2) if auto == "SAME_UPPER" else (need - need // 2, need // 2)


class AveragePool(_Pool):
    """The evaluator's own takes the pads of one axis for those of another where they are not the same."""

    def _run(self, x: Array, count_include_pad: int = 0, **attrs: Any) -> tuple[Array]:
        counts = self.windows(np.ones((1, 1, *x.shape[2:]), x.dtype), attrs, 1 if count_include_pad else 0, 0)
        return (self.windows(x, attrs, 0).sum(-1) / counts.sum(-1),)


class MaxPool(_Pool):
    """The evaluator's own gives wrong places of the greatest values, and takes NaN for what is not there."""

    def _run(self, x: Array, storage_order: int = 0, **attrs: Any) -> Any:
        lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
        under = self.windows(x, attrs, lowest)
        if len(self.onnx_node.output) == 1:
            return (under.max(-1).astype(x.dtype),)
        order: Literal["F", "C"] = "F" if storage_order else "C"
        images = np.arange(x.shape[0] * x.shape[1]).reshape(*x.shape[:2], *[1] * (x.ndim - 2))
        size = int(np.prod(x.shape[2:]))
        inner = np.arange(size).reshape(x.shape[2:], order=order)
        places = self.windows(np.broadcast_to(images * size + inner, x.shape), attrs, -1)
        first = under.argmax(-1)[..., None]
        return under.max(-1).astype(x.dtype), np.take_along_axis(places, first, -1)[..., 0].astype(np.int64)


class GlobalMaxPool(OpRun):
    """The evaluator's own is wrong but for images."""

    op_domain = ""

    def _run(self, x: Array, **_: Any) -> tuple[Array]:
        return (x.max(tuple(range(2, x.ndim)), keepdims=True),)


class ConvTranspose(OpRun):
    """The evaluator's own fails for groups: each value of the input adds its kernel to the output."""

    op_domain = ""

    def _run(
        self, x: Array, w: Array, b: Array | None = None, *, group: int = 1, auto_pad: str = "NOTSET",
        strides: Numbers = None, dilations: Numbers = None, pads: Numbers = None, output_padding: Numbers = None,
        output_shape: Numbers = None, **_: Any,
    ) -> tuple[Array]:  # fmt: skip
        rank, kernel = x.ndim - 2, w.shape[2:]
        strides, dilations = strides or [1] * rank, dilations or [1] * rank
        longer = output_padding or [0] * rank
        whole = [
            (length - 1) * stride + (size - 1) * step + 1 + extra
            for length, stride, size, step, extra in zip(x.shape[2:], strides, kernel, dilations, longer, strict=True)
        ]
        begin, end = self._cut(x.shape[2:], whole, strides, auto_pad, pads, output_shape)
        parts = x.reshape(x.shape[0], group, -1, *x.shape[2:])
        weights = np.moveaxis(w.reshape(group, -1, *w.shape[1:]), (0, 1, 2), (-3, -2, -1))
        y = np.zeros((x.shape[0], group, w.shape[1], *whole), x.dtype)
        for place in itertools.product(*map(range, kernel)):
            at: Any = tuple(
                slice(step * index, step * index + (length - 1) * stride + 1, stride)
                for index, step, length, stride in zip(place, dilations, x.shape[2:], strides, strict=True)
            )
            y[(slice(None), slice(None), slice(None), *at)] += np.einsum("bgi...,gio->bgo...", parts, weights[place])
        y = y.reshape(x.shape[0], -1, *whole)
        y = np.pad(
            y, [(0, 0), (0, 0), *((max(0, -less), max(0, -rest)) for less, rest in zip(begin, end, strict=True))]
        )
        ends = [size - max(0, rest) for size, rest in zip(y.shape[2:], end, strict=True)]
        kept: Any = (..., *(slice(max(0, less), stop) for less, stop in zip(begin, ends, strict=True)))
        y = y[kept]
        return (y if b is None else y + b.reshape(1, -1, *[1] * rank),)

    @staticmethod
    def _cut(
        lengths: Sequence[int], whole: Sequence[int], strides: Sequence[int], auto_pad: str, pads: Numbers,
        output_shape: Numbers,
    ) -> tuple[Sequence[int], Sequence[int]]:  # fmt: skip
        """How much is taken off before and behind; below 0, how much is added."""
        rank = len(whole)
        if not output_shape and not auto_pad.startswith("SAME"):
            given = list(pads or [0] * 2 * rank)
            return given[:rank], given[rank:]
        wanted = output_shape or [length * stride for length, stride in zip(lengths, strides, strict=True)]
        need = [size - want for size, want in zip(whole, wanted[-rank:], strict=True)]
        less, rest = [n // 2 for n in need], [n - n // 2 for n in need]
        return (less, rest) if auto_pad == "SAME_UPPER" else (rest, less)


OWN = (AveragePool, ConvTranspose, GlobalMaxPool, MaxPool)
