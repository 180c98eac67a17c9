"""Position attention: the self-attention of SAGAN and DANet, over all positions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_image, check_int
from nlblocks.specs.layout import MapLayout


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class PositionAttention(BlockSpec):
    """y_i = gamma · Σ_j a_ij v(x_j) + x_i, with a_ij = softmax over j of q(x_i)·k(x_j).

    Letters: B batch, C ``in_channels``, D the width of queries and keys, H height, W width, N = H·W. q, k (C → D)
    and v (C → C) are 1×1 convolutions with bias, ``gamma`` is a learned scalar (1,) that starts at 0. x and y are
    [B, C, H, W], the map a is [B, N, N], one row per query. The affinity is not scaled.

    D is ``inter_channels``, or where that is None C // ``reduction``, at least 1. (The public classes fix D = C // 8
    and cannot be built with C < 8.)

    SAGAN's Self_Attn and DANet's PAM_Module are this one operator.

    In float16 the affinity and its softmax are computed in float32: scores pass 65504 where features do not.

    Raises InputError for impossible fields and for inputs of the wrong rank or channels.
    """

    kind: ClassVar[str] = "position_attention"
    cites: ClassVar[str] = (
        "Zhang et al. 2019, Self-Attention GAN, arXiv:1805.08318, eq. 1-3; "
        "Fu et al. 2019, Dual Attention Network, arXiv:1809.02983, eq. 1-2"
    )

    in_channels: Annotated[int, "C, channels of x"]
    reduction: Annotated[int, "C // reduction is the width of queries and keys"] = 8
    inter_channels: Annotated[int | None, "the width itself; None: from reduction"] = None

    def validate(self) -> None:
        check_int(self, "in_channels")
        check_int(self, "reduction")
        check_int(self, "inter_channels", optional=True)

    @property
    def inner(self) -> int:
        """D, the width of queries and keys."""
        return self.inter_channels or layers.reduce_channels(self.in_channels, self.reduction)

    def params(self) -> tuple[Param, ...]:
        c, d, kernel = self.in_channels, self.inner, (1, 1)
        params = layers.conv("query", c, d, kernel) + layers.conv("key", c, d, kernel)
        return (*params, *layers.conv("value", c, c, kernel), layers.GAMMA)

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=2)

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        n = math.prod(shape[2:])
        return {"attention": (shape[0], n, n)}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        return {"attention": MapLayout(meaning="positions", grid=tuple(shape[2:]))}

    def letters(self, shape: Shape) -> dict[str, int]:
        return {**BlockSpec.letters(self, shape), "D": self.inner}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        n, c, d = math.prod(shape[2:]), self.in_channels, self.inner
        return shape[0] * (n * c * (2 * d + c) + n * n * (d + c))

    def example_shape(self) -> Shape:
        return (2, self.in_channels, 6, 5)
