"""Asymmetric fusion non-local (AFNB), as arXiv:1908.07678 writes it."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks_reference.asymmetric_pyramid_non_local import from_pyramid
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import channel_dropout, conv, conv_norm, relu
from nlblocks_reference.scope import Array, Scope


class AsymmetricFusionNonLocal(Block):
    """y = g([w(A·v(low)), high]): see :class:`nlblocks.specs.AsymmetricFusionNonLocal`."""

    spec_type = specs.AsymmetricFusionNonLocal

    @staticmethod
    def compute(spec: specs.AsymmetricFusionNonLocal, p: Scope, low: Array, high: Array) -> tuple[Array, Maps]:
        query, key = relu(conv_norm(high, p("query"), spec.norm)), relu(conv_norm(low, p("key"), spec.norm))
        read, attention = from_pyramid(query, key, conv(low, p("value")), spec.pool_sizes)
        y = conv_norm(np.concatenate([conv(read, p("context")), high], axis=1), p("output"), spec.norm)
        return channel_dropout(y, spec.dropout, p), {"attention": attention}
