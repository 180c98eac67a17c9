"""The non-local block, as arXiv:1711.07971 writes it."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import batch_norm, conv, flatten, max_pool, relu, softmax
from nlblocks_reference.scope import Array, Scope


class NonLocal(Block):
    """z = w_z(y) + x: see :class:`nlblocks.specs.NonLocal`."""

    spec_type = specs.NonLocal

    @staticmethod
    def compute(spec: specs.NonLocal, p: Scope, x: Array) -> tuple[Array, Maps]:
        source = max_pool(x, spec.pool) if spec.sub_sample == "before" else x
        theta = conv(x, p("theta")) if spec.has_embedding else x
        phi = conv(source, p("phi")) if spec.has_embedding else source
        g = conv(source, p("g"))
        if spec.sub_sample == "after":
            phi, g = max_pool(phi, spec.pool), max_pool(g, spec.pool)
        theta, phi, g = (flatten(t) for t in (theta, phi, g))  # [B, D, N], [B, D, M], [B, D, M]

        if spec.mode == "concatenation":
            (b, d, n), m = theta.shape, phi.shape[2]
            pairs = np.concatenate(  # [B, 2D, N, M]: every θ_i above every φ_j
                [
                    np.broadcast_to(theta[:, :, :, None], (b, d, n, m)),
                    np.broadcast_to(phi[:, :, None, :], (b, d, n, m)),
                ],
                axis=1,
            )
            bias = p["b_f"] if spec.affinity_bias else 0.0
            affinity = relu(np.einsum("d,bdnm->bnm", p["w_f"], pairs) + bias)
        else:
            affinity = np.einsum("bdn,bdm->bnm", theta, phi)
        affinity = affinity / spec.scale_value
        gaussian = spec.mode in ("gaussian", "embedded_gaussian")
        attention = softmax(affinity) if gaussian else affinity / phi.shape[2]

        y = np.einsum("bnm,bdm->bdn", attention, g).reshape(x.shape[0], spec.inner, *x.shape[2:])
        y = conv(y, p("w_z"))
        if spec.norm is not None:
            y = batch_norm(y, p("norm"), spec.norm)
        return x + (relu(y) if spec.output_relu else y), {"attention": attention}
