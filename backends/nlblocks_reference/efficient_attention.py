"""Efficient attention, as arXiv:1812.01243 writes it."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import conv, flatten, softmax
from nlblocks_reference.scope import Array, Scope


class EfficientAttention(Block):
    """z = x + reproject(y): see :class:`nlblocks.specs.EfficientAttention`."""

    spec_type = specs.EfficientAttention

    @staticmethod
    def compute(spec: specs.EfficientAttention, p: Scope, x: Array) -> tuple[Array, Maps]:
        queries, keys, values = (
            np.split(flatten(conv(x, p(name))), spec.heads, axis=1) for name in ("query", "key", "value")
        )
        maps, parts = [], []
        for query, key, value in zip(queries, keys, values, strict=True):
            attention = np.einsum("bdn,bdm->bnm", softmax(query, axis=1), softmax(key, axis=2))
            maps.append(attention)
            parts.append(np.einsum("bnm,bem->ben", attention, value))
        y = np.concatenate(parts, axis=1).reshape(x.shape[0], spec.values, *x.shape[2:])
        return x + conv(y, p("reproject")), dict(zip(spec.maps, maps, strict=True))
