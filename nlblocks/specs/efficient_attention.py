"""Efficient attention: queries and keys have softmaxes of their own, so that keys may meet values first."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_bool, check_image, check_int, refuse
from nlblocks.specs.layout import MapLayout


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class EfficientAttention(BlockSpec):
    """z = x + reproject(y), y_n = Σ_m a_nm v_m, a_nm = Σ_d q_nd k_md in each head: efficient attention, [B, C, H, W].

    q = softmax over d of query(x), k = softmax over m of key(x), v = value(x), all 1×1 convolutions with biases, as is
    ``reproject`` (E → C).

    Letters: B batch, C ``in_channels``, D ``key_channels`` and E ``value_channels`` (default C // 2, at least 1),
    N = H·W positions, F and G the shares of a head in D and in E. The first head has the first D / ``heads`` channels
    of q and k and the first E / ``heads`` of v. The attention map a of each head is [B, N, N], its rows sum to one;
    they are head_1, head_2 and so on, one alone is "attention". The fast path never builds them:
    Σ_m k_md v_m is [B, D, E], whatever N is.

    ``zero_init`` starts ``reproject`` at zero, so that the block is the identity at initialisation; the authors do not.
    Their code drops the channels that are left over where ``heads`` does not divide a width: here that is refused.

    Raises InputError for impossible fields and for inputs of the wrong rank or channels.
    """

    kind: ClassVar[str] = "efficient_attention"
    cites: ClassVar[str] = "Shen et al. 2021, Efficient Attention: Attention with Linear Complexities, arXiv:1812.01243"

    in_channels: Annotated[int, "C, channels of x"]
    key_channels: Annotated[int | None, "D, width of queries and keys; None: C // 2, at least 1"] = None
    value_channels: Annotated[int | None, "E, width of values; None: C // 2, at least 1"] = None
    heads: Annotated[int, "runs of channels that attend apart"] = 1
    zero_init: Annotated[bool, "start as the identity: reproject at zero"] = False

    def validate(self) -> None:
        check_int(self, "in_channels")
        check_int(self, "key_channels", optional=True)
        check_int(self, "value_channels", optional=True)
        check_int(self, "heads")
        check_bool(self, "zero_init")
        for name, width in (("key_channels", self.keys), ("value_channels", self.values)):
            if width % self.heads:
                raise refuse(self, name, f"must be a multiple of heads={self.heads}; here it is {width}")

    @property
    def keys(self) -> int:
        """D, the width of queries and keys."""
        return self.key_channels or layers.reduce_channels(self.in_channels)

    @property
    def values(self) -> int:
        """E, the width of values."""
        return self.value_channels or layers.reduce_channels(self.in_channels)

    @property
    def maps(self) -> tuple[str, ...]:
        """The names of the maps."""
        return layers.head_names(self.heads)

    def params(self) -> tuple[Param, ...]:
        c, d, e = self.in_channels, self.keys, self.values
        params = layers.conv("query", c, d, (1, 1)) + layers.conv("key", c, d, (1, 1))
        params += layers.conv("value", c, e, (1, 1))
        return params + layers.conv("reproject", e, c, (1, 1), init=layers.ZERO if self.zero_init else layers.TORCH)

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=2)

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        n = math.prod(shape[2:])
        return dict.fromkeys(self.maps, (shape[0], n, n))

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        return dict.fromkeys(self.maps, MapLayout(meaning="positions", grid=tuple(shape[2:])))

    def letters(self, shape: Shape) -> dict[str, int]:
        widths = {"D": self.keys, "E": self.values}
        widths |= {"F": self.keys // self.heads, "G": self.values // self.heads} if self.heads > 1 else {}
        if self.keys == self.values:  # equal extents have one letter
            widths = {name: width for name, width in widths.items() if name in "DF"}
        return BlockSpec.letters(self, shape) | widths

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        n, c, d, e = math.prod(shape[2:]), self.in_channels, self.keys, self.values
        return shape[0] * n * (2 * c * d + 2 * c * e + n * (d + e))

    def example_shape(self) -> Shape:
        return (2, self.in_channels, 6, 5)
