"""Global context, as arXiv:1904.11492 writes it (eq. 5), with the gate of its SE form."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import conv, flatten, hard_sigmoid, linear, relu, sigmoid, softmax
from nlblocks_reference.norms import layer_norm
from nlblocks_reference.scope import Array, Scope


class GlobalContext(Block):
    """y = x · gate(mul(c)) + add(c): see :class:`nlblocks.specs.GlobalContext`."""

    spec_type = specs.GlobalContext

    @staticmethod
    def compute(spec: specs.GlobalContext, p: Scope, x: Array) -> tuple[Array, Maps]:
        maps: Maps = {}
        if spec.pool == "attention":
            weights = softmax(flatten(conv(x, p("mask")))[:, 0])  # [B, N]
            context = np.einsum("bcn,bn->bc", flatten(x), weights)  # [B, C]
            maps["spatial"] = weights.reshape(x.shape[0], *x.shape[2:])
        else:
            context = x.mean((2, 3))  # [B, C]
        y = x
        if spec.fuse in ("mul", "both"):
            value = _transform(spec, p("mul"), context)  # [B, C]
            maps["channel"] = sigmoid(value) if spec.gate == "sigmoid" else hard_sigmoid(value, 1 / 6)
            y = y * maps["channel"][:, :, None, None]
        if spec.fuse in ("add", "both"):
            y = y + _transform(spec, p("add"), context)[:, :, None, None]
        return y, maps if len(maps) != 1 else {"attention": next(iter(maps.values()))}


def _transform(spec: specs.GlobalContext, p: Scope, context: Array) -> Array:
    """The MLP C → D → C of [B, C], with a LayerNorm over D."""
    return linear(relu(layer_norm(linear(context, p("fc_1")), p("norm"), spec.ln_eps)), p("fc_2"))
