"""Pyramid squeeze attention, as arXiv:2105.14447 writes it, but joined as the authors' code does."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import conv, flatten, linear, relu, sigmoid, softmax
from nlblocks_reference.scope import Array, Scope


class PyramidSqueezeAttention(Block):
    """y = [a_R u_R, ..., a_1 u_1]: see :class:`nlblocks.specs.PyramidSqueezeAttention`."""

    spec_type = specs.PyramidSqueezeAttention

    @staticmethod
    def compute(spec: specs.PyramidSqueezeAttention, p: Scope, x: Array) -> tuple[Array, Maps]:
        features, gates = [], []
        for index, (size, groups) in enumerate(zip(spec.kernel_sizes, spec.branch_groups, strict=True)):
            u = conv(x, p("branches")(str(index)), padding=size // 2, stride=spec.stride, groups=groups)
            features.append(u)  # [B, S, H', W']
            gates.append(sigmoid(linear(relu(linear(flatten(u).mean(axis=2), p("fc_1"))), p("fc_2"))))
        attention = softmax(np.stack(gates, axis=1), axis=1)  # [B, R, S]
        chosen = [u * attention[:, index, :, None, None] for index, u in enumerate(features)]
        return np.concatenate(chosen[::-1], axis=1), {"attention": attention}
