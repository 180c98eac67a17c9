"""Weighted permute MLP: three linear maps mix channels, columns and rows; each channel weighs what they give."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

from nlblocks.errors import InputError
from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_bool, check_int, check_number, refuse
from nlblocks.specs.layout import MapLayout


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class WeightedPermuteMLP(BlockSpec):
    """y = out(a_1 · c + a_2 · w + a_3 · h): channels, rows and columns of [B, S, S, C] mixed, and weighed by channel.

    Letters: B batch, S ``segments``, which is height and width of every input too, C ``in_channels``, a multiple of S,
    D = C / S, E = C // 4, at least 1, N = S². x and y hold their channels last. A position's channels are S segments of
    D; every mixing is C → C:

    - c = channel(x), at each position;
    - h = height(·) of the C = S·D numbers of a column's segment, position by position; each is put back where it was;
    - w = width(·), the same of the rows;
    - a = softmax over the three of fc_2(gelu(fc_1(mean of c + h + w over positions))), C → E → 3C, where output 3k + r
      is of channel k and branch r.

    ``bias`` is for channel, height and width; the others have one. In training ``dropout`` drops a share of the inputs
    and the outputs of fc_2, ``out_dropout`` of y. The map a is [B, 3, C].

    Raises InputError for impossible fields and for inputs of the wrong rank, channels or extents.
    """

    kind: ClassVar[str] = "weighted_permute_mlp"
    cites: ClassVar[str] = "Hou et al. 2021, Vision Permutator, arXiv:2106.12368, eq. 1-5"

    in_channels: Annotated[int, "C, channels of x"]
    segments: Annotated[int, "S, segments of a position's channels, and height and width of x"] = 8
    bias: Annotated[bool, "whether the three mixings have biases"] = False
    dropout: Annotated[float, "share that training drops before and after fc_2"] = 0.0
    out_dropout: Annotated[float, "share of y that training drops"] = 0.0

    def validate(self) -> None:
        check_int(self, "in_channels")
        check_int(self, "segments")
        check_bool(self, "bias")
        for name in ("dropout", "out_dropout"):
            check_number(self, name, low=0.0, high=1.0, exclusive="high")
        if self.in_channels % self.segments:
            raise refuse(self, "segments", f"must divide in_channels={self.in_channels}")

    @property
    def channel_axis(self) -> int:
        return 3

    @property
    def width(self) -> int:
        """D, channels of a segment."""
        return self.in_channels // self.segments

    @property
    def hidden(self) -> int:
        """E, the width between fc_1 and fc_2."""
        return layers.reduce_channels(self.in_channels, 4)

    def deterministic(self) -> WeightedPermuteMLP:
        return replace(self, dropout=0.0, out_dropout=0.0)

    def fixed(self, shape: Shape) -> dict[str, Any]:
        """The channels are the next multiple of the segments."""
        return {"in_channels": shape[-1] + -shape[-1] % shape[1], "segments": shape[1]}

    def params(self) -> tuple[Param, ...]:
        c, e = self.in_channels, self.hidden
        params: tuple[Param, ...] = ()
        for name in ("channel", "height", "width"):
            params += layers.linear(name, c, c, bias=self.bias)
        return params + layers.linear("fc_1", c, e) + layers.linear("fc_2", e, 3 * c) + layers.linear("out", c, c)

    def check_input(self, shape: Shape) -> None:
        said = f"WeightedPermuteMLP: input of shape {tuple(shape)} has"
        if len(shape) != 4:
            raise InputError(f"{said} {len(shape)} axes; it must have 4: [B, H, W, C]")
        if 0 <= shape[3] != self.in_channels:
            raise InputError(f"{said} {shape[3]} channels; it must have {self.in_channels}: [B, H, W, C]")
        if any(0 <= extent != self.segments for extent in shape[1:3]):
            raise InputError(f"{said} extents {tuple(shape[1:3])}; both must be segments={self.segments}: [B, H, W, C]")

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        return {"attention": (shape[0], 3, self.in_channels)}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        return {"attention": MapLayout(meaning="choice", grid=(self.in_channels,), count=3)}

    def letters(self, shape: Shape) -> dict[str, int]:
        self.check_input(shape)
        s, c = self.segments, self.in_channels
        return {"B": shape[0], "S": s, "C": c, "D": self.width, "E": self.hidden, "N": s * s}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        c, e = self.in_channels, self.hidden
        return shape[0] * (math.prod(shape[1:3]) * 4 * c * c + 4 * c * e)

    def example_shape(self) -> Shape:
        return (2, self.segments, self.segments, self.in_channels)
