"""AttentionResNet, layer by layer."""

from __future__ import annotations

from nlblocks import specs
from nlblocks.backend import mirrored
from nlblocks.specs.attention_resnet import Residual
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import batch_norm, conv, linear, max_pool, relu
from nlblocks_reference.scope import Array, Scope


class AttentionResNet(Block):
    """ResNet-18 with one extra block: see :class:`nlblocks.specs.AttentionResNet`."""

    spec_type = specs.AttentionResNet

    @staticmethod
    def compute(spec: specs.AttentionResNet, p: Scope, x: Array) -> tuple[Array, Maps]:
        maps: Maps = {}
        stem = p("stem")
        x = relu(batch_norm(conv(x, stem("conv"), padding=3, stride=2), stem("norm"), spec.norm))
        x = max_pool(x, (3, 3), stride=2, padding=1)
        for name, part in spec.body().items():
            if isinstance(part, tuple):
                for index, block in enumerate(part):
                    x = residual(block, p(f"{name}.{index}"), x, spec.norm)
            elif isinstance(part, Residual):
                x = residual(part, p(name), x, spec.norm)
            else:
                x, inner = mirrored("nlblocks_reference", type(part).__name__).compute(part, p(name), x)
                maps = {spec.map_name(key): value for key, value in inner.items()}
        return linear(x.mean((2, 3)), p("fc")), maps


def residual(block: Residual, p: Scope, x: Array, norm: specs.BatchNorm) -> Array:
    """x [B, I, H, W] → [B, O, ⌈H/stride⌉, ⌈W/stride⌉]."""
    y = relu(batch_norm(conv(x, p("conv_1"), padding=1, stride=block.stride), p("norm_1"), norm))
    y = batch_norm(conv(y, p("conv_2"), padding=1), p("norm_2"), norm)
    return relu(y + (conv(x, p("shortcut"), stride=block.stride) if block.has_shortcut else x))
