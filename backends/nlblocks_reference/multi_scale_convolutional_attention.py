"""Multi-scale convolutional attention, as arXiv:2209.08575 writes it."""

from __future__ import annotations

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import conv, gelu
from nlblocks_reference.scope import Array, Scope


class MultiScaleConvolutionalAttention(Block):
    """y = x · a: see :class:`nlblocks.specs.MultiScaleConvolutionalAttention`."""

    spec_type = specs.MultiScaleConvolutionalAttention

    @staticmethod
    def compute(spec: specs.MultiScaleConvolutionalAttention, p: Scope, x: Array) -> tuple[Array, Maps]:
        c = spec.in_channels
        v = gelu(conv(x, p("proj_1"))) if spec.residual else x  # [B, C, H, W]
        near = conv(v, p("local"), padding=(spec.kernel_size - 1) // 2, groups=c)
        total = near
        for i, size in enumerate(spec.strip_sizes):
            rows = conv(near, p(f"strips.{i}.row"), padding=(0, (size - 1) // 2), groups=c)
            total = total + conv(rows, p(f"strips.{i}.column"), padding=((size - 1) // 2, 0), groups=c)
        attention = conv(total, p("mix"))  # [B, C, H, W]
        y = v * attention
        return (x + conv(y, p("proj_2")) if spec.residual else y), {"attention": attention}
