"""Effective squeeze-and-excitation, as arXiv:1911.06667 writes it."""

from __future__ import annotations

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import flatten, hard_sigmoid, linear, maximum, sigmoid
from nlblocks_reference.scope import Array, Scope


class EffectiveSqueezeExcitation(Block):
    """y_c = x_c · a_c: see :class:`nlblocks.specs.EffectiveSqueezeExcitation`."""

    spec_type = specs.EffectiveSqueezeExcitation

    @staticmethod
    def compute(spec: specs.EffectiveSqueezeExcitation, p: Scope, x: Array) -> tuple[Array, Maps]:
        positions = flatten(x)  # [B, C, N]
        pooled = positions.mean(2)  # [B, C]
        if spec.pool == "avg_max":
            pooled = (pooled + maximum(positions, 2)) / 2  # [B, C]
        value = linear(pooled, p("fc"))  # [B, C]
        attention = sigmoid(value) if spec.gate == "sigmoid" else hard_sigmoid(value, spec.slope)
        return x * attention[:, :, None, None], {"attention": attention}
