"""mmsegmentation: the PAM and CAM of its DAHead, whose gamma is a scalar, and the two attentions of its MSCAN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.channel_attention import ChannelAttention
from nlblocks.specs.multi_scale_convolutional_attention import MultiScaleConvolutionalAttention
from nlblocks.specs.position_attention import PositionAttention
from nlblocks.weights.dialects.base import Dialect, Table, refuse_unless


def _pam(in_channels: int, channels: int) -> BlockSpec:
    return PositionAttention(in_channels=in_channels, inter_channels=channels)


def _cam(in_channels: int) -> BlockSpec:
    """The class itself takes nothing: the width is that of its input."""
    return ChannelAttention(in_channels=in_channels)


def _position(spec: PositionAttention) -> Table:
    return {
        "query": "query_project",
        "key": "key_project",
        "value": "value_project",
        "gamma": ("gamma.scale", ()),
    }


def _channel(spec: ChannelAttention) -> Table:
    refuse_unless("mmseg", spec, energy=("negated",))
    return {"gamma": ("gamma.scale", ())}


MSCA_KERNELS, MSCA_PADDINGS = (5, (1, 7), (1, 11), (1, 21)), (2, (0, 3), (0, 5), (0, 10))


def _msca(
    channels: int, kernel_sizes: Sequence[Any] = MSCA_KERNELS, paddings: Sequence[Any] = MSCA_PADDINGS
) -> BlockSpec:
    return _multi_scale(channels, kernel_sizes, paddings, residual=False)


def _msca_residual(
    in_channels: int,
    attention_kernel_sizes: Sequence[Any] = MSCA_KERNELS,
    attention_kernel_paddings: Sequence[Any] = MSCA_PADDINGS,
) -> BlockSpec:
    return _multi_scale(in_channels, attention_kernel_sizes, attention_kernel_paddings, residual=True)


def _multi_scale(channels: int, kernels: Sequence[Any], paddings: Sequence[Any], *, residual: bool) -> BlockSpec:
    """Its forward takes three pairs of strips; padding that changes the extents is refused."""
    strips = [tuple(pair) for pair in kernels[1:]]
    wanted = [kernels[0] // 2, *((height // 2, width // 2) for height, width in strips)]
    given = [paddings[0], *(tuple(pair) for pair in paddings[1:])]
    if len(strips) != 3 or any(height != 1 for height, _ in strips) or given != wanted:
        raise InputError(
            f"dialect mmseg: kernel sizes {kernels!r} with paddings {paddings!r} are not covered; it covers a number "
            "and three pairs (1, size), each padded by half of it"
        )
    sizes = tuple(width for _, width in strips)
    return MultiScaleConvolutionalAttention(
        in_channels=channels, kernel_size=kernels[0], strip_sizes=sizes, residual=residual
    )


def _multi_scale_names(spec: MultiScaleConvolutionalAttention) -> Table:
    if len(spec.strip_sizes) != 3:
        raise InputError(f"dialect mmseg: MSCAAttention has strip_sizes={spec.strip_sizes!r}; this codebase has three")
    inner = "spatial_gating_unit." if spec.residual else ""
    strips = {
        f"strips.{i}.{ours}": f"{inner}conv{i}_{theirs}"
        for i in range(3)
        for ours, theirs in (("row", 1), ("column", 2))
    }
    return {"local": f"{inner}conv0", **strips, "mix": f"{inner}conv3", "proj_1": "proj_1", "proj_2": "proj_2"}


DIALECT = Dialect(
    name="mmseg",
    source="mmsegmentation, decode_heads/da_head.py and backbones/mscan.py",
    classes={"PAM": _pam, "CAM": _cam, "MSCAAttention": _msca, "MSCASpatialAttention": _msca_residual},
    tables={
        PositionAttention: _position,
        ChannelAttention: _channel,
        MultiScaleConvolutionalAttention: _multi_scale_names,
    },
)
