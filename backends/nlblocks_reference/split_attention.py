"""Split attention, as arXiv:2004.08955 writes it."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import batch_norm, conv, relu, sigmoid, softmax
from nlblocks_reference.scope import Array, Scope


class SplitAttention(Block):
    """y_c = Σ_r a_rc · u_rc: see :class:`nlblocks.specs.SplitAttention`."""

    spec_type = specs.SplitAttention

    @staticmethod
    def compute(spec: specs.SplitAttention, p: Scope, x: Array) -> tuple[Array, Maps]:
        def normal(value: Array, name: str) -> Array:
            return value if spec.norm is None else batch_norm(value, p(name), spec.norm)

        o, r, g = spec.outer, spec.radix, spec.groups
        value = conv(
            x, p("conv"), padding=spec.sides, stride=spec.stride, dilation=spec.dilation, groups=r * g
        )  # [B, R·O, X, Y]
        u = relu(normal(value, "norm_1"))
        branches = [u[:, o * branch : o * (branch + 1)] for branch in range(r)]  # [B, O, X, Y] each
        pooled = np.sum([branch.mean((2, 3), keepdims=True) for branch in branches], axis=0)  # [B, O, 1, 1]
        hidden = relu(normal(conv(pooled, p("fc_1"), groups=g), "norm_2"))  # [B, D, 1, 1]
        v = conv(hidden, p("fc_2"), groups=g)[:, :, 0, 0].reshape(x.shape[0], g, r, o // g)
        gates = sigmoid(v) if r == 1 else softmax(v, axis=2)
        attention = np.stack([gates[:, :, branch].reshape(x.shape[0], o) for branch in range(r)], axis=1)  # [B, R, O]
        y = np.einsum("bro,brohw->bohw", attention, np.stack(branches, axis=1))
        return y, {"attention": attention[:, 0] if r == 1 else attention}
