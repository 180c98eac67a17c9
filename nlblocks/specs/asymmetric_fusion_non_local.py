"""Asymmetric fusion non-local (AFNB): each position of high features reads a pyramid of places of lower ones."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar

from nlblocks.errors import InputError
from nlblocks.specs import layers
from nlblocks.specs.asymmetric_pyramid_non_local import check_pyramid_fields, places
from nlblocks.specs.base import BlockSpec, Param, Shape, letters_of, register
from nlblocks.specs.check import check_image, check_int
from nlblocks.specs.inputs import Each, split
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.layout import MapLayout


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class AsymmetricFusionNonLocal(BlockSpec):
    """y_n = g([w(Σ_s a_ns v_s), high_n]), a_ns = softmax over the pooled places s of q(high)_n·k_s / √D.

    Letters: B batch, L ``low_channels``, C ``high_channels``, D ``key_channels`` (None: C // 2), E ``value_channels``
    (None: D), O ``out_channels`` (None: C), H height, W width of high, N = H·W, I height, J width of low. The inputs
    are low [B, L, I, J] and high [B, C, H, W], of any extents; y is [B, O, H, W], the map a [B, N, S] over the places
    of ``pool_sizes``, S = Σ size²: k_s and v_s are k(low) and v(low) pooled, size by size, to size × size by adaptive
    averages, 110 places by default. The cost grows with N·S.

    q (C → D) and k (L → D) are 1×1 convolutions (with bias where ``conv_bias``), ``norm`` and ReLU. v (L → E) and w
    (E → O, zero at the start where ``zero_init``) are 1×1 convolutions with bias. g is a 1×1 convolution, O + C → O,
    and ``norm``, without ReLU; training drops a share ``dropout`` of its channels.

    Raises InputError for impossible fields and for inputs of the wrong rank, channels or batch.
    """

    kind: ClassVar[str] = "asymmetric_fusion_non_local"
    cites: ClassVar[str] = "Zhu et al. 2019, Asymmetric Non-local Neural Networks, arXiv:1908.07678, section 3.3"
    inputs: ClassVar[tuple[str, ...]] = ("low", "high")

    low_channels: Annotated[int, "L, channels of the lower features"]
    high_channels: Annotated[int, "C, channels of the higher features"]
    key_channels: Annotated[int | None, "D, width of queries and keys; None: half of C"] = None
    value_channels: Annotated[int | None, "E, width of the values; None: D"] = None
    out_channels: Annotated[int | None, "O, channels of the output; None: C"] = None
    pool_sizes: Annotated[tuple[int, ...], "the sizes that keys and values are pooled to"] = (1, 3, 6, 8)
    conv_bias: Annotated[bool, "whether the convolutions before a BatchNorm have biases"] = False
    dropout: Annotated[float, "share of the output's channels that training drops"] = 0.0
    zero_init: Annotated[bool, "whether w starts at zero"] = True
    norm: Annotated[BatchNorm, "every BatchNorm"] = field(default_factory=BatchNorm)

    def validate(self) -> None:
        check_int(self, "low_channels")
        check_int(self, "high_channels")
        check_pyramid_fields(self)

    @property
    def keys(self) -> int:
        """D."""
        return self.key_channels or layers.reduce_channels(self.high_channels)

    @property
    def values(self) -> int:
        """E."""
        return self.value_channels or self.keys

    @property
    def width(self) -> int:
        """O."""
        return self.out_channels or self.high_channels

    def deterministic(self) -> AsymmetricFusionNonLocal:
        return replace(self, dropout=0.0)

    def params(self) -> tuple[Param, ...]:
        low, high, d, e, o, kernel = (
            self.low_channels, self.high_channels, self.keys, self.values, self.width, (1, 1)
        )  # fmt: skip
        return (
            *layers.conv_norm("query", high, d, kernel, bias=self.conv_bias),
            *layers.conv_norm("key", low, d, kernel, bias=self.conv_bias),
            *layers.conv("value", low, e, kernel),
            *layers.conv("context", e, o, kernel, init=layers.ZERO if self.zero_init else layers.TORCH),
            *layers.conv_norm("output", o + high, o, kernel, bias=self.conv_bias),
        )

    def check_input(self, shape: Each) -> None:
        low, high = split(self, shape)
        check_image(self, low, channels=self.low_channels, dims=2)
        check_image(self, high, channels=self.high_channels, dims=2)
        if low[0] != high[0] and low[0] >= 0 and high[0] >= 0:
            raise InputError(
                f"{type(self).__name__}: low of shape {tuple(low)} and high of shape {tuple(high)} must have the same "
                "batch"
            )

    def output_shape(self, shape: Each) -> Shape:
        self.check_input(shape)
        _, high = split(self, shape)
        return high[0], self.width, *high[2:]

    def attention_shapes(self, shape: Each) -> dict[str, Shape]:
        self.check_input(shape)
        _, high = split(self, shape)
        return {"attention": (high[0], math.prod(high[2:]), places(self.pool_sizes))}

    def map_layouts(self, shape: Each) -> dict[str, MapLayout]:
        self.check_input(shape)
        _, high = split(self, shape)
        layout = MapLayout(meaning="regions", grid=tuple(high[2:]), count=places(self.pool_sizes))
        return {"attention": layout}

    def letters(self, shape: Each) -> dict[str, int]:
        self.check_input(shape)
        low, high = split(self, shape)
        given = {"E": self.value_channels, "O": self.out_channels}
        own = {letter: value for letter, value in given.items() if value is not None}
        return {**letters_of(high), "L": low[1], "I": low[2], "J": low[3], "D": self.keys, **own}

    def macs(self, shape: Each) -> int:
        self.check_input(shape)
        low, high = split(self, shape)
        n, m, s = math.prod(high[2:]), math.prod(low[2:]), places(self.pool_sizes)
        c, d, e, o = self.high_channels, self.keys, self.values, self.width
        reading = n * (c * d + e * o + (o + c) * o + s * (d + e))
        return int(high[0]) * (reading + m * self.low_channels * (d + e))

    def example_shape(self) -> Each:
        return (2, self.low_channels, 8, 7), (2, self.high_channels, 4, 5)

    def input_of(self, batch: int, channels: int, spatial: Shape) -> Each:
        low = tuple(2 * extent + 1 for extent in spatial)
        return (batch, self.low_channels, *low), (batch, self.high_channels, *spatial)
