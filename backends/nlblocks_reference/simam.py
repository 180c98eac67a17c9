"""SimAM, as its paper writes it."""

from __future__ import annotations

import math

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import sigmoid
from nlblocks_reference.scope import Array, Scope


class SimAM(Block):
    """y_n = x_n · a_n: see :class:`nlblocks.specs.SimAM`."""

    spec_type = specs.SimAM

    @staticmethod
    def compute(spec: specs.SimAM, p: Scope, x: Array) -> tuple[Array, Maps]:
        squares = (x - x.mean((2, 3), keepdims=True)) ** 2
        variance = squares.sum((2, 3), keepdims=True) / (math.prod(x.shape[2:]) - 1)
        attention = sigmoid(squares / (4 * (variance + spec.e_lambda)) + 0.5)
        return x * attention, {"attention": attention}
