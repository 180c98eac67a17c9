"""Interlaced sparse attention: over positions far apart, then over near ones, instead of over all pairs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar, Literal, get_args

from nlblocks.specs import check, layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.layout import MapLayout

Form = Literal["block", "module", "attention"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """The widths of one attention: of its input, its keys and queries, its values and its output."""

    inputs: int
    keys: int
    values: int
    outputs: int
    value_bias: bool

    def params(self, name: str) -> tuple[Param, ...]:
        c, d, kernel = self.inputs, self.keys, (1, 1)
        params: tuple[Param, ...] = ()
        for part in ("query", "key"):
            params += layers.conv_norm(f"{name}.{part}.0", c, d, kernel)
            params += layers.conv_norm(f"{name}.{part}.1", d, d, kernel)
        params += layers.conv(f"{name}.value", c, self.values, kernel, bias=self.value_bias)
        return params + layers.conv_norm(f"{name}.output", self.values, self.outputs, kernel)

    def macs(self, positions: int) -> int:
        """For one map of ``positions`` × ``positions``."""
        c, d, e, n = self.inputs, self.keys, self.values, positions
        return n * (2 * (c + d) * d + c * e + e * self.outputs) + n * n * (d + e)


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class InterlacedSparseAttention(BlockSpec):
    """y = short(long(x)): attention within [B, C, H, W] cut into patches, N·(Q + P) affinities instead of N².

    Letters: B batch, C ``in_channels``, O ``out_channels``, D ``key_channels``, E ``value_channels``, N = H·W. An
    attention is, over the positions i and j that it relates,

    y_i = f_o(Σ_j a_ij v(x_j)), a_ij = softmax_j(q(x_i)·k(x_j) / √D),

    where q and k are each two of the layers f (1×1 convolution without bias, ``norm``, ReLU), C → D → D, v is a 1×1
    convolution C → E, with ``value_bias`` or without, and f_o is one f, E → O.

    The map is cut into patches of P = P_h × P_w positions, (P_h, P_w) of ``partitions``; there are Q = ⌈H / P_h⌉ ×
    ⌈W / P_w⌉ (R, S and so on of further partitions). ``long`` relates the Q positions that have the same place in their
    patches, and ``short``, O → O, the P of each patch. Where P_h or P_w does not divide, zeros are padded on both
    sides, the odd one behind, and cut off at the end; they are keys as well, as in every public version.

    ============= =======================================================================================
    ``form``      y
    ============= =======================================================================================
    block         short(long(x)), [B, O, H, W]: ISA_Block
    module        f([x, short(long(x))]) of both joined, C + O → O, then dropout of channels: ISA_Module. With
                  several partitions, each has its long and its short, all of x; x first goes through one f
                  (``lift``) to as many channels as they have together
    attention     one attention over all N positions: the SelfAttentionBlock of mmseg and PaddleSeg, from
                  which their heads make the block. It has no partitions
    ============= =======================================================================================

    The map of "attention" is [B, N, N]. A map of the other forms relates positions of patches and of padding, for
    which there is no place in an image: they return none.

    Raises InputError for impossible fields and for inputs of the wrong rank or channels.
    """

    kind: ClassVar[str] = "interlaced_sparse_attention"
    cites: ClassVar[str] = "Huang et al. 2019, Interlaced Sparse Self-Attention, arXiv:1907.12273, section 3"

    in_channels: Annotated[int, "C, channels of x"]
    key_channels: Annotated[int | None, "D, width of queries and keys; None: half of C"] = None
    value_channels: Annotated[int | None, "E, width of the values; None: O"] = None
    out_channels: Annotated[int | None, "O, channels of the output; None: C"] = None
    form: Annotated[Form, "what is built: block, module or attention"] = "block"
    partitions: Annotated[tuple[tuple[int, int], ...], "height and width of the patches of each long and short"] = (
        (8, 8),
    )
    value_bias: Annotated[bool, "whether the values have a bias"] = False
    dropout: Annotated[float, "module: share of channels that training drops at the end"] = 0.0
    norm: Annotated[BatchNorm, "every BatchNorm"] = field(default_factory=BatchNorm)

    def validate(self) -> None:
        check.check_int(self, "in_channels")
        for name in ("key_channels", "value_channels", "out_channels"):
            check.check_int(self, name, optional=True)
        check.check_choice(self, "form", get_args(Form))
        check.check_partitions(self, "partitions")
        check.check_bool(self, "value_bias")
        check.check_number(self, "dropout", low=0.0, high=1.0, exclusive="high")
        check.check_type(self, "norm", BatchNorm)
        if self.form != "module" and len(self.partitions) != 1:
            raise check.refuse(self, "partitions", f"must be one pair, as form={self.form!r} has one")

    @property
    def width(self) -> int:
        """O."""
        return self.out_channels or self.in_channels

    @property
    def keys(self) -> int:
        """D."""
        return self.key_channels or layers.reduce_channels(self.in_channels)

    @property
    def stacked(self) -> int:
        """The channels of all shorts together, and of ``lift`` beside them."""
        return self.width * len(self.partitions)

    @property
    def lifts(self) -> bool:
        """Whether x goes through ``lift``."""
        return self.form == "module" and len(self.partitions) > 1

    @property
    def attention(self) -> Attention:
        """The widths of ``long``, and of the one attention of form "attention"."""
        values = self.value_channels or self.width
        return Attention(
            inputs=self.in_channels, keys=self.keys, values=values, outputs=self.width, value_bias=self.value_bias
        )

    @property
    def short(self) -> Attention:
        """The widths of ``short``."""
        return replace(self.attention, inputs=self.width)

    def deterministic(self) -> InterlacedSparseAttention:
        return replace(self, dropout=0.0)

    def params(self) -> tuple[Param, ...]:
        if self.form == "attention":
            return self.attention.params("attention")
        params: tuple[Param, ...] = ()
        for index in range(len(self.partitions)):
            params += self.attention.params(f"stages.{index}.long") + self.short.params(f"stages.{index}.short")
        if self.form == "block":
            return params
        c, kernel = self.in_channels, (1, 1)
        if self.lifts:
            params += layers.conv_norm("lift", c, self.stacked, kernel)
        beside = self.stacked if self.lifts else c
        return params + layers.conv_norm("output", beside + self.stacked, self.width, kernel)

    def check_input(self, shape: Shape) -> None:
        check.check_image(self, shape, channels=self.in_channels, dims=2)

    def output_shape(self, shape: Shape) -> Shape:
        self.check_input(shape)
        return (shape[0], self.width, *shape[2:])

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        n = math.prod(shape[2:])
        return {"attention": (shape[0], n, n)} if self.form == "attention" else {}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        layout = MapLayout(meaning="positions", grid=tuple(shape[2:]))
        return {"attention": layout} if self.form == "attention" else {}

    def letters(self, shape: Shape) -> dict[str, int]:
        given = {"O": self.out_channels, "E": self.value_channels}
        own = {letter: value for letter, value in given.items() if value is not None}
        if self.form != "attention":
            own |= dict(zip("QRSUVXYZ", (_count(shape, patch) for patch in self.partitions), strict=False))
        return {**BlockSpec.letters(self, shape), "D": self.keys, **own}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        n = math.prod(shape[2:])
        if self.form == "attention":
            return shape[0] * self.attention.macs(n)
        total = 0
        for patch in self.partitions:
            p, q = math.prod(patch), _count(shape, patch)
            total += p * self.attention.macs(q) + q * self.short.macs(p)
        if self.form == "module":
            c, stacked = self.in_channels, self.stacked
            total += n * ((c * stacked + 2 * stacked * self.width) if self.lifts else (c + stacked) * self.width)
        return shape[0] * total

    def example_shape(self) -> Shape:
        return (2, self.in_channels, 5, 6)


def _count(shape: Shape, patch: tuple[int, int]) -> int:
    """How many patches cover a map."""
    return math.prod(-(-extent // size) for extent, size in zip(shape[2:], patch, strict=True))
