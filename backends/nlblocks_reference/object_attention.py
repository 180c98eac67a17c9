"""Object attention, as arXiv:1909.11065 writes it."""

from __future__ import annotations

import math

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import channel_dropout, conv_norm, flatten, relu, softmax
from nlblocks_reference.scope import Array, Scope


class ObjectAttention(Block):
    """y = g([u(A·v(o)), x]): see :class:`nlblocks.specs.ObjectAttention`."""

    spec_type = specs.ObjectAttention

    @staticmethod
    def compute(spec: specs.ObjectAttention, p: Scope, x: Array, objects: Array) -> tuple[Array, Maps]:
        def layer(t: Array, name: str) -> Array:
            return relu(conv_norm(t, p(name), spec.norm))

        query = flatten(layer(layer(x, "query.0"), "query.1"))  # [B, D, N]
        key = flatten(layer(layer(objects, "key.0"), "key.1"))  # [B, D, K]
        value = flatten(layer(objects, "value"))  # [B, D, K]
        attention = softmax(np.einsum("bdn,bdk->bnk", query, key) / math.sqrt(spec.keys))  # [B, N, K]
        read = np.einsum("bnk,bdk->bdn", attention, value).reshape(len(x), spec.keys, *x.shape[2:])
        y = layer(np.concatenate([layer(read, "up"), x], axis=1), "output")  # [B, O, H, W]
        return channel_dropout(y, spec.dropout, p), {"attention": attention}
