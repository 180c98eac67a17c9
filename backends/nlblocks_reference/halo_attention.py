"""Halo attention, as arXiv:2103.12731 tells it: block by block."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import conv, halved, softmax
from nlblocks_reference.scope import Array, Scope


class HaloAttention(Block):
    """y_n = Σ_m a_nm v_m over windows: see :class:`nlblocks.specs.HaloAttention`."""

    spec_type = specs.HaloAttention

    @staticmethod
    def compute(spec: specs.HaloAttention, p: Scope, x: Array) -> tuple[Array, Maps]:
        (b, _, h, w), g, d, v = x.shape, spec.heads, spec.keys, spec.values
        size, halo, n, asked = spec.block_size, spec.halo_size, spec.window, spec.queries
        q = conv(x, p("q"), stride=spec.query_stride).reshape(b, g, d, h // spec.query_stride, w // spec.query_stride)
        kv = np.pad(conv(x, p("kv")), [(0, 0), (0, 0), (halo, halo), (halo, halo)])
        if spec.kv_rows == "by_head":
            kv = kv.reshape(b, g, d + v, *kv.shape[2:])
            k, values = kv[:, :, :d], kv[:, :, d:]
        else:
            k = kv[:, : g * d].reshape(b, g, d, *kv.shape[2:])
            values = kv[:, g * d :].reshape(b, g, v, *kv.shape[2:])
        inside = np.pad(np.ones((h, w), bool), halo)
        offsets = np.arange(n)[None, :] - np.arange(asked)[:, None] + n - 1  # [i, k]
        height, width = p["height"][offsets], p["width"][offsets]  # [i, k, D]

        y = np.zeros((b, g, v, *q.shape[3:]), dtype=np.result_type(q, kv, height))
        for row in range(h // size):
            for column in range(w // size):
                block = np.s_[..., row * asked : (row + 1) * asked, column * asked : (column + 1) * asked]
                window = np.s_[..., row * size : row * size + n, column * size : column * size + n]
                logits = np.einsum("bgdij,bgdkl->bgijkl", q[block], k[window]) * spec.scale
                position = np.einsum("bgdij,ikd->bgijk", q[block], height)[..., None]
                position = position + np.einsum("bgdij,jld->bgijl", q[block], width)[..., None, :]
                logits = logits + (position * spec.scale if spec.scale_position else position)
                if spec.mask_padding:
                    logits = np.where(inside[window], logits, -np.inf)
                a = softmax(logits.reshape(b, g, asked, asked, n * n)).reshape(logits.shape)
                y[block] = np.einsum("bgijkl,bgvkl->bgvij", a, values[window])
        y = y.reshape(b, g * v, *q.shape[3:])
        y = conv(y, p("out")) if spec.output else y
        return halved(y) if spec.pool == 2 else y, {}
