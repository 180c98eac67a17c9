"""Triplet attention, as arXiv:2010.03045 writes it."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import conv_norm, maximum, sigmoid
from nlblocks_reference.scope import Array, Scope


class TripletAttention(Block):
    """y_chw = x_chw · a_chw: see :class:`nlblocks.specs.TripletAttention`."""

    spec_type = specs.TripletAttention

    @staticmethod
    def compute(spec: specs.TripletAttention, p: Scope, x: Array) -> tuple[Array, Maps]:
        def gate(name: str, rotated: Array) -> Array:
            """[B, pooled, rows, columns] → [B, rows, columns]."""
            image = np.stack([maximum(rotated, 1), rotated.mean(1)], axis=1)
            return sigmoid(conv_norm(image, p(name), spec.norm))[:, 0]

        found = [
            gate("cw", np.einsum("bchw->bhcw", x))[:, :, None, :],
            gate("hc", np.einsum("bchw->bwhc", x)).swapaxes(1, 2)[:, :, :, None],
        ]
        if spec.spatial:
            found.append(gate("hw", x)[:, None])
        attention = np.mean(np.stack(np.broadcast_arrays(*found)), axis=0)  # [B, C, H, W]
        return x * attention, {"attention": attention}
