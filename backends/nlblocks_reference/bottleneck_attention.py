"""Bottleneck attention, as arXiv:2101.11605 draws it."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import conv, halved, softmax
from nlblocks_reference.scope import Array, Scope


class BottleneckAttention(Block):
    """y_n = Σ_m a_nm v_m per head: see :class:`nlblocks.specs.BottleneckAttention`."""

    spec_type = specs.BottleneckAttention

    @staticmethod
    def compute(spec: specs.BottleneckAttention, p: Scope, x: Array) -> tuple[Array, Maps]:
        (b, _, h, w), g, d = x.shape, spec.heads, spec.keys
        names = ("qkv",) if spec.projection == "qkv" else ("qk", "v")
        joint = np.concatenate([conv(x, p(name)) for name in names], axis=1)
        q = joint[:, : g * d].reshape(b, g, d, h, w)
        k = joint[:, g * d : 2 * g * d].reshape(b, g, d, h, w)
        v = joint[:, 2 * g * d :].reshape(b, g, spec.values, h, w)

        logits = np.einsum("bgdij,bgdkl->bgijkl", q, k) * spec.scale
        if spec.position == "relative":
            i, j = np.arange(h), np.arange(w)
            rows = p["height"][i[None, :] - i[:, None] + h - 1]  # [i, k, D]
            columns = p["width"][j[None, :] - j[:, None] + w - 1]  # [j, l, D]
            position = np.einsum("bgdij,ikd->bgijk", q, rows)[..., None]
            position = position + np.einsum("bgdij,jld->bgijl", q, columns)[..., None, :]
        else:
            position = np.einsum("bgdij,kld->bgijkl", q, p["height"][:, None] + p["width"][None])
        logits = logits + (position * spec.scale if spec.scale_position else position)

        attention = softmax(logits.reshape(b, g, h * w, h * w))  # [B, G, N, N]
        y = np.einsum("bgnm,bgvm->bgvn", attention, v.reshape(b, g, spec.values, h * w))
        y = y.reshape(b, g * spec.values, h, w)
        maps = {name: attention[:, head] for head, name in enumerate(spec.map_names)}
        return halved(y) if spec.pool == 2 else y, maps
