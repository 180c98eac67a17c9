"""Strip pooling, as arXiv:2003.13328 writes it."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import conv_norm, relu
from nlblocks_reference.resampling import adaptive_mean, bilinear
from nlblocks_reference.scope import Array, Scope


class StripPooling(Block):
    """y = relu(x + ...): see :class:`nlblocks.specs.StripPooling`."""

    spec_type = specs.StripPooling

    @staticmethod
    def compute(spec: specs.StripPooling, p: Scope, x: Array) -> tuple[Array, Maps]:
        def layer(name: str, value: Array) -> Array:
            return conv_norm(value, p(name), spec.norm)

        u, v = relu(layer("reduce_long", x)), relu(layer("reduce_short", x))  # [B, D, H, W]
        s = layer("down", u.mean(3))[:, :, :, None] + layer("across", u.mean(2))[:, :, None, :]  # [B, D, H, W]
        t = layer("whole", v)
        for i, size in enumerate(spec.pool_sizes):
            pooled = layer(f"pooled.{i}", adaptive_mean(v, (size, size)))  # [B, D, size, size]
            t = t + bilinear(pooled, x.shape[2:], align_corners=spec.align_corners)
        both = np.concatenate([relu(layer("short", relu(t))), relu(layer("long", relu(s)))], axis=1)
        return relu(x + layer("join", both)), {}
