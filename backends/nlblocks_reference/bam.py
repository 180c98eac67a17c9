"""BAM, as arXiv:1807.06514 writes it."""

from __future__ import annotations

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import batch_norm, conv, conv_norm, flatten, linear, relu, sigmoid
from nlblocks_reference.scope import Array, Scope


class BAM(Block):
    """y = x · (1 + a): see :class:`nlblocks.specs.BAM`."""

    spec_type = specs.BAM

    @staticmethod
    def compute(spec: specs.BAM, p: Scope, x: Array) -> tuple[Array, Maps]:
        of_channels = channel(spec, p("channel"), x)[:, :, None, None]
        of_positions = spatial(spec, p("spatial"), x)  # [B, 1, H, W]
        joined = of_channels + of_positions if spec.join == "sum" else of_channels * of_positions
        attention = sigmoid(joined)  # [B, C, H, W]
        return x + x * attention, {"attention": attention}


def channel(spec: specs.BAM, p: Scope, x: Array) -> Array:
    """What the means of the channels say of each channel, [B, C]."""
    v = linear(flatten(x).mean(axis=2), p("fc_1"))
    if spec.norm_place == "hidden":
        return linear(relu(batch_norm(v, p("norm"), spec.norm)), p("fc_2"))
    return batch_norm(linear(relu(v), p("fc_2")), p("norm"), spec.norm)


def spatial(spec: specs.BAM, p: Scope, x: Array) -> Array:
    """What the channels of a position and those around it say of the position, [B, 1, H, W]."""
    hidden = spec.norm_place == "hidden"
    v = relu(conv_norm(x, p("reduce"), spec.norm)) if hidden else conv(x, p("reduce")("conv"))
    for index in range(spec.depth):
        v = relu(conv_norm(v, p("dilated")(str(index)), spec.norm, dilation=spec.dilation))
    return conv(v, p("project")("conv")) if hidden else conv_norm(v, p("project"), spec.norm)
