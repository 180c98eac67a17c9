"""The channel-affinity block, as the Paddle blog's code computes it."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import batch_norm, conv, softmax
from nlblocks_reference.scope import Array, Scope


class ChannelAffinity(Block):
    """z = BN(w_z(A·g(x))) + x: see :class:`nlblocks.specs.ChannelAffinity`."""

    spec_type = specs.ChannelAffinity

    @staticmethod
    def compute(spec: specs.ChannelAffinity, p: Scope, x: Array) -> tuple[Array, Maps]:
        theta = conv(x, p("theta")) if spec.has_embedding else x
        phi = conv(x, p("phi")) if spec.has_embedding else x
        affinity = np.einsum("bdhw,behw->bde", theta, phi)  # [B, D, D]
        attention = affinity / x.shape[2] if spec.mode == "dot_product" else softmax(affinity)
        y = np.einsum("bde,behw->bdhw", attention, conv(x, p("g")))
        return x + batch_norm(conv(y, p("w_z")), p("norm"), spec.norm), {"attention": attention}
