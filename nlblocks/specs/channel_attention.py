"""Channel attention: the self-attention of DANet over channels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, get_args

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_choice, check_image, check_int
from nlblocks.specs.layout import MapLayout

Energy = Literal["negated", "plain"]
ENERGIES: tuple[Energy, ...] = get_args(Energy)


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelAttention(BlockSpec):
    """y_i = gamma · Σ_j a_ij x_j + x_i over channels, a_ij from the energy E_ij = x_i·x_j.

    Letters: B batch, C ``in_channels``, H height, W width, N = H·W. x and y are [B, C, H, W]; with x as [B, C, N],
    E = x xᵀ and the map a are [B, C, C]. ``gamma``, a learned scalar (1,) that starts at 0, is the only parameter.

    ``energy`` says what the softmax over j sees:

    ============ ============================================================================================
    "negated"    a = softmax(max - E) = softmax(-E): what DANet's released code computes, the default here
    "plain"      a = softmax(E): the paper's equation 3
    ============ ============================================================================================

    The two are different functions: the first attends to the channels that are least alike.

    In float16 the affinity and its softmax are computed in float32: scores pass 65504 where features do not.

    Raises InputError for impossible fields and for inputs of the wrong rank or channels.
    """

    kind: ClassVar[str] = "channel_attention"
    cites: ClassVar[str] = "Fu et al. 2019, Dual Attention Network, arXiv:1809.02983, eq. 3-4"

    in_channels: Annotated[int, "C, channels of x"]
    energy: Annotated[Energy, "negated: softmax(max − E), the public code; plain: softmax(E), the paper"] = "negated"

    def validate(self) -> None:
        check_int(self, "in_channels")
        check_choice(self, "energy", ENERGIES)

    @property
    def sign(self) -> float:
        """What E is multiplied by before the softmax."""
        return -1.0 if self.energy == "negated" else 1.0

    def params(self) -> tuple[Param, ...]:
        return (layers.GAMMA,)

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=2)

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        return {"attention": (shape[0], self.in_channels, self.in_channels)}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        return {"attention": MapLayout(meaning="channels", grid=(self.in_channels, self.in_channels))}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        return shape[0] * 2 * self.in_channels**2 * math.prod(shape[2:])

    def example_shape(self) -> Shape:
        return (2, self.in_channels, 6, 5)
