"""Operators that meant something else in older opsets, which ONNX's evaluator does not look at."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from onnx.reference.op_run import OpRun
from onnx.reference.ops.op_roi_align import RoiAlign as OnnxRoiAlign

from nlblocks.backend import Array

ALONG_ONE = 13
"""From this opset on a softmax runs along one axis; before it, along all from that one on."""
HALF_PIXEL = 16
"""From this opset on RoiAlign takes half a pixel off, unless told otherwise."""


class _Softmax(OpRun):
    op_domain = ""

    def rows(self, x: Array, axis: int) -> tuple[Array, int]:
        """The tensor so that each sum runs along one axis, and that axis."""
        if self.run_params["opsets"].get("", ALONG_ONE) >= ALONG_ONE:
            return x, axis
        is_given = any(attribute.name == "axis" for attribute in self.onnx_node.attribute)
        axis = (axis if is_given else 1) % x.ndim
        return x.reshape(math.prod(x.shape[:axis]), -1), 1


class Softmax(_Softmax):
    """exp(x) / Σ exp(x)."""

    def _run(self, x: Array, axis: int = -1, **_: Any) -> tuple[Array]:
        rows, along = self.rows(x, axis)
        powers = np.exp(rows - rows.max(along, keepdims=True))
        return ((powers / powers.sum(along, keepdims=True)).reshape(x.shape).astype(x.dtype),)


class LogSoftmax(_Softmax):
    """x - log Σ exp(x)."""

    def _run(self, x: Array, axis: int = -1, **_: Any) -> tuple[Array]:
        rows, along = self.rows(x, axis)
        rows = rows - rows.max(along, keepdims=True)
        return ((rows - np.log(np.exp(rows).sum(along, keepdims=True))).reshape(x.shape).astype(x.dtype),)


class Hardmax(_Softmax):
    """1 at the first of the greatest values, and 0."""

    def _run(self, x: Array, axis: int = -1, **_: Any) -> tuple[Array]:
        rows, along = self.rows(x, axis)
        found = np.zeros_like(rows)
        np.put_along_axis(found, np.expand_dims(rows.argmax(along), along), 1, along)
        return (found.reshape(x.shape),)


class RoiAlign(OnnxRoiAlign):
    """With the coordinates of the opset."""

    op_domain = ""

    def _run(self, *inputs: Array, **attrs: Any) -> Any:
        if self.run_params["opsets"].get("", HALF_PIXEL) < HALF_PIXEL:
            attrs["coordinate_transformation_mode"] = "output_half_pixel"
        return super()._run(*inputs, **attrs)


OWN = (Hardmax, LogSoftmax, RoiAlign, Softmax)
