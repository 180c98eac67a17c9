"""Frequency channel attention: squeeze-and-excitation whose squeeze sees more of a channel than its mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, get_args

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Init, Param, Shape, register
from nlblocks.specs.check import check_choice, check_image, check_int, check_sizes, refuse
from nlblocks.specs.layout import MapLayout

Selection = Literal["top", "low", "bottom"]
BASE = 7
"""The frequencies are those of a table of 7×7; one twice as high has every second frequency, and so on."""
FREQUENCIES: dict[Selection, tuple[str, str]] = {
    "top": ("00600114513000324635526553342261", "01052020060463526333511242113053"),
    "low": ("00110221203401301234501234561234", "01012012230043154321065432106543"),
    "bottom": ("61332412445146256162243355625536", "64466314456522514350311242115333"),
}
"""Vertical and horizontal frequencies, a digit each: by how well each alone did on ImageNet, or the lowest first."""


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class FrequencyChannelAttention(BlockSpec):
    """y_c = x_c · a_c, a = sigmoid(fc_2(relu(fc_1(s)))), s_c = Σ_tr pool(x)_ctr · table_ctr: over [B, C, H, W].

    Letters: B batch, C ``in_channels``, D the inner width: ``inter_channels``, or C // ``ratio``, at least 1. pool
    takes x to the extents T×R of ``table_size`` by adaptive average pooling; where it has them already, it is x. fc_1
    is linear C → D, fc_2 linear D → C, without biases. The attention map a is [B, C].

    ``table`` is a buffer [C, T, R] that training leaves as it is. It starts as the two-dimensional discrete cosine
    basis: the channels are cut into ``num_frequencies`` equal groups, and each has one frequency (u, v) of 7×7, at
    (u · ⌊T/7⌋, v · ⌊R/7⌋) in the table, or ⌊u · T/7⌋ and ⌊v · R/7⌋ along an axis shorter than 7. The first frequency
    of "top" and "low" is (0, 0), whose sum is the mean times √(T·R).

    ============= ==================================================================
    ``selection`` which frequencies
    ============= ==================================================================
    top           those that did best alone, the best first (the paper)
    low           the lowest first
    bottom        those that did worst, the worst first
    ============= ==================================================================

    Defaults are those of FcaNet, whose tables are float32. Its tables of fewer than 7 rows or columns have the
    frequency 0 throughout along that axis, a defect that is not copied; one that is loaded is used as it is.

    Raises InputError for impossible fields and for inputs of the wrong rank or channels.
    """

    kind: ClassVar[str] = "frequency_channel_attention"
    cites: ClassVar[str] = "Qin et al. 2021, FcaNet: Frequency Channel Attention Networks, arXiv:2012.11879, eq. 6-9"

    in_channels: Annotated[int, "C, channels of x"]
    table_size: Annotated[tuple[int, int], "rows and columns of the table"] = (BASE, BASE)
    inter_channels: Annotated[int | None, "D, the inner width; None: C // ratio, at least 1"] = None
    ratio: Annotated[int, "C // ratio is the inner width"] = 16
    selection: Annotated[Selection, "which frequencies: top, low or bottom"] = "top"
    num_frequencies: Annotated[int, "how many, at most 32; C must be a multiple"] = 16

    def validate(self) -> None:
        check_int(self, "in_channels")
        check_int(self, "inter_channels", optional=True)
        check_int(self, "ratio")
        check_choice(self, "selection", get_args(Selection))
        check_int(self, "num_frequencies")
        check_sizes(self, "table_size", 2)
        if self.num_frequencies > len(FREQUENCIES[self.selection][0]):
            raise refuse(self, "num_frequencies", f"must be at most {len(FREQUENCIES[self.selection][0])}")
        if self.in_channels % self.num_frequencies:
            raise refuse(self, "num_frequencies", f"must divide in_channels={self.in_channels}")

    @property
    def inner(self) -> int:
        """D, the width between fc_1 and fc_2."""
        return self.inter_channels or layers.reduce_channels(self.in_channels, self.ratio)

    @property
    def frequencies(self) -> tuple[tuple[int, int], ...]:
        """The frequency (u, v) of each group of channels, in the table's own extents."""
        pairs = list(zip(*FREQUENCIES[self.selection], strict=True))[: self.num_frequencies]
        rows, columns = self.table_size
        return tuple((_along(int(u), rows), _along(int(v), columns)) for u, v in pairs)

    def params(self) -> tuple[Param, ...]:
        c, d = self.in_channels, self.inner
        start = Init.cosines(self.frequencies)
        table = Param("table", (c, *self.table_size), start, trainable=False, still=True)
        return (table, *layers.linear("fc_1", c, d, bias=False), *layers.linear("fc_2", d, c, bias=False))

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=2)

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        return {"attention": (shape[0], self.in_channels)}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        return {"attention": MapLayout(meaning="gate", grid=(self.in_channels,))}

    def letters(self, shape: Shape) -> dict[str, int]:
        return {**BlockSpec.letters(self, shape), "D": self.inner}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        rows, columns = self.table_size
        return shape[0] * self.in_channels * (rows * columns + 2 * self.inner)

    def example_shape(self) -> Shape:
        return (2, self.in_channels, 8, 9)


def _along(frequency: int, extent: int) -> int:
    """A frequency of 7 positions among those of ``extent``."""
    return frequency * (extent // BASE) if extent >= BASE else frequency * extent // BASE
