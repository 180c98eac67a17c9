"""ArticleDigitNet: the MNIST network of an article about Non-local_pytorch, which is not that repository's own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar, Literal

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_image, check_int, check_number, check_type
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.layout import MapLayout
from nlblocks.specs.non_local import Mode, NonLocal


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleDigitNet(BlockSpec):
    """Two convolutions with one NonLocal between them, and one pooling: wider and shallower than :class:`DigitNet`.

    [B, in_channels, S, S] → logits [B, num_classes], S = ``image_size``, at least 2, K = ``width`` (64):

    conv_1 (K) → ReLU → nl → conv_2 (2K) → ReLU → max pool 2 → flatten → fc_1 (``hidden``) → ReLU → dropout → fc_2

    The convolutions are 3×3, padding 1, with bias and no norm. nl is a sub-sampled ("after") NonLocal block in
    ``mode`` with ``norm``; its attention map "nl" is [B, S², (S/2)²], extents rounded down. In mode "none" there is no
    nl: the baseline that the modes are compared with. The article's sizes are the defaults: fc_1 is 128·14·14 → 1024.
    Its text gives the layers and widths; the ReLUs are the usual ones.
    Equal values in a pooling window: the first gets the gradient.

    Raises InputError for impossible fields and for inputs of another size.
    """

    kind: ClassVar[str] = "article_digit_net"
    cites: ClassVar[str] = "an article about Non-local_pytorch; the block of arXiv:1711.07971"

    in_channels: Annotated[int, "channels of the image"] = 1
    num_classes: Annotated[int, "width of the logits"] = 10
    image_size: Annotated[int, "S, height and width of the image"] = 28
    width: Annotated[int, "channels of the first convolution; the second has twice as many"] = 64
    hidden: Annotated[int, "width of fc_1"] = 1024
    mode: Annotated[Mode | Literal["none"], "affinity of the NonLocal block; none: no such block"] = "embedded_gaussian"
    dropout: Annotated[float, "share of fc_1 that training drops"] = 0.5
    norm: Annotated[BatchNorm | None, "the BatchNorm of the NonLocal block, or None"] = field(default_factory=BatchNorm)

    def validate(self) -> None:
        for name in ("in_channels", "num_classes", "width", "hidden"):
            check_int(self, name)
        check_int(self, "image_size", at_least=2)
        check_number(self, "dropout", low=0.0, high=1.0, exclusive="high")
        check_type(self, "norm", BatchNorm, optional=True)
        _ = self.nl  # validates the mode

    @property
    def nl(self) -> NonLocal | None:
        """The block, or None in mode "none"."""
        if self.mode == "none":
            return None
        return NonLocal(in_channels=self.width, mode=self.mode, sub_sample="after", norm=self.norm)

    @property
    def features(self) -> int:
        """Width of the flattened map that fc_1 reads."""
        return 2 * self.width * (self.image_size // 2) ** 2

    @property
    def takes_maximum(self) -> bool:
        return True

    def deterministic(self) -> ArticleDigitNet:
        return replace(self, dropout=0.0)

    def params(self) -> tuple[Param, ...]:
        params = layers.conv("conv_1", self.in_channels, self.width, (3, 3))
        params += layers.nested("nl", self.nl) if self.nl else ()
        params += layers.conv("conv_2", self.width, 2 * self.width, (3, 3))
        params += layers.linear("fc_1", self.features, self.hidden)
        return params + layers.linear("fc_2", self.hidden, self.num_classes)

    def check_input(self, shape: Shape) -> None:
        size = self.image_size
        check_image(self, shape, channels=self.in_channels, dims=2, exactly=(size, size))

    def output_shape(self, shape: Shape) -> Shape:
        self.check_input(shape)
        return (shape[0], self.num_classes)

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        return {"nl": self.nl.attention_shapes(self._map(shape))["attention"]} if self.nl else {}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        return {"nl": self.nl.map_layouts(self._map(shape))["attention"]} if self.nl else {}

    def letters(self, shape: Shape) -> dict[str, int]:
        self.check_input(shape)
        own = {"K": self.width, "hidden": self.hidden, "num_classes": self.num_classes}
        return {"B": shape[0], "in_channels": shape[1], "S": shape[2], **own}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        convolutions = 9 * self.image_size**2 * self.width * (self.in_channels + 2 * self.width)
        dense = self.hidden * (self.features + self.num_classes)
        block = self.nl.macs(self._map(shape)) if self.nl else 0
        return shape[0] * (convolutions + dense) + block

    def example_shape(self) -> Shape:
        return (2, self.in_channels, self.image_size, self.image_size)

    def _map(self, shape: Shape) -> Shape:
        return (shape[0], self.width, self.image_size, self.image_size)
