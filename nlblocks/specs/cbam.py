"""CBAM: a gate per channel, then a gate per position."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.channel_gate import ChannelGate, Mode, check_channel_fields
from nlblocks.specs.check import check_image
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.layout import MapLayout
from nlblocks.specs.spatial_gate import Pooling, SpatialGate, authors_norm, check_spatial_fields


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class CBAM(BlockSpec):
    """z = spatial(channel(x)): a :class:`ChannelGate`, then a :class:`SpatialGate`, over [B, C, H, W].

    Letters: B batch, C ``in_channels``, D the inner width of the channel gate (mode fc), H height, W width.

    The fields are the gates' own; where both gates have one, its name says whose it is. The attention maps are
    "channel" [B, C] and "spatial" [B, H, W].

    Public versions differ along four axes: ``order``, ``norm``, ``mlp_bias`` and ``spatial_bias``. Defaults are the
    authors' code (CBAM of Jongchan): maximum first, BatchNorm with momentum 0.01, MLP with bias, convolution without.

    Raises InputError for impossible fields and for inputs of the wrong rank or channels.
    """

    kind: ClassVar[str] = "cbam"
    cites: ClassVar[str] = "Woo et al. 2018, CBAM, arXiv:1807.06521, eq. 1-3"

    in_channels: Annotated[int, "C, channels of x"]
    mode: Annotated[Mode, "channel gate: fc or conv"] = "fc"
    ratio: Annotated[int, "channel gate, fc: C // ratio is the width of the MLP"] = 16
    inter_channels: Annotated[int | None, "channel gate, fc: the width itself; None: from ratio"] = None
    mlp_bias: Annotated[bool, "channel gate, fc: whether the MLP has biases"] = True
    gamma: Annotated[float, "channel gate, conv: the kernel is |log2(C) + b| / gamma, made odd"] = 2.0
    b: Annotated[float, "channel gate, conv: see gamma"] = 1.0
    channel_kernel_size: Annotated[int | None, "channel gate, conv: the kernel itself, odd; None: from gamma and b"] = (
        None
    )
    spatial_kernel_size: Annotated[int, "spatial gate: the kernel, odd"] = 7
    order: Annotated[tuple[Pooling, Pooling], "spatial gate: which comes first, max or mean"] = ("max", "mean")
    norm: Annotated[BatchNorm | None, "spatial gate: its BatchNorm, or None"] = field(default_factory=authors_norm)
    spatial_bias: Annotated[bool, "spatial gate: whether its convolution has a bias"] = False

    def validate(self) -> None:
        check_channel_fields(self, kernel="channel_kernel_size")
        check_spatial_fields(self, kernel="spatial_kernel_size", bias="spatial_bias")

    @property
    def channel(self) -> ChannelGate:
        return ChannelGate(
            in_channels=self.in_channels, mode=self.mode, ratio=self.ratio, inter_channels=self.inter_channels,
            mlp_bias=self.mlp_bias, gamma=self.gamma, b=self.b, kernel_size=self.channel_kernel_size,
        )  # fmt: skip

    @property
    def spatial(self) -> SpatialGate:
        return SpatialGate(
            kernel_size=self.spatial_kernel_size, order=self.order, norm=self.norm, bias=self.spatial_bias
        )

    @property
    def takes_maximum(self) -> bool:
        return True

    def params(self) -> tuple[Param, ...]:
        return layers.nested("channel", self.channel) + layers.nested("spatial", self.spatial)

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=2)

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        return {"channel": (shape[0], self.in_channels), "spatial": (shape[0], *shape[2:])}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        return {name: getattr(self, name).map_layouts(shape)["attention"] for name in ("channel", "spatial")}

    def letters(self, shape: Shape) -> dict[str, int]:
        return self.channel.letters(shape)

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        return self.channel.macs(shape) + self.spatial.macs(shape)

    def example_shape(self) -> Shape:
        return self.channel.example_shape()
