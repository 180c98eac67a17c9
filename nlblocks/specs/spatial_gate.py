"""CBAM's spatial gate: each position is scaled by a gate computed from the maximum and mean of its channels."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_bool, check_choice, check_image, check_odd, check_type
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.layout import MapLayout

Pooling = Literal["max", "mean"]
ORDERS = (("max", "mean"), ("mean", "max"))


def authors_norm() -> BatchNorm:
    """The BatchNorm of CBAM's authors: momentum 0.01."""
    return BatchNorm(momentum=0.01)


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class SpatialGate(BlockSpec):
    """y_n = x_n · a_n, a = sigmoid(norm(conv([max(x), mean(x)]))): CBAM's spatial part over [B, C, H, W].

    Letters: B batch, C channels (any number), K ``kernel_size`` (odd). Maximum and mean are taken over the channels
    and concatenated in ``order`` to [B, 2, H, W]; ``conv`` is K×K, 2 → 1 channels, padded with zeros, with or without
    ``bias``; ``norm`` is a BatchNorm of its one channel, or None. The attention map a is [B, H, W]. Equal values: the
    first channel gets the gradient of the maximum.

    Defaults are the authors' code (CBAM of Jongchan): K 7, maximum first, no bias, BatchNorm with momentum 0.01.
    timm and PaddleRS put the mean first, as the paper's eq. 3 does, which has no norm.

    Raises InputError for impossible fields and for inputs of the wrong rank.
    """

    kind: ClassVar[str] = "spatial_gate"
    cites: ClassVar[str] = "Woo et al. 2018, CBAM, arXiv:1807.06521, eq. 3"

    kernel_size: Annotated[int, "the kernel, odd"] = 7
    order: Annotated[tuple[Pooling, Pooling], "which comes first, max or mean"] = ("max", "mean")
    norm: Annotated[BatchNorm | None, "the BatchNorm after the convolution, or None"] = field(
        default_factory=authors_norm
    )
    bias: Annotated[bool, "whether the convolution has a bias"] = False

    def validate(self) -> None:
        check_spatial_fields(self, kernel="kernel_size", bias="bias")

    @property
    def takes_maximum(self) -> bool:
        return True

    def params(self) -> tuple[Param, ...]:
        params = layers.conv("conv", 2, 1, (self.kernel_size,) * 2, bias=self.bias)
        return params + (layers.batch_norm("norm", 1) if self.norm is not None else ())

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=None, dims=2)

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        return {"attention": (shape[0], *shape[2:])}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        return {"attention": MapLayout(meaning="mask", grid=tuple(shape[2:]))}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        return shape[0] * math.prod(shape[2:]) * 2 * self.kernel_size**2

    def example_shape(self) -> Shape:
        return (2, 3, 6, 5)


def check_spatial_fields(spec: Any, *, kernel: str, bias: str) -> None:
    """The fields that CBAM shares with its spatial gate."""
    check_odd(spec, kernel)
    check_choice(spec, "order", ORDERS)
    check_type(spec, "norm", BatchNorm, optional=True)
    check_bool(spec, bias)
