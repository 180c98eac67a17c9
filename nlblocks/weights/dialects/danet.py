"""DANet: its PAM_Module, its CAM_Module and the DANetHead that holds both."""

from __future__ import annotations

from typing import Any

from nlblocks.errors import InputError
from nlblocks.specs.channel_attention import ChannelAttention
from nlblocks.specs.dual_attention import DualAttention
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.position_attention import PositionAttention
from nlblocks.weights.dialects.base import Dialect, Foreign, Table
from nlblocks.weights.dialects.sagan import self_attention, self_attention_names

NORMS = ("BatchNorm2d", "SyncBatchNorm")


def _pam_module(in_dim: int) -> PositionAttention:
    return self_attention("danet", "PAM_Module", in_dim)


def _cam_module(in_dim: int) -> ChannelAttention:
    return ChannelAttention(in_channels=in_dim)


def _danet_head(in_channels: int, out_channels: int, norm_layer: Any = "BatchNorm2d") -> DualAttention:
    """``norm_layer`` is a class of torch's, or its name."""
    name = getattr(norm_layer, "__name__", norm_layer)
    if name not in NORMS:
        raise InputError(f"dialect danet: norm_layer={name!r} must be one of {', '.join(NORMS)}")
    spec = DualAttention(in_channels=in_channels, num_classes=out_channels, auxiliary=True, norm=BatchNorm())
    _dual_attention(spec)
    return spec


def _channel_attention(spec: ChannelAttention) -> Table:
    if spec.energy != "negated":
        raise InputError(f"dialect danet: CAM_Module takes the softmax of -E; it has no energy={spec.energy!r}")
    return {"gamma": "gamma"}


def _dual_attention(spec: DualAttention) -> Table:
    fixed = spec.in_channels // 4
    if not spec.auxiliary or spec.inner != fixed:
        raise InputError(
            f"dialect danet: DANetHead of {spec.in_channels} channels has auxiliary=True and {fixed} inner channels "
            f"(in_channels // 4); it has no form with auxiliary={spec.auxiliary} and {spec.inner}"
        )
    table: dict[str, Foreign] = {
        "classifier": "conv8.1",
        "position_classifier": "conv6.1",
        "channel_classifier": "conv7.1",
    }
    for ours, theirs in (
        ("position_in", "conv5a"),
        ("position_out", "conv51"),
        ("channel_in", "conv5c"),
        ("channel_out", "conv52"),
    ):
        table |= {f"{ours}.conv": f"{theirs}.0", f"{ours}.norm": f"{theirs}.1"}
    position = self_attention_names("danet", "PAM_Module", spec.position)
    table |= {f"position.{ours}": f"sa.{theirs}" for ours, theirs in position.items()}
    return table | {f"channel.{ours}": f"sc.{theirs}" for ours, theirs in _channel_attention(spec.channel).items()}


DIALECT = Dialect(
    name="danet",
    source="DANet",
    classes={"PAM_Module": _pam_module, "CAM_Module": _cam_module, "DANetHead": _danet_head},
    tables={
        PositionAttention: lambda spec: self_attention_names("danet", "PAM_Module", spec),
        ChannelAttention: _channel_attention,
        DualAttention: _dual_attention,
    },
    ignored=("num_batches_tracked",),
)
