"""Double attention, as arXiv:1810.11579 writes it."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import conv, flatten, softmax
from nlblocks_reference.scope import Array, Scope


class DoubleAttention(Block):
    """y_n = reconstruct(Σ_k d_nk g_k): see :class:`nlblocks.specs.DoubleAttention`."""

    spec_type = specs.DoubleAttention

    @staticmethod
    def compute(spec: specs.DoubleAttention, p: Scope, x: Array) -> tuple[Array, Maps]:
        shares = softmax(flatten(conv(x, p("gather"))), axis=2)  # [B, K, N], over positions
        mixture = softmax(flatten(conv(x, p("distribute"))), axis=1)  # [B, K, N], over descriptors
        descriptors = np.einsum("bdn,bkn->bdk", flatten(conv(x, p("features"))), shares)
        y = np.einsum("bdk,bkn->bdn", descriptors, mixture).reshape(x.shape[0], spec.inner, *x.shape[2:])
        y = conv(y, p("reconstruct")) if spec.reconstruct else y
        maps = {"gather": np.swapaxes(shares, 1, 2), "distribute": np.swapaxes(mixture, 1, 2)}
        return (x + y if spec.residual else y), maps
