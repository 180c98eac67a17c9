"""Criss-cross attention, as full attention with all positions off the cross left out."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import conv
from nlblocks_reference.scope import Array, Scope


class CrissCrossAttention(Block):
    """y = gamma · A·v(x) + x over rows and columns: see :class:`nlblocks.specs.CrissCrossAttention`."""

    spec_type = specs.CrissCrossAttention

    @staticmethod
    def compute(spec: specs.CrissCrossAttention, p: Scope, x: Array) -> tuple[Array, Maps]:
        extents = x.shape[2:]
        coordinates = np.indices(extents).reshape(spec.dims, -1)  # [dims, N]
        shared = (coordinates[:, :, None] == coordinates[:, None, :]).sum(0)  # [N, N]: coordinates in common
        on_cross = shared >= spec.dims - 1
        for _ in range(spec.recurrence):
            query, key, value = (conv(x, p(name)) for name in ("query", "key", "value"))
            query, key, value = (t.reshape(*t.shape[:2], -1) for t in (query, key, value))  # [B, D, N] 2×, [B, C, N]
            attention = _softmax_over(on_cross, np.einsum("bdn,bdm->bnm", query, key))  # [B, N, N]
            x = x + p["gamma"] * np.einsum("bnm,bcm->bcn", attention, value).reshape(x.shape)
        return x, {"attention": _by_axis(spec.axes, attention.reshape(-1, *extents, *extents))}


def _softmax_over(kept: Array, energy: Array) -> Array:
    """Weights exp / Σ exp over the entries of the last axis that are kept; exactly 0 at the others."""
    largest = np.where(kept, energy.real, energy.real.min(-1, keepdims=True)).max(-1, keepdims=True)
    e = np.where(kept, np.exp(np.where(kept, energy - largest, 0)), 0)
    return e / e.sum(-1, keepdims=True)


def _by_axis(axes: str, attention: Array) -> Array:
    """[B, *S, *S] → [B, *S, ΣS]: the weights along each axis; a position's own stands on the last one only."""
    parts = []
    for index, axis in enumerate(axes, start=1):
        # the keys that share all coordinates but one: [B, *S, extent]
        part = np.einsum(f"b{axes}{axes.replace(axis, 'k')}->b{axes}k", attention)
        query, key = np.indices(part.shape)[[index, -1]]
        parts.append(part if axis == axes[-1] else np.where(query == key, 0, part))
    return np.concatenate(parts, -1)
