"""SimAM: each value is scaled by how far it stands out from its channel, without a parameter."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_image, check_number, check_positions
from nlblocks.specs.layout import MapLayout


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class SimAM(BlockSpec):
    """y_n = x_n · a_n, a_n = sigmoid(d_n² / (4 (Σ_m d_m² / (N - 1) + λ)) + ½), d = x - mean(x): over [B, C, H, W].

    Letters: B batch, C channels, any number, N = H·W positions, at least 2. The mean and the sum are those of each
    channel of each image, over its positions; λ is ``e_lambda``. There is no parameter. The attention map a is
    [B, C, H, W].

    In float16 the squares and the gate are computed in float32: they pass 65504 where features do not.

    The authors' code gives NaN on a map of one position, which has no variance: here that is refused.

    Raises InputError for impossible fields, and for inputs of the wrong rank or of one position.
    """

    kind: ClassVar[str] = "simam"
    cites: ClassVar[str] = "Yang et al. 2021, SimAM: A Simple, Parameter-Free Attention Module, ICML, eq. 5-6"

    e_lambda: Annotated[float, "λ, added to the variance"] = 1e-4

    def validate(self) -> None:
        check_number(self, "e_lambda", low=0.0, exclusive="low")

    def params(self) -> tuple[Param, ...]:
        return ()

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=None, dims=2)
        check_positions(self, shape, at_least=2)

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        return {"attention": tuple(shape)}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        return {"attention": MapLayout(meaning="masks", grid=tuple(shape[2:]), count=shape[1])}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        return 2 * math.prod(shape)  # the squares, and the product with the gates

    def example_shape(self) -> Shape:
        return (2, 3, 6, 5)
