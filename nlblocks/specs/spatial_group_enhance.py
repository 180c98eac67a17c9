"""Spatial group-wise enhance: in each group of channels, positions are scaled by how like the group's mean they are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec, Init, Param, Shape, register
from nlblocks.specs.check import check_image, check_int, check_number, check_positions
from nlblocks.specs.layout import MapLayout


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class SpatialGroupEnhance(BlockSpec):
    """y_n = x_n · sigmoid(w_g t_gn + b_g): spatial group-wise enhance over [B, C, H, W].

    Letters: B batch, C channels (any multiple of G), G ``groups`` of K = C / G channels, N = H·W positions. With x̄ the
    mean of x over positions, s_gn = Σ_c x̄_c x_cn over the channels c of group g, and t_gn = (s_gn - mean_n s_g) /
    (std_n s_g + ``eps``), the deviation over N - 1. w and b are ``gate_weight`` and ``gate_bias``, [G], which start at
    0 and ``bias_init``. The attention map is the gate of each position in each group, [B, G, H, W]. Where s_g is the
    same everywhere t_g is 0, and the deviation has no gradient.

    In float16 s, t and the gate are computed in float32: products of features pass 65504 where features do not.

    Defaults are the authors' code; the widely copied one of xmu-xiaoma666 starts the bias at 0.

    Raises InputError for impossible fields, and for inputs of the wrong rank, of channels that are no multiple of G or
    of a single position, which has no deviation.
    """

    kind: ClassVar[str] = "spatial_group_enhance"
    cites: ClassVar[str] = "Li et al. 2019, Spatial Group-wise Enhance, arXiv:1905.09646, eq. 1-6"

    groups: Annotated[int, "G, groups of channels"] = 64
    eps: Annotated[float, "added to the deviation"] = 1e-5
    bias_init: Annotated[float, "where the bias starts: the first gate is its sigmoid"] = 1.0

    def validate(self) -> None:
        check_int(self, "groups")
        check_number(self, "eps", low=0.0, exclusive="low")
        check_number(self, "bias_init", low=-math.inf)

    def params(self) -> tuple[Param, ...]:
        shape = (self.groups,)
        return Param("gate_weight", shape, Init.constant(0.0)), Param("gate_bias", shape, Init.constant(self.bias_init))

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=None, dims=2)
        if shape[1] % self.groups and shape[1] > 0:
            raise InputError(
                f"SpatialGroupEnhance: input of shape {tuple(shape)} has {shape[1]} channels; they must be a multiple "
                f"of groups={self.groups}: [B, C, H, W]"
            )
        check_positions(self, shape, at_least=2)

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        return {"attention": (shape[0], self.groups, *shape[2:])}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        return {"attention": MapLayout(meaning="masks", grid=tuple(shape[2:]), count=self.groups)}

    def letters(self, shape: Shape) -> dict[str, int]:
        return {**BlockSpec.letters(self, shape), "K": shape[1] // self.groups}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        return math.prod(shape)

    def example_shape(self) -> Shape:
        return (2, 2 * self.groups, 6, 5)
