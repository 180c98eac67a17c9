"""Contextual window attention, as the collection that has it writes it."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import conv, conv_norm, relu, softmax
from nlblocks_reference.scope import Array, Scope


class ContextualWindowAttention(Block):
    """y_cn = k_cn + a_cn · v_cn: see :class:`nlblocks.specs.ContextualWindowAttention`."""

    spec_type = specs.ContextualWindowAttention

    @staticmethod
    def compute(spec: specs.ContextualWindowAttention, p: Scope, x: Array) -> tuple[Array, Maps]:
        b, c, h, w = x.shape
        key = relu(conv_norm(x, p("key"), spec.norm, groups=spec.key_groups))
        hidden = relu(conv_norm(np.concatenate([key, x], axis=1), p("mix"), spec.norm))
        numbers = conv(hidden, p("weigh")).reshape(b, c, spec.kernel_size**2, h * w)
        attention = softmax(numbers.mean(2)).reshape(b, c, h, w)
        return key + attention * conv_norm(x, p("value"), spec.norm), {"attention": attention}
