"""Large kernel attention, as arXiv:2202.09741 writes it."""

from __future__ import annotations

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import conv, gelu
from nlblocks_reference.scope import Array, Scope


class LargeKernelAttention(Block):
    """y = x · a: see :class:`nlblocks.specs.LargeKernelAttention`."""

    spec_type = specs.LargeKernelAttention

    @staticmethod
    def compute(spec: specs.LargeKernelAttention, p: Scope, x: Array) -> tuple[Array, Maps]:
        c, k, d = spec.in_channels, spec.kernel_size, spec.dilation
        u = gelu(conv(x, p("proj_1"))) if spec.residual else x  # [B, C, H, W]
        near = conv(u, p("local"), padding=(k - 1) // 2, groups=c)
        far = conv(near, p("distant"), padding=d * (spec.distant_kernel_size - 1) // 2, dilation=d, groups=c)
        attention = conv(far, p("mix"))  # [B, C, H, W]
        y = u * attention
        return (x + conv(y, p("proj_2")) if spec.residual else y), {"attention": attention}
