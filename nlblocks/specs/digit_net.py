"""DigitNet: a small classifier with two non-local blocks, published with its weights and attention maps."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_image, check_int, check_number, check_type
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.layout import MapLayout
from nlblocks.specs.non_local import Mode, NonLocal

WIDTHS = (32, 64, 128)
HIDDEN = 256


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class DigitNet(BlockSpec):
    """The MNIST network that Non-local_pytorch publishes: three conv stages with a NonLocal after the first two.

    [B, in_channels, S, S] → logits [B, num_classes], S = ``image_size``, at least 8:

    conv_1 → nl_1 → conv_2 → nl_2 → conv_3 → flatten → fc_1 (256) → ReLU → dropout → fc_2

    conv_k is Conv 3×3 (padding 1, to 32, 64, 128 channels), BatchNorm, ReLU, max pool 2. nl_1 and nl_2 are
    sub-sampled ("after") NonLocal blocks in ``mode``. The attention maps are "nl_1" [B, (S/2)², (S/4)²] and "nl_2",
    extents rounded down. Equal values in a pooling window: the first gets the gradient.

    Raises InputError for impossible fields and for inputs of another size.
    """

    kind: ClassVar[str] = "digit_net"
    cites: ClassVar[str] = "Non-local_pytorch, lib/network.py; blocks of arXiv:1711.07971"

    in_channels: Annotated[int, "channels of the image"] = 1
    num_classes: Annotated[int, "width of the logits"] = 10
    image_size: Annotated[int, "S, height and width of the image"] = 28
    mode: Annotated[Mode, "affinity of the two NonLocal blocks"] = "embedded_gaussian"
    dropout: Annotated[float, "share of fc_1 that training drops"] = 0.5
    norm: Annotated[BatchNorm, "every BatchNorm"] = field(default_factory=BatchNorm)

    def validate(self) -> None:
        check_int(self, "in_channels")
        check_int(self, "num_classes")
        check_int(self, "image_size", at_least=8)
        check_number(self, "dropout", low=0.0, high=1.0, exclusive="high")
        check_type(self, "norm", BatchNorm)
        _ = self.nl_1  # validates the mode

    @property
    def nl_1(self) -> NonLocal:
        return self._non_local(WIDTHS[0])

    @property
    def nl_2(self) -> NonLocal:
        return self._non_local(WIDTHS[1])

    @property
    def features(self) -> int:
        """Width of the flattened map that fc_1 reads."""
        return WIDTHS[-1] * (self.image_size // 8) ** 2

    @property
    def takes_maximum(self) -> bool:
        return True

    def deterministic(self) -> DigitNet:
        return replace(self, dropout=0.0)

    def params(self) -> tuple[Param, ...]:
        params: tuple[Param, ...] = ()
        previous = self.in_channels
        for index, width in enumerate(WIDTHS, start=1):
            params += layers.conv(f"conv_{index}.conv", previous, width, (3, 3))
            params += layers.batch_norm(f"conv_{index}.norm", width)
            if index < 3:
                params += layers.nested(f"nl_{index}", self._non_local(width))
            previous = width
        params += layers.linear("fc_1", self.features, HIDDEN)
        return params + layers.linear("fc_2", HIDDEN, self.num_classes)

    def check_input(self, shape: Shape) -> None:
        size = self.image_size
        check_image(self, shape, channels=self.in_channels, dims=2, exactly=(size, size))

    def output_shape(self, shape: Shape) -> Shape:
        self.check_input(shape)
        return (shape[0], self.num_classes)

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        return {
            f"nl_{index}": block.attention_shapes(self._stage(shape, index))["attention"]
            for index, block in ((1, self.nl_1), (2, self.nl_2))
        }

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        return {
            f"nl_{index}": block.map_layouts(self._stage(shape, index))["attention"]
            for index, block in ((1, self.nl_1), (2, self.nl_2))
        }

    def letters(self, shape: Shape) -> dict[str, int]:
        self.check_input(shape)
        return {"B": shape[0], "in_channels": shape[1], "S": shape[2], "num_classes": self.num_classes}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        total, previous = 0, self.in_channels
        for index, width in enumerate(WIDTHS, start=1):
            side = self.image_size // 2 ** (index - 1)
            total += shape[0] * side * side * previous * width * 9
            if index < 3:
                total += self._non_local(width).macs(self._stage(shape, index))
            previous = width
        return total + shape[0] * HIDDEN * (self.features + self.num_classes)

    def example_shape(self) -> Shape:
        return (2, self.in_channels, self.image_size, self.image_size)

    def _non_local(self, width: int) -> NonLocal:
        return NonLocal(in_channels=width, mode=self.mode, sub_sample="after", norm=self.norm)

    def _stage(self, shape: Shape, index: int) -> Shape:
        side = self.image_size // 2**index
        return (shape[0], WIDTHS[index - 1], side, side)
