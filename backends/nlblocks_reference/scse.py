"""Concurrent spatial and channel squeeze and excitation, as arXiv:1803.02579 writes it."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import conv, flatten, linear, relu, sigmoid
from nlblocks_reference.scope import Array, Scope


class SCSE(Block):
    """y_cn = x_cn a_c + x_cn s_n: see :class:`nlblocks.specs.SCSE`."""

    spec_type = specs.SCSE

    @staticmethod
    def compute(spec: specs.SCSE, p: Scope, x: Array) -> tuple[Array, Maps]:
        channel = sigmoid(linear(relu(linear(flatten(x).mean(2), p("fc_1"))), p("fc_2")))  # [B, C]
        spatial = sigmoid(conv(x, p("conv")))  # [B, 1, H, W]
        y, other = x * channel[:, :, None, None], x * spatial  # [B, C, H, W] each
        if spec.join == "sum":
            y = y + other
        else:  # equal values share the derivative
            y = np.where(y.real > other.real, y, np.where(y.real < other.real, other, (y + other) / 2))
        return y, {"channel": channel, "spatial": spatial[:, 0]}
