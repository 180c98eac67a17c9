"""External attention, as arXiv:2105.02358 writes it."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import batch_norm, conv, dropout, flatten, linear, relu, softmax
from nlblocks_reference.scope import Array, Scope


class ExternalAttention(Block):
    """m(u)_n = Σ_k a_nk v_k: see :class:`nlblocks.specs.ExternalAttention`."""

    spec_type = specs.ExternalAttention

    @staticmethod
    def compute(spec: specs.ExternalAttention, p: Scope, x: Array) -> tuple[Array, Maps]:
        if spec.form == "multi_head":
            u = linear(x, p("expand"))  # [B, N, D]
        elif spec.form == "residual":
            u = np.swapaxes(flatten(conv(x, p("conv_1"))), 1, 2)  # [B, N, C]
        elif spec.form == "pre_norm":
            normal = batch_norm(x, p("norm"), spec.norm)[:, :, :: spec.stride, :: spec.stride]
            u = np.swapaxes(flatten(normal), 1, 2)  # [B, N, C]
        else:
            u = x

        heads = np.split(u, spec.heads, axis=2) if spec.form == "multi_head" else [u]
        runs = spec.heads if spec.form == "pre_norm" else 1
        maps, parts = [], []
        for head in heads:
            shares = np.split(softmax(linear(head, p("key")), axis=1), runs, axis=2)  # [B, N, K / runs] each
            attention = np.concatenate([s / (s.sum(2, keepdims=True) + spec.eps) for s in shares], axis=2)
            maps.append(attention)
            parts.append(linear(dropout(attention, spec.attention_dropout, p), p("value")))
        y = np.concatenate(parts, axis=2)  # [B, N, O]

        if spec.form == "multi_head":
            y = dropout(linear(y, p("project")), spec.dropout, p)
        if spec.on_image:
            y = np.swapaxes(y, 1, 2).reshape(spec.output_shape(x.shape))
        if spec.form == "residual":
            y = relu(x + batch_norm(conv(y, p("conv_2")), p("norm"), spec.norm))
        return y, dict(zip(spec.maps, maps, strict=True))
