"""The lambda layer, as arXiv:2102.08602 writes it."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import batch_norm, conv, flatten, halved, softmax
from nlblocks_reference.scope import Array, Scope


class LambdaLayer(Block):
    """y_n = λ_nᵀ q_n: see :class:`nlblocks.specs.LambdaLayer`."""

    spec_type = specs.LambdaLayer

    @staticmethod
    def compute(spec: specs.LambdaLayer, p: Scope, x: Array) -> tuple[Array, Maps]:
        (b, _, h, w), (queries, d, v) = x.shape, spec.widths
        joint = conv(x, p("qkv"))
        q = batch_norm(joint[:, :queries], p("norm_q"), spec.norm).reshape(b, spec.heads, d, h * w)
        k = softmax(flatten(joint[:, queries : queries + d]))  # [B, D, N]
        value = batch_norm(joint[:, queries + d :], p("norm_v"), spec.norm)  # [B, V, H, W]

        content = np.einsum("bdm,bvm->bdv", k, flatten(value))
        if spec.map_size is None:
            half = (spec.kernel_size or 1) // 2
            near = conv(value.reshape(b * v, 1, h, w), p("position"), padding=half).reshape(b, v, d, h * w)
        else:
            rows, columns = (axis.ravel() for axis in np.indices((h, w)))
            table = p["position"][rows[None] - rows[:, None] + h - 1, columns[None] - columns[:, None] + w - 1]
            near = np.einsum("nmd,bvm->bvdn", table, flatten(value))
        y = np.einsum("bgdn,bdv->bgvn", q, content) + np.einsum("bgdn,bvdn->bgvn", q, near)
        y = y.reshape(b, spec.heads * v, h, w)
        return halved(y) if spec.pool == 2 else y, {}
