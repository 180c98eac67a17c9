"""mmsegmentation: the PAM and CAM of its DAHead, whose gamma is a scalar."""

from __future__ import annotations

from nlblocks.specs.base import BlockSpec
from nlblocks.specs.channel_attention import ChannelAttention
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


DIALECT = Dialect(
    name="mmseg",
    source="mmsegmentation, decode_heads/da_head.py",
    classes={"PAM": _pam, "CAM": _cam},
    tables={PositionAttention: _position, ChannelAttention: _channel},
)
