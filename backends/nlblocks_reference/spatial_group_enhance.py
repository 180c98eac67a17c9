"""Spatial group-wise enhance, as arXiv:1905.09646 writes it (eq. 1-6)."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import deviation, flatten, sigmoid
from nlblocks_reference.scope import Array, Scope


class SpatialGroupEnhance(Block):
    """y_n = x_n · a_gn: see :class:`nlblocks.specs.SpatialGroupEnhance`."""

    spec_type = specs.SpatialGroupEnhance

    @staticmethod
    def compute(spec: specs.SpatialGroupEnhance, p: Scope, x: Array) -> tuple[Array, Maps]:
        each = np.split(flatten(x), spec.groups, axis=1)  # G times [B, K, N]
        s = np.stack([np.einsum("bc,bcn->bn", rows.mean(2), rows) for rows in each], 1)  # [B, G, N]
        t = (s - s.mean(2, keepdims=True)) / (deviation(s, 2) + spec.eps)
        gate = sigmoid(p["gate_weight"][:, None] * t + p["gate_bias"][:, None])  # [B, G, N]
        gate = gate.reshape(x.shape[0], spec.groups, *x.shape[2:])
        return x * gate.repeat(x.shape[1] // spec.groups, axis=1), {"attention": gate}
