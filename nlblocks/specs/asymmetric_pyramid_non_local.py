"""Asymmetric pyramid non-local (APNB): each position reads a pyramid of pooled places instead of all positions."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_bool, check_image, check_int, check_number, check_sizes, check_type
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.layout import MapLayout


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class AsymmetricPyramidNonLocal(BlockSpec):
    """y_n = g([w(Σ_s a_ns v_s), x_n]), a_ns = softmax over the pooled places s of k(x)_n·k_s / √D.

    Letters: B batch, C ``in_channels``, D ``key_channels`` (None: C // 2), E ``value_channels`` (None: D), O
    ``out_channels`` (None: C), H height, W width, N = H·W. x is [B, C, H, W], y [B, O, H, W], the map a [B, N, S] over
    the S = Σ size² places of ``pool_sizes``: k_s and v_s are k(x) and v(x) pooled, size by size, to size × size by
    adaptive averages, 110 places by default. The cost grows with N·S.

    k is a 1×1 convolution C → D (with bias where ``conv_bias``), ``norm`` and ReLU; it is the query as well. v (C → E)
    and w (E → O, zero at the start where ``zero_init``) are 1×1 convolutions with bias, and g is like k, O + C → O;
    training drops a share ``dropout`` of its channels.

    The public versions call k twice in a step, for queries and for keys, so in training the running statistics of its
    BatchNorm move twice; they do here. Their state dicts hold its tensors under two names.

    Raises InputError for impossible fields and for inputs of the wrong rank or channels.
    """

    kind: ClassVar[str] = "asymmetric_pyramid_non_local"
    cites: ClassVar[str] = "Zhu et al. 2019, Asymmetric Non-local Neural Networks, arXiv:1908.07678, section 3.2"

    in_channels: Annotated[int, "C, channels of x"]
    key_channels: Annotated[int | None, "D, width of queries and keys; None: half of C"] = None
    value_channels: Annotated[int | None, "E, width of the values; None: D"] = None
    out_channels: Annotated[int | None, "O, channels of the output; None: C"] = None
    pool_sizes: Annotated[tuple[int, ...], "the sizes that keys and values are pooled to"] = (1, 3, 6, 8)
    conv_bias: Annotated[bool, "whether the convolutions before a BatchNorm have biases"] = False
    dropout: Annotated[float, "share of the output's channels that training drops"] = 0.0
    zero_init: Annotated[bool, "whether w starts at zero"] = True
    norm: Annotated[BatchNorm, "every BatchNorm"] = field(default_factory=BatchNorm)

    def validate(self) -> None:
        check_int(self, "in_channels")
        check_pyramid_fields(self)

    @property
    def keys(self) -> int:
        """D."""
        return self.key_channels or layers.reduce_channels(self.in_channels)

    @property
    def values(self) -> int:
        """E."""
        return self.value_channels or self.keys

    @property
    def width(self) -> int:
        """O."""
        return self.out_channels or self.in_channels

    @property
    def key_norm(self) -> BatchNorm:
        """The BatchNorm of k as it is called once: what two equal batches with ``norm`` move, one moves."""
        return replace(self.norm, momentum=1 - (1 - self.norm.momentum) ** 2)

    def deterministic(self) -> AsymmetricPyramidNonLocal:
        return replace(self, dropout=0.0)

    def params(self) -> tuple[Param, ...]:
        c, d, e, o, kernel = self.in_channels, self.keys, self.values, self.width, (1, 1)
        return (
            *layers.conv_norm("key", c, d, kernel, bias=self.conv_bias),
            *layers.conv("value", c, e, kernel),
            *layers.conv("context", e, o, kernel, init=layers.ZERO if self.zero_init else layers.TORCH),
            *layers.conv_norm("output", o + c, o, kernel, bias=self.conv_bias),
        )

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=2)

    def output_shape(self, shape: Shape) -> Shape:
        self.check_input(shape)
        return shape[0], self.width, *shape[2:]

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        return {"attention": (shape[0], math.prod(shape[2:]), places(self.pool_sizes))}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        layout = MapLayout(meaning="regions", grid=tuple(shape[2:]), count=places(self.pool_sizes))
        return {"attention": layout}

    def letters(self, shape: Shape) -> dict[str, int]:
        given = {"E": self.value_channels, "O": self.out_channels}
        own = {letter: value for letter, value in given.items() if value is not None}
        return {**BlockSpec.letters(self, shape), "D": self.keys, **own}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        n, s = math.prod(shape[2:]), places(self.pool_sizes)
        c, d, e, o = self.in_channels, self.keys, self.values, self.width
        return shape[0] * n * (c * d + c * e + e * o + (o + c) * o + s * (d + e))

    def example_shape(self) -> Shape:
        return (2, self.in_channels, 6, 5)


def check_pyramid_fields(spec: BlockSpec) -> None:
    """The fields that the asymmetric blocks have in common."""
    for name in ("key_channels", "value_channels", "out_channels"):
        check_int(spec, name, optional=True)
    check_sizes(spec, "pool_sizes")
    check_bool(spec, "conv_bias")
    check_number(spec, "dropout", low=0.0, high=1.0, exclusive="high")
    check_bool(spec, "zero_init")
    check_type(spec, "norm", BatchNorm)


def places(sizes: tuple[int, ...]) -> int:
    """S, the places of a pyramid."""
    return sum(size * size for size in sizes)
