"""The block of ParNet, as arXiv:2110.07641 draws it."""

from __future__ import annotations

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import batch_norm, conv, conv_norm, flatten, relu, sigmoid, silu
from nlblocks_reference.scope import Array, Scope


class ParNetAttention(Block):
    """Two convolutions beside a gated skip: see :class:`nlblocks.specs.ParNetAttention`."""

    spec_type = specs.ParNetAttention

    @staticmethod
    def compute(spec: specs.ParNetAttention, p: Scope, x: Array) -> tuple[Array, Maps]:
        norm, groups = spec.norm, spec.groups
        if spec.pool:
            corners = [x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)]
            y = conv_norm(sum(corners[1:], corners[0]) / 4, p("pointwise"), norm, groups=groups)
        else:
            y = conv_norm(x, p("pointwise"), norm, stride=spec.stride, groups=groups)
        if spec.dense:
            y = y + conv_norm(x, p("dense"), norm, stride=spec.stride, groups=groups)
        skip = batch_norm(x, p("skip"), norm) if spec.skips and spec.skip_norm else x
        maps: Maps = {}
        if spec.gate:
            pooled = flatten(skip).mean(axis=2)[:, :, None, None]
            gate = sigmoid(conv(pooled, p("squeeze"), groups=groups))  # [B, O, 1, 1]
            gate = gate if spec.skips else 2 * gate
            maps["attention"] = gate[:, :, 0, 0]
            y = y + skip * gate if spec.skips else y * gate
        elif spec.skips:
            y = y + skip
        y = silu(y) if spec.act == "silu" else relu(y)
        if groups > 1:
            order = [group * (spec.width // groups) + i for i in range(spec.width // groups) for group in range(groups)]
            y = y[:, order]
        return y, maps
