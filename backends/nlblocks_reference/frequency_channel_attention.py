"""Frequency channel attention, as arXiv:2012.11879 writes it."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import linear, relu, sigmoid
from nlblocks_reference.resampling import adaptive_mean
from nlblocks_reference.scope import Array, Scope


class FrequencyChannelAttention(Block):
    """y_c = x_c · a_c: see :class:`nlblocks.specs.FrequencyChannelAttention`."""

    spec_type = specs.FrequencyChannelAttention

    @staticmethod
    def compute(spec: specs.FrequencyChannelAttention, p: Scope, x: Array) -> tuple[Array, Maps]:
        squeezed = np.einsum("bctr,ctr->bc", adaptive_mean(x, spec.table_size), p["table"])
        attention = sigmoid(linear(relu(linear(squeezed, p("fc_1"))), p("fc_2")))  # [B, C]
        return x * attention[:, :, None, None], {"attention": attention}
