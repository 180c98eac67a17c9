"""Gaussian context, as the Gaussian Context Transformer writes it (CVPR 2021, eq. 2-6)."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import deviation, sigmoid
from nlblocks_reference.scope import Array, Scope


class GaussianContext(Block):
    """y_c = x_c · exp(-z_c² / (2 c²)): see :class:`nlblocks.specs.GaussianContext`."""

    spec_type = specs.GaussianContext

    @staticmethod
    def compute(spec: specs.GaussianContext, p: Scope, x: Array) -> tuple[Array, Maps]:
        pooled = x.mean((2, 3))  # [B, C]
        centred = pooled - pooled.mean(1, keepdims=True)
        if spec.deviation == "unbiased":
            z = centred / (deviation(pooled, 1) + spec.eps)
        else:
            z = centred / np.sqrt((centred**2).mean(1, keepdims=True) + spec.eps)
        c = spec.alpha * sigmoid(p["theta"]) + spec.beta if spec.learned else spec.c
        gate = np.exp(-(z**2) / (2 * c**2))  # [B, C]
        return x * gate[:, :, None, None], {"attention": gate}
