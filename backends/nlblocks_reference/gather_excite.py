"""Gather-excite, as arXiv:1810.12348 and timm write it."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import batch_norm, conv, flatten, hard_sigmoid, max_pool, maximum, relu, sigmoid
from nlblocks_reference.resampling import nearest
from nlblocks_reference.scope import Array, Scope


class GatherExcite(Block):
    """y_cn = x_cn · a_cn: see :class:`nlblocks.specs.GatherExcite`."""

    spec_type = specs.GatherExcite

    @staticmethod
    def compute(spec: specs.GatherExcite, p: Scope, x: Array) -> tuple[Array, Maps]:
        value = _convolved(spec, p, x) if spec.gather == "conv" else _pooled(spec, x)  # [B, C, h, w]
        if spec.mlp:
            value = conv(relu(conv(value, p("fc_1"))), p("fc_2"))
        attention = sigmoid(value) if spec.gate == "sigmoid" else hard_sigmoid(value, 1 / 6)
        if spec.everywhere:
            return x * attention, {"attention": attention[:, :, 0, 0]}
        attention = nearest(attention, x.shape[2:])  # [B, C, H, W]
        return x * attention, {"attention": attention}


def _convolved(spec: specs.GatherExcite, p: Scope, x: Array) -> Array:
    for i, size in enumerate(spec.kernels):
        stage = p(f"gathers.{i}")
        x = relu(x) if i else x
        x = conv(x, stage("conv"), padding=(size - 1) // 2, stride=spec.stride, groups=spec.in_channels)
        x = batch_norm(x, stage("norm"), spec.norm) if spec.norm is not None else x
    return x


def _pooled(spec: specs.GatherExcite, x: Array) -> Array:
    e = spec.extent
    if e == 0:
        mean, largest = x.mean((2, 3), keepdims=True), maximum(flatten(x), 2)[:, :, None, None]
        return mean if spec.gather == "avg" else (mean + largest) / 2
    rows = []
    for i in range(0, x.shape[2], e):  # windows around every e-th position, cut off at the edges
        row = x[:, :, max(i - e + 1, 0) : i + e]
        rows.append([row[..., max(j - e + 1, 0) : j + e].mean((2, 3)) for j in range(0, x.shape[3], e)])
    mean = np.moveaxis(np.array(rows), (0, 1), (2, 3))  # [B, C, h, w]
    return mean if spec.gather == "avg" else (mean + max_pool(x, (2 * e - 1,) * 2, stride=e, padding=e - 1)) / 2
