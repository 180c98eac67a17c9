"""CBAM's spatial gate, as arXiv:1807.06521 writes it."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import batch_norm, conv, maximum, sigmoid
from nlblocks_reference.scope import Array, Scope


class SpatialGate(Block):
    """y_n = x_n · a_n: see :class:`nlblocks.specs.SpatialGate`."""

    spec_type = specs.SpatialGate

    @staticmethod
    def compute(spec: specs.SpatialGate, p: Scope, x: Array) -> tuple[Array, Maps]:
        pools = {"max": maximum(x, 1), "mean": x.mean(1)}  # [B, H, W] each
        pair = np.stack([pools[name] for name in spec.order], axis=1)  # [B, 2, H, W]
        value = conv(pair, p("conv"), padding=spec.kernel_size // 2)  # [B, 1, H, W]
        if spec.norm is not None:
            value = batch_norm(value, p("norm"), spec.norm)
        attention = sigmoid(value)
        return x * attention, {"attention": attention[:, 0]}
