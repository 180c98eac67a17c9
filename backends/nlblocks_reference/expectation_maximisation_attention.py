"""EM attention, as arXiv:1907.13426 writes it."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import batch_norm, conv, flatten, relu, softmax
from nlblocks_reference.scope import Array, Scope


class ExpectationMaximisationAttention(Block):
    """y_n = Σ_k a_nk · μ_k: see :class:`nlblocks.specs.ExpectationMaximisationAttention`."""

    spec_type = specs.ExpectationMaximisationAttention

    @staticmethod
    def compute(spec: specs.ExpectationMaximisationAttention, p: Scope, x: Array) -> tuple[Array, Maps]:
        def guarded(size: Array) -> Array:
            return np.maximum(size, spec.eps) if spec.guard == "clamped" else size + spec.eps

        def unit(bases: Array) -> Array:
            return bases / guarded(np.linalg.norm(bases, axis=1, keepdims=True))

        # No gradient flows through the loop: a complex step's imaginary part ends here.
        features = flatten(conv(x, p("conv_1")) if spec.norm is not None else x).real  # [B, C, N]
        mu = np.broadcast_to(p["bases"], (x.shape[0], *p["bases"].shape))  # [B, C, K]
        for _ in range(spec.steps):
            attention = softmax(np.einsum("bcn,bck->bnk", features, mu))  # the E step
            share = attention / guarded(attention.sum(1, keepdims=True))
            mu = unit(np.einsum("bcn,bnk->bck", features, share))  # the M step
        y = np.einsum("bck,bnk->bcn", mu, attention).reshape(x.shape)

        if p.training and spec.update == "self":
            spec.check_training(x.shape)
            found = unit(mu.mean(0, keepdims=True))[0]
            p.update("bases", (1 - spec.momentum) * p["bases"] + spec.momentum * found)
        if spec.norm is not None:
            y = relu(x + batch_norm(conv(relu(y), p("conv_2")), p("norm"), spec.norm))
        return y, {"attention": attention}
