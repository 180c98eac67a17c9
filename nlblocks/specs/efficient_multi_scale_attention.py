"""Efficient multi-scale attention: groups of channels are gated per position; two branches weigh each other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_image, check_int, refuse
from nlblocks.specs.layout import MapLayout


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class EfficientMultiScaleAttention(BlockSpec):
    """y_n = u_n · sigmoid(Σ_d softmax_d(mean(p))_d q_dn + Σ_d softmax_d(mean(q))_d p_dn), in each group u of channels.

    Letters: B batch, C ``in_channels``, G ``groups``, D = C / G, H height, W width, N = H·W. x and y are [B, C, H, W];
    a group is u [B, D, H, W], and all groups share the weights:

    - r = sigmoid(line(mean of u over its columns)), c = sigmoid(line(mean over its rows)), with ``line`` 1×1, D → D;
    - p = norm(u_dhw · r_dh · c_dw), where ``norm`` is a group norm of each channel alone over its positions, eps 1e-5;
    - q = local(u), 3×3 with padding 1, D → D.

    mean is over positions. That of p is norm's bias, whatever the input: the weights of q are softmax(norm.bias), 1 / D
    at the start. The map is the gate, [B, G, H, W].

    Raises InputError for impossible fields and for inputs of the wrong rank or channels.
    """

    kind: ClassVar[str] = "efficient_multi_scale_attention"
    cites: ClassVar[str] = "Ouyang et al. 2023, Efficient Multi-Scale Attention, arXiv:2305.13563, fig. 3"

    in_channels: Annotated[int, "C, channels of x"]
    groups: Annotated[int, "G, groups of channels, which share their weights"] = 32

    def validate(self) -> None:
        check_int(self, "in_channels")
        check_int(self, "groups")
        if self.in_channels % self.groups:
            raise refuse(self, "groups", f"must divide in_channels={self.in_channels}")

    @property
    def width(self) -> int:
        """D, channels of a group."""
        return self.in_channels // self.groups

    def params(self) -> tuple[Param, ...]:
        d = self.width
        return (
            *layers.scale_shift("norm", d),
            *layers.conv("line", d, d, (1, 1)),
            *layers.conv("local", d, d, (3, 3)),
        )

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=2)

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        return {"attention": (shape[0], self.groups, *shape[2:])}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        return {"attention": MapLayout(meaning="masks", grid=tuple(shape[2:]), count=self.groups)}

    def letters(self, shape: Shape) -> dict[str, int]:
        return {**BlockSpec.letters(self, shape), "D": self.width}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        n, c, d = math.prod(shape[2:]), self.in_channels, self.width
        return shape[0] * c * (9 * n * d + sum(shape[2:]) * d + 2 * n)

    def example_shape(self) -> Shape:
        return (2, self.in_channels, 6, 5)
