"""Object attention: each pixel reads the features of a few objects, the second half of OCR."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar

from nlblocks.errors import InputError
from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, letters_of, register
from nlblocks.specs.check import check_bool, check_image, check_int, check_number, check_type
from nlblocks.specs.inputs import Each, split
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.layout import MapLayout


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectAttention(BlockSpec):
    """y_n = g([u(Σ_k a_nk v(o_k)), x_n]), a_nk = softmax over the objects k of q(x_n)·k(o_k) / √D.

    Letters: B batch, C ``in_channels``, D ``key_channels`` (None: C // 2), O ``out_channels`` (None: C), K objects,
    H height, W width, N = H·W. The inputs are the pixels x [B, C, H, W] and the objects [B, C, K, 1], as
    :class:`SpatialGather` gives them; y is [B, O, H, W], the map a [B, N, K].

    Every layer is a 1×1 convolution (with bias where ``conv_bias``), ``norm`` and ReLU: q and k are two of them, C → D
    and D → D, v is one, C → D, u one, D → C, and g one of both joined, 2C → O. Training drops a share ``dropout`` of
    g's channels. A bias before a BatchNorm changes nothing in training, and its gradient is zero.

    mmsegmentation's ObjectAttentionBlock has no biases and no dropout, and O = C; openseg's SpatialOCR_Module and
    PaddleSeg's SpatialOCRModule have both. The cost grows with N·K.

    Raises InputError for impossible fields and for inputs of the wrong rank, channels or batch.
    """

    kind: ClassVar[str] = "object_attention"
    cites: ClassVar[str] = "Yuan et al. 2020, Object-Contextual Representations, arXiv:1909.11065, eq. 2-4"
    inputs: ClassVar[tuple[str, ...]] = ("x", "objects")

    in_channels: Annotated[int, "C, channels of the pixels and of the objects"]
    key_channels: Annotated[int | None, "D, width of queries, keys and values; None: half of C"] = None
    out_channels: Annotated[int | None, "O, channels of the output; None: C"] = None
    conv_bias: Annotated[bool, "whether the convolutions have biases, before their BatchNorm"] = False
    dropout: Annotated[float, "share of the output's channels that training drops"] = 0.0
    norm: Annotated[BatchNorm, "every BatchNorm"] = field(default_factory=BatchNorm)

    def validate(self) -> None:
        check_object_fields(self)

    @property
    def keys(self) -> int:
        """D."""
        return self.key_channels or layers.reduce_channels(self.in_channels)

    @property
    def width(self) -> int:
        """O."""
        return self.out_channels or self.in_channels

    def deterministic(self) -> ObjectAttention:
        return replace(self, dropout=0.0)

    def params(self) -> tuple[Param, ...]:
        c, d = self.in_channels, self.keys
        widths = {
            "query.0": (c, d), "query.1": (d, d), "key.0": (c, d), "key.1": (d, d), "value": (c, d), "up": (d, c),
            "output": (2 * c, self.width),
        }  # fmt: skip
        found: tuple[Param, ...] = ()
        for name, (before, after) in widths.items():
            found += layers.conv_norm(name, before, after, (1, 1), bias=self.conv_bias)
        return found

    def check_input(self, shape: Each) -> None:
        x, objects = split(self, shape)
        for own in (x, objects):
            check_image(self, own, channels=self.in_channels, dims=2)
        if x[0] != objects[0] and x[0] >= 0 and objects[0] >= 0:
            raise InputError(
                f"{type(self).__name__}: x of shape {tuple(x)} and objects of shape {tuple(objects)} must have the "
                "same batch"
            )

    def output_shape(self, shape: Each) -> Shape:
        self.check_input(shape)
        x, _ = split(self, shape)
        return x[0], self.width, *x[2:]

    def attention_shapes(self, shape: Each) -> dict[str, Shape]:
        self.check_input(shape)
        x, objects = split(self, shape)
        return {"attention": (x[0], math.prod(x[2:]), math.prod(objects[2:]))}

    def map_layouts(self, shape: Each) -> dict[str, MapLayout]:
        self.check_input(shape)
        x, objects = split(self, shape)
        return {"attention": MapLayout(meaning="regions", grid=tuple(x[2:]), count=math.prod(objects[2:]))}

    def letters(self, shape: Each) -> dict[str, int]:
        self.check_input(shape)
        x, objects = split(self, shape)
        own = {"O": self.out_channels} if self.out_channels is not None else {}
        return {**letters_of(x), "D": self.keys, **own, "K": math.prod(objects[2:])}

    def macs(self, shape: Each) -> int:
        self.check_input(shape)
        x, objects = split(self, shape)
        n, k, c, d = math.prod(x[2:]), math.prod(objects[2:]), self.in_channels, self.keys
        pixels = n * (c * d + d * d + d * c + 2 * c * self.width)
        return int(x[0]) * (pixels + k * (2 * c * d + d * d) + 2 * n * k * d)

    def example_shape(self) -> Each:
        return self.input_of(2, self.in_channels, (4, 6))

    def input_of(self, batch: int, channels: int, spatial: Shape) -> Each:
        return (batch, channels, *spatial), (batch, channels, math.prod(spatial) // 2 - 1, 1)


def check_object_fields(spec: ObjectAttention | BlockSpec) -> None:
    """The fields that object attention has, alone and after a gather."""
    check_int(spec, "in_channels")
    check_int(spec, "key_channels", optional=True)
    check_int(spec, "out_channels", optional=True)
    check_bool(spec, "conv_bias")
    check_number(spec, "dropout", low=0.0, high=1.0, exclusive="high")
    check_type(spec, "norm", BatchNorm)
