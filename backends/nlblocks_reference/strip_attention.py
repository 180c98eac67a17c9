"""Strip attention, as arXiv:2003.13328 writes it."""

from __future__ import annotations

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import batch_norm, conv, hard_sigmoid, relu, sigmoid
from nlblocks_reference.scope import Array, Scope


class StripAttention(Block):
    """y = x · a: see :class:`nlblocks.specs.StripAttention`."""

    spec_type = specs.StripAttention

    @staticmethod
    def compute(spec: specs.StripAttention, p: Scope, x: Array) -> tuple[Array, Maps]:
        def strip(name: str, value: Array) -> Array:
            if spec.kernel_size is not None:
                groups = spec.in_channels if spec.depthwise else 1
                value = conv(value, p(name), padding=(spec.kernel_size - 1) // 2, groups=groups)
            return value if spec.norm is None else batch_norm(value, p(f"{name}_norm"), spec.norm)

        value = strip("down", x.mean(3))[:, :, :, None] + strip("across", x.mean(2))[:, :, None, :]  # [B, O, H, W]
        value = conv(relu(value), p("mix")) if spec.mix else value
        attention = sigmoid(value) if spec.gate == "sigmoid" else hard_sigmoid(value, 1 / 6)
        y = attention if spec.output == "gate" else x * attention
        return (y + x if spec.output == "skip" else y), {"attention": attention}
