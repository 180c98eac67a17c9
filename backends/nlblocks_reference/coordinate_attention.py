"""Coordinate attention, as arXiv:2103.02907 writes it."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import batch_norm, conv, hard_sigmoid, hard_swish, relu, sigmoid
from nlblocks_reference.scope import Array, Scope


class CoordinateAttention(Block):
    """y = x · a: see :class:`nlblocks.specs.CoordinateAttention`."""

    spec_type = specs.CoordinateAttention

    @staticmethod
    def compute(spec: specs.CoordinateAttention, p: Scope, x: Array) -> tuple[Array, Maps]:
        height = x.shape[2]
        lines = np.concatenate([x.mean(3), x.mean(2)], axis=2)  # [B, C, H + W]
        z = conv(lines[..., None], p("reduce"))  # [B, D, H + W, 1]
        if spec.norm is not None:
            z = batch_norm(z, p("norm"), spec.norm)
        z = hard_swish(z) if spec.activation == "hard_swish" else relu(z)
        values = conv(z[:, :, :height], p("rows")), conv(z[:, :, height:], p("columns"))
        rows, columns = (sigmoid(v) if spec.gate == "sigmoid" else hard_sigmoid(v, 1 / 6) for v in values)
        attention = rows * columns[..., 0][:, :, None, :]  # [B, C, H, W]
        y = x * attention
        return (y + x if spec.skip else y), {"attention": attention}
