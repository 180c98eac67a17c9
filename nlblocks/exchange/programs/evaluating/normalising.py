"""Normalisations that ONNX's evaluator computes wrongly, in float32, or in some opsets not at all."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx.reference.op_run import OpRun

from nlblocks.backend import Array


class BatchNormalization(OpRun):
    """scale (x - mean) / sqrt(var + eps) + bias: the evaluator's own is wrong from opset 9 to 13."""

    op_domain = ""

    def _run(self, x: Array, scale: Array, bias: Array, mean: Array, var: Array, **attrs: Any) -> tuple[Array]:
        shape = (1, -1, *[1] * (x.ndim - 2))
        scale, bias, mean, var = (value.reshape(shape) for value in (scale, bias, mean, var))
        return ((scale * (x - mean) / np.sqrt(var + attrs["epsilon"]) + bias).astype(x.dtype),)


class LayerNormalization(OpRun):
    """The evaluator's own refuses what keeps its mean in float64."""

    op_domain = ""

    def _run(
        self, x: Array, scale: Array, bias: Array | None = None, axis: int = -1, epsilon: float = 1e-5, **_: Any
    ) -> tuple[Array, Array, Array]:
        axes = tuple(range(axis % x.ndim, x.ndim))
        mean = x.mean(axes, keepdims=True)
        inverse = 1 / np.sqrt(np.square(x - mean).mean(axes, keepdims=True) + epsilon)
        found = (x - mean) * inverse * scale + (0 if bias is None else bias)
        return found.astype(x.dtype), mean.astype(x.dtype), inverse.astype(x.dtype)


class GroupNormalization(OpRun):
    """The evaluator runs ONNX's expansion of it, which is float32 within. Before opset 21 a group has one scale."""

    op_domain = ""

    def _run(
        self, x: Array, scale: Array, bias: Array, num_groups: int = 1, epsilon: float = 1e-5, **_: Any
    ) -> tuple[Array]:
        rows = x.reshape(x.shape[0], num_groups, -1)
        rows = rows - rows.mean(2, keepdims=True)
        rows = rows / np.sqrt(np.square(rows).mean(2, keepdims=True) + epsilon)
        columns = rows.reshape(x.shape[0], scale.size, -1)
        return ((columns * scale[:, None] + bias[:, None]).reshape(x.shape).astype(x.dtype),)


class MeanVarianceNormalization(OpRun):
    """The evaluator runs ONNX's expansion of it, which has no float64."""

    op_domain = ""

    def _run(self, x: Array, axes: tuple[int, ...] = (0, 2, 3), **_: Any) -> tuple[Array]:
        mean, square = x.mean(tuple(axes), keepdims=True), np.square(x).mean(tuple(axes), keepdims=True)
        return (((x - mean) / (np.sqrt(square - mean**2) + 1e-9)).astype(x.dtype),)


class LRN(OpRun):
    """The evaluator's own sums for as many channels as there are samples."""

    op_domain = ""

    def _run(
        self, x: Array, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0, size: int = 1, **_: Any
    ) -> tuple[Array]:
        before = (size - 1) // 2
        around = [(0, 0), (before, size - 1 - before), *[(0, 0)] * (x.ndim - 2)]
        squares = np.lib.stride_tricks.sliding_window_view(np.pad(np.square(x), around), size, axis=1).sum(-1)
        return ((x / (bias + alpha / size * squares) ** beta).astype(x.dtype),)


OWN = (BatchNormalization, GroupNormalization, LRN, LayerNormalization, MeanVarianceNormalization)
