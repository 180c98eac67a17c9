"""Dual attention: DANet's segmentation head, position and channel attention side by side."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.channel_attention import ENERGIES, ChannelAttention, Energy
from nlblocks.specs.check import check_bool, check_choice, check_image, check_int, check_number, check_type
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.layout import MapLayout
from nlblocks.specs.position_attention import PositionAttention


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class DualAttention(BlockSpec):
    """DANet's head: features [B, C, H, W] → logits [B, K, H, W] at the same resolution.

    p = position_out(position(position_in(x))), c = channel_out(channel(channel_in(x))), logits = classifier(p + c)

    Letters: B batch, C ``in_channels``, D the inner width, K ``num_classes``, N = H·W, Q the width of the queries and
    keys of ``position`` (D // ``query_reduction``, at least 1). The ``_in`` (C → D) and ``_out`` (D → D) layers are
    Conv 3×3 (padding 1, no bias), BatchNorm ``norm``, ReLU. ``position`` is a :class:`PositionAttention` of D channels
    with ``query_reduction``, ``channel`` a :class:`ChannelAttention` with ``energy``. The classifier is dropout of
    whole channels (a share ``dropout``), then Conv 1×1 with bias. D is ``inter_channels``, or where that is None
    C // ``reduction``, at least 1. The maps are "position" [B, N, N] and "channel" [B, D, D].

    DANet's head returns three logits, for a loss on each: fused, position, channel. With ``auxiliary`` this block
    does too, as one tensor [B, 3, K, H, W] in that order: ``position_classifier`` reads p, ``channel_classifier``
    reads c, and y[:, 0] are the fused logits. Without it (the default, enough for inference) those two layers do not
    exist and the output is the fused logits alone.

    Raises InputError for impossible fields and for inputs of the wrong rank or channels.
    """

    kind: ClassVar[str] = "dual_attention"
    cites: ClassVar[str] = "Fu et al. 2019, Dual Attention Network, arXiv:1809.02983, fig. 2, 3"

    in_channels: Annotated[int, "C, channels of x"]
    num_classes: Annotated[int, "K, channels of the logits"]
    reduction: Annotated[int, "C // reduction is the width of both branches"] = 4
    inter_channels: Annotated[int | None, "the width itself; None: from reduction"] = None
    query_reduction: Annotated[int, "reduction of the position branch"] = 8
    energy: Annotated[Energy, "energy of the channel branch: negated or plain"] = "negated"
    dropout: Annotated[float, "share of channels that training drops before each classifier"] = 0.1
    auxiliary: Annotated[bool, "also return the logits of each branch, stacked"] = False
    norm: Annotated[BatchNorm, "every BatchNorm"] = field(default_factory=BatchNorm)

    def validate(self) -> None:
        check_int(self, "in_channels")
        check_int(self, "num_classes")
        check_int(self, "reduction")
        check_int(self, "inter_channels", optional=True)
        check_int(self, "query_reduction")
        check_choice(self, "energy", ENERGIES)
        check_number(self, "dropout", low=0.0, high=1.0, exclusive="high")
        check_bool(self, "auxiliary")
        check_type(self, "norm", BatchNorm)

    @property
    def inner(self) -> int:
        """D, the width of both branches."""
        return self.inter_channels or layers.reduce_channels(self.in_channels, self.reduction)

    @property
    def position(self) -> PositionAttention:
        return PositionAttention(in_channels=self.inner, reduction=self.query_reduction)

    @property
    def channel(self) -> ChannelAttention:
        return ChannelAttention(in_channels=self.inner, energy=self.energy)

    @property
    def classifiers(self) -> tuple[str, ...]:
        """The names of the classifiers, in the order of the output."""
        return ("classifier", "position_classifier", "channel_classifier") if self.auxiliary else ("classifier",)

    def deterministic(self) -> DualAttention:
        return replace(self, dropout=0.0)

    def params(self) -> tuple[Param, ...]:
        c, d = self.in_channels, self.inner
        params: tuple[Param, ...] = ()
        for name, block in (("position", self.position), ("channel", self.channel)):
            params += layers.conv_norm(f"{name}_in", c, d, (3, 3))
            params += layers.nested(name, block)
            params += layers.conv_norm(f"{name}_out", d, d, (3, 3))
        for name in self.classifiers:
            params += layers.conv(name, d, self.num_classes, (1, 1))
        return params

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=2)

    def output_shape(self, shape: Shape) -> Shape:
        self.check_input(shape)
        outputs = (len(self.classifiers),) if self.auxiliary else ()
        return (shape[0], *outputs, self.num_classes, *shape[2:])

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        n, d = math.prod(shape[2:]), self.inner
        return {"position": (shape[0], n, n), "channel": (shape[0], d, d)}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        branch = (shape[0], self.inner, *shape[2:])
        return {name: getattr(self, name).map_layouts(branch)["attention"] for name in ("position", "channel")}

    def letters(self, shape: Shape) -> dict[str, int]:
        own = {"D": self.inner, "Q": self.position.inner, "K": self.num_classes}
        return {**BlockSpec.letters(self, shape), **own}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        n, c, d = math.prod(shape[2:]), self.in_channels, self.inner
        branch = (shape[0], d, *shape[2:])
        convolutions = 2 * n * 9 * (c * d + d * d) + len(self.classifiers) * n * d * self.num_classes
        return shape[0] * convolutions + self.position.macs(branch) + self.channel.macs(branch)

    def example_shape(self) -> Shape:
        return (2, self.in_channels, 4, 5)
