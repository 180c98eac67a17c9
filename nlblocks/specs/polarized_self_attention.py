"""Polarized self-attention: a gate per channel from pooled positions, a gate per position from pooled channels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, get_args

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Init, Param, Shape, register
from nlblocks.specs.check import check_bool, check_choice, check_image, check_int
from nlblocks.specs.layout import MapLayout

Mode = Literal["parallel", "sequential"]
SpatialSoftmax = Literal["query", "value", "result"]
Norm = Literal["none", "inner", "gate"]
PROJECTION = layers.LayerInit(Init.normal(math.sqrt(2.0), "in"), layers.ZEROS)
"""The authors' start of queries and values: N(0, 2/fan-in)."""


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class PolarizedSelfAttention(BlockSpec):
    """Two gates, c per channel and s per position, of [B, C, H, W].

    Letters: B batch, C ``in_channels``, D the width of queries and values (``inter_channels``, default C // 2, at least
    1), N = H·W, E = D // 4, at least 1. Queries and values are 1×1 convolutions: ``channel_query`` C → 1, the other
    three C → D. ``mode``:

    - "parallel": y = x · c(x) + x · s(x)
    - "sequential": z = x · c(x), y = z · s(z)

    c = sigmoid(up(Σ_n softmax_n(channel_query(x))_n · channel_value(x)_n)), where up is by ``norm``:

    ========== ========================================= ==================================
    ``norm``   up                                        source
    ========== ========================================= ==================================
    none       linear D → C                              the authors' PSA_p, PaddleSeg
    inner      linear D → E, LayerNorm, ReLU, linear → C the authors' PSA_s
    gate       linear D → C, LayerNorm                   the paper, External-Attention-pytorch
    ========== ========================================= ==================================

    s_n = sigmoid(a_n), with q [B, D] the mean of spatial_query(x) over positions, v [B, D, N] = spatial_value(x):

    ===================== =========================== ==================================
    ``spatial_softmax``   a_n                         source
    ===================== =========================== ==================================
    query                 Σ_d softmax_d(q)_d v_dn     the paper, External-Attention-pytorch
    value                 Σ_d q_d softmax_n(v)_dn     the authors' PSA_s
    result                softmax_n(Σ_d q_d v_dn)     the authors' PSA_p, PaddleSeg
    ===================== =========================== ==================================

    Under "result" a is at most 1 and its mean 1 / N, so that s hardly leaves 0.5. LayerNorms have eps 1e-5. The maps
    are the gates: "channel" [B, C] and "spatial" [B, H, W].

    Raises InputError for impossible fields and for inputs of the wrong rank or channels.
    """

    kind: ClassVar[str] = "polarized_self_attention"
    cites: ClassVar[str] = "Liu et al. 2021, Polarized Self-Attention, arXiv:2107.00782, eq. 1-5"

    in_channels: Annotated[int, "C, channels of x"]
    inter_channels: Annotated[int | None, "D, width of queries and values; None: C // 2, at least 1"] = None
    mode: Annotated[Mode, "parallel: the gated inputs are added; sequential: one gate after the other"] = "parallel"
    spatial_softmax: Annotated[SpatialSoftmax, "what the spatial gate's softmax is of: query, value or result"] = (
        "query"
    )
    norm: Annotated[Norm, "the channel gate's LayerNorm: none, inner or gate"] = "gate"
    bias: Annotated[bool, "whether queries and values have biases"] = False
    up_bias: Annotated[bool, "whether the channel gate's linear layers have biases"] = True

    def validate(self) -> None:
        check_int(self, "in_channels")
        check_int(self, "inter_channels", optional=True)
        check_choice(self, "mode", get_args(Mode))
        check_choice(self, "spatial_softmax", get_args(SpatialSoftmax))
        check_choice(self, "norm", get_args(Norm))
        check_bool(self, "bias")
        check_bool(self, "up_bias")

    @property
    def inner(self) -> int:
        """D, the width of queries and values."""
        return self.inter_channels or layers.reduce_channels(self.in_channels)

    @property
    def hidden(self) -> int:
        """E, the width inside the channel gate under norm "inner"."""
        return layers.reduce_channels(self.inner, 4)

    def params(self) -> tuple[Param, ...]:
        c, d, e = self.in_channels, self.inner, self.hidden
        params: tuple[Param, ...] = ()
        for name, width in (("channel_query", 1), ("channel_value", d), ("spatial_query", d), ("spatial_value", d)):
            params += layers.conv(name, c, width, (1, 1), bias=self.bias, init=PROJECTION)
        if self.norm == "inner":
            params += layers.linear("down", d, e, bias=self.up_bias) + layers.scale_shift("norm", e)
            return params + layers.linear("up", e, c, bias=self.up_bias)
        params += layers.linear("up", d, c, bias=self.up_bias)
        return params + layers.scale_shift("norm", c) if self.norm == "gate" else params

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=2)

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        return {"channel": (shape[0], self.in_channels), "spatial": (shape[0], *shape[2:])}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        return {
            "channel": MapLayout(meaning="gate", grid=(self.in_channels,)),
            "spatial": MapLayout(meaning="mask", grid=tuple(shape[2:])),
        }

    def letters(self, shape: Shape) -> dict[str, int]:
        hidden = {"E": self.hidden} if self.norm == "inner" else {}
        return {**BlockSpec.letters(self, shape), "D": self.inner, **hidden}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        n, c, d, e = math.prod(shape[2:]), self.in_channels, self.inner, self.hidden
        up = d * e + e * c if self.norm == "inner" else d * c
        return shape[0] * (n * c * (1 + 3 * d) + 2 * n * d + up)

    def example_shape(self) -> Shape:
        return (2, self.in_channels, 6, 5)
