"""Position-sensitive axial attention, as arXiv:2003.07853 writes it, with the norms of its authors' code."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks.specs.layers import head_names
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import batch_norm, conv, softmax
from nlblocks_reference.scope import Array, Scope


class PositionSensitiveAxialAttention(Block):
    """Self-attention along one axis: see :class:`nlblocks.specs.PositionSensitiveAxialAttention`."""

    spec_type = specs.PositionSensitiveAxialAttention

    @staticmethod
    def compute(spec: specs.PositionSensitiveAxialAttention, p: Scope, x: Array) -> tuple[Array, Maps]:
        heads, g, size = spec.heads, spec.head_width, spec.span
        x = x if spec.along == "width" else np.swapaxes(x, 2, 3)  # [B, C, R, L]
        batch, lines = x.shape[0], x.shape[2]
        qkv = batch_norm(conv(x, p("qkv")), p("qkv_norm"), spec.norm).reshape(batch, heads, 2 * g, lines, size)
        q, k, v = qkv[:, :, : g // 2], qkv[:, :, g // 2 : g], qkv[:, :, g:]
        apart = np.arange(size)[:, None] - np.arange(size)[None] + size - 1  # (i, j): i - j
        r_q, r_k, r_v = p["relative"][: g // 2], p["relative"][g // 2 : g], p["relative"][g:]

        scores = np.concatenate(
            [
                np.einsum("bpcri,bpcrj->bprij", q, k),
                np.einsum("bpcri,cij->bprij", q, r_q[:, apart]),
                np.einsum("bpcrj,cji->bprij", k, r_k[:, apart]),
            ],
            axis=1,
        )
        scores = batch_norm(scores, p("score_norm"), spec.norm).reshape(batch, 3, heads, lines, size, size)
        weights = softmax(scores.sum(1))  # [B, P, R, L, L]

        content = np.einsum("bprij,bpcrj->bpcri", weights, v)
        place = np.einsum("bprij,cij->bpcri", weights, r_v[:, apart])
        both = np.stack([content, place], 3).reshape(batch, 2 * spec.width, lines, size)
        both = batch_norm(both, p("output_norm"), spec.norm).reshape(batch, spec.width, 2, lines, size)
        y = both.sum(2)  # [B, O, R, L]
        y = y if spec.along == "width" else np.swapaxes(y, 2, 3)
        maps = [_over_the_image(spec, weights[:, head]) for head in range(heads)]
        return _pooled(y, spec.stride), dict(zip(head_names(heads), maps, strict=True))


def _over_the_image(spec: specs.PositionSensitiveAxialAttention, weights: Array) -> Array:
    """[B, R, L, L] → [B, H, W, H + W]: the column, then the row; one of them is not read."""
    nothing = np.zeros((*weights.shape[:-1], weights.shape[1]))
    if spec.along == "width":
        return np.concatenate([nothing, weights], -1)
    return np.swapaxes(np.concatenate([weights, nothing], -1), 1, 2)


def _pooled(y: Array, stride: int) -> Array:
    """Means of windows of stride × stride; what does not fit is left out."""
    height, width = y.shape[2] // stride, y.shape[3] // stride
    y = y[:, :, : height * stride, : width * stride]
    return y.reshape(*y.shape[:2], height, stride, width, stride).mean((3, 5))
