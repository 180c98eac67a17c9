"""Contextual transformer, as arXiv:2107.12292 and its authors' kernel write it."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import batch_norm, conv, conv_norm, relu, silu, softmax
from nlblocks_reference.norms import group_norm
from nlblocks_reference.scope import Array, Scope


class ContextualTransformer(Block):
    """y_c = a_1c · u_c + a_2c · k_c: see :class:`nlblocks.specs.ContextualTransformer`."""

    spec_type = specs.ContextualTransformer

    @staticmethod
    def compute(spec: specs.ContextualTransformer, p: Scope, x: Array) -> tuple[Array, Maps]:
        (b, c, h, w), kernel, g = x.shape, spec.kernel_size, spec.groups
        key = relu(conv_norm(x, p("key"), spec.norm, groups=spec.key_groups))
        pair = np.concatenate([x, key], axis=1)
        if g > 1:  # x_1, k_1, x_2, k_2 ...
            pair = pair[:, np.arange(2 * c).reshape(2, c).T.ravel()]
        hidden = relu(conv_norm(pair, p("mix"), spec.norm, groups=g))
        weights = group_norm(conv(hidden, p("weigh"), groups=g), p("weigh_norm"), g * spec.sets)
        weights = weights.reshape(b, g * spec.sets, kernel, kernel, h, w)

        side = kernel // 2
        value = conv_norm(x, p("value"), spec.norm, groups=g)
        padded = np.pad(value, [(0, 0), (0, 0), (side, side), (side, side)])
        group, place = np.divmod(np.arange(c), c // g)
        of_channel = weights[:, group * spec.sets + place % spec.sets]  # [B, C, K, K, H, W]
        gathered = np.zeros(x.shape, padded.dtype)
        for row in range(kernel):
            for column in range(kernel):
                moved = padded[:, :, row : row + h, column : column + w]
                gathered = gathered + of_channel[:, :, row, column] * moved
        dynamic = silu(batch_norm(gathered, p("norm"), spec.norm))

        pooled = (dynamic + key).mean((2, 3), keepdims=True)  # [B, C, 1, 1]
        hidden = relu(batch_norm(conv(pooled, p("fc_1")), p("fc_norm"), spec.norm))
        attention = softmax(conv(hidden, p("fc_2")).reshape(b, c, 2))
        y = attention[:, :, 0, None, None] * dynamic + attention[:, :, 1, None, None] * key
        return y, {"attention": attention.swapaxes(1, 2)}
