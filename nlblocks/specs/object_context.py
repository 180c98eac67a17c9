"""Object context (OCR): objects are gathered from an image by the scores of its classes, and each pixel reads them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_image, check_number
from nlblocks.specs.inputs import Each, split
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.layout import MapLayout
from nlblocks.specs.object_attention import ObjectAttention, check_object_fields
from nlblocks.specs.spatial_gather import SpatialGather, check_alike


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectContext(BlockSpec):
    """y = attention(x, gather(x, logits)): an image's pixels read the objects that its class scores gather from it.

    Letters: B batch, C ``in_channels``, D ``key_channels`` (None: C // 2), O ``out_channels`` (None: C), K classes,
    H height, W width, N = H·W. The inputs are x [B, C, H, W] and logits [B, K, H, W]; y is [B, O, H, W]. ``gather`` is
    a :class:`SpatialGather` with ``scale``, ``attention`` an :class:`ObjectAttention` with the other fields; the map is
    its own, [B, N, K].

    openseg and PaddleSeg call it so, one after the other; mmsegmentation's OCRHead does too.

    Raises InputError for impossible fields and for inputs of the wrong rank or channels, or of different extents.
    """

    kind: ClassVar[str] = "object_context"
    cites: ClassVar[str] = "Yuan et al. 2020, Object-Contextual Representations, arXiv:1909.11065, eq. 1-4"
    inputs: ClassVar[tuple[str, ...]] = ("x", "logits")

    in_channels: Annotated[int, "C, channels of x"]
    key_channels: Annotated[int | None, "D, width of queries, keys and values; None: half of C"] = None
    out_channels: Annotated[int | None, "O, channels of the output; None: C"] = None
    scale: Annotated[float, "what the logits are multiplied by before the softmax"] = 1.0
    conv_bias: Annotated[bool, "whether the convolutions have biases, before their BatchNorm"] = False
    dropout: Annotated[float, "share of the output's channels that training drops"] = 0.0
    norm: Annotated[BatchNorm, "every BatchNorm"] = field(default_factory=BatchNorm)

    def validate(self) -> None:
        check_object_fields(self)
        check_number(self, "scale", low=0.0, exclusive="low")

    @property
    def gather(self) -> SpatialGather:
        return SpatialGather(scale=self.scale)

    @property
    def attention(self) -> ObjectAttention:
        return ObjectAttention(
            in_channels=self.in_channels, key_channels=self.key_channels, out_channels=self.out_channels,
            conv_bias=self.conv_bias, dropout=self.dropout, norm=self.norm,
        )  # fmt: skip

    def deterministic(self) -> ObjectContext:
        return replace(self, dropout=0.0)

    def params(self) -> tuple[Param, ...]:
        return layers.nested("attention", self.attention)

    def check_input(self, shape: Each) -> None:
        x, logits = split(self, shape)
        check_image(self, x, channels=self.in_channels, dims=2)
        check_image(self, logits, channels=None, dims=2)
        check_alike(self, x, logits)

    def _inner(self, shape: Each) -> Each:
        """What the attention gets."""
        self.check_input(shape)
        x, _ = split(self, shape)
        return x, self.gather.output_shape(shape)

    def output_shape(self, shape: Each) -> Shape:
        return self.attention.output_shape(self._inner(shape))

    def attention_shapes(self, shape: Each) -> dict[str, Shape]:
        return self.attention.attention_shapes(self._inner(shape))

    def map_layouts(self, shape: Each) -> dict[str, MapLayout]:
        return self.attention.map_layouts(self._inner(shape))

    def letters(self, shape: Each) -> dict[str, int]:
        return self.attention.letters(self._inner(shape))

    def macs(self, shape: Each) -> int:
        return self.gather.macs(shape) + self.attention.macs(self._inner(shape))

    def example_shape(self) -> Each:
        return (2, self.in_channels, 4, 6), (2, 3, 4, 6)

    def input_of(self, batch: int, channels: int, spatial: Shape) -> Each:
        return (batch, channels, *spatial), (batch, channels + 3, *spatial)
