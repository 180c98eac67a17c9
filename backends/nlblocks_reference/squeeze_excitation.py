"""Squeeze-and-excitation, as arXiv:1709.01507 writes it."""

from __future__ import annotations

import math

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import hard_sigmoid, linear, maximum, relu, sigmoid
from nlblocks_reference.scope import Array, Scope


class SqueezeExcitation(Block):
    """y_c = x_c · a_c: see :class:`nlblocks.specs.SqueezeExcitation`."""

    spec_type = specs.SqueezeExcitation

    @staticmethod
    def compute(spec: specs.SqueezeExcitation, p: Scope, x: Array) -> tuple[Array, Maps]:
        positions = x.reshape(*x.shape[:2], math.prod(x.shape[2:]))  # [B, C, N]
        pooled = positions.mean(2) if spec.pool == "avg" else maximum(positions, 2)  # [B, C]
        value = linear(relu(linear(pooled, p("fc_1"))), p("fc_2"))  # [B, C]
        attention = sigmoid(value) if spec.gate == "sigmoid" else hard_sigmoid(value, spec.slope)
        return x * attention[:, :, None, None], {"attention": attention}
