"""Spatial gather: the features of each object are a mean of the pixels, the first half of OCR."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec, Param, Shape, letters_of, register
from nlblocks.specs.check import check_image, check_number
from nlblocks.specs.inputs import Each, split


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class SpatialGather(BlockSpec):
    """o_k = Σ_n w_kn x_n, w = softmax over the positions n of scale · logits_k: K objects gathered from an image.

    Letters: B batch, C channels of x, K objects (classes), H height, W width, N = H·W. The inputs are x [B, C, H, W]
    and logits [B, K, H, W], the scores of the classes; the output is [B, C, K, 1], an object a row. Nothing is learned.

    The weights are no attention map of a position, which reads nothing here: the block has none.

    mmsegmentation's SpatialGatherModule; openseg's SpatialGather_Module is the same with scale 1, PaddleSeg's
    SpatialGatherBlock has no scale.

    Raises InputError for a scale that is none, and for inputs of the wrong rank or of different extents.
    """

    kind: ClassVar[str] = "spatial_gather"
    cites: ClassVar[str] = "Yuan et al. 2020, Object-Contextual Representations, arXiv:1909.11065, eq. 1"
    inputs: ClassVar[tuple[str, ...]] = ("x", "logits")

    scale: Annotated[float, "what the logits are multiplied by before the softmax"] = 1.0

    def validate(self) -> None:
        check_number(self, "scale", low=0.0, exclusive="low")

    def params(self) -> tuple[Param, ...]:
        return ()

    def check_input(self, shape: Each) -> None:
        x, logits = split(self, shape)
        check_image(self, x, channels=None, dims=2)
        check_image(self, logits, channels=None, dims=2)
        check_alike(self, x, logits)

    def output_shape(self, shape: Each) -> Shape:
        self.check_input(shape)
        x, logits = split(self, shape)
        return x[0], x[1], logits[1], 1

    def letters(self, shape: Each) -> dict[str, int]:
        self.check_input(shape)
        x, logits = split(self, shape)
        return {**letters_of(x), "K": logits[1]}

    def macs(self, shape: Each) -> int:
        self.check_input(shape)
        x, logits = split(self, shape)
        return math.prod(x) * int(logits[1])

    def example_shape(self) -> Each:
        return (2, 5, 4, 6), (2, 3, 4, 6)

    def input_of(self, batch: int, channels: int, spatial: Shape) -> Each:
        return (batch, channels, *spatial), (batch, channels // 2 + 2, *spatial)


def check_alike(spec: BlockSpec, x: Shape, logits: Shape) -> None:
    """Raise InputError unless pixels and logits have one batch and extent; a negative one is unknown, and passes."""
    pairs = zip((x[0], *x[2:]), (logits[0], *logits[2:]), strict=True)
    if any(one != other and one >= 0 and other >= 0 for one, other in pairs):
        raise InputError(
            f"{type(spec).__name__}: x of shape {tuple(x)} and logits of shape {tuple(logits)} must have the same "
            "batch and extents"
        )
