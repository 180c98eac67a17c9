"""Compact generalised non-local: a map between all positions of all channels, which is never built."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_bool, check_image, check_int, check_numbers, refuse


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class CompactGeneralisedNonLocal(BlockSpec):
    """y = x + norm(w_z(u)), u = θ · ⟨φ, g⟩ in each group: compact generalised non-local over [B, C, H, W].

    Letters: B batch, C ``in_channels``, D ``inter_channels`` (default C // 2, at least 1), G ``groups`` of K = D / G
    channels, or J = C / G outside, N = H·W positions. θ, φ and g are the 1×1 convolutions ``theta``, ``phi`` and ``g``
    (C → D, no bias), in each group K·N numbers; ⟨·, ·⟩ is one number a group. ``w_z`` is a 1×1 convolution D → C in G
    groups without bias, ``norm`` a GroupNorm of G groups with eps 1e-5. s = √(K N) where ``scale`` is set, else 1:

    =================== =======================================================================
    ``taylor``          u
    =================== =======================================================================
    none                θ ⟨φ, g⟩ / s
    a_0, a_1, ... a_o   Σ_k a_k θ^k ⟨φ^k, g⟩ / s over k = 0..o, powers of each number (CGNLx)
    =================== =======================================================================

    :meth:`gaussian` gives the a_k of the paper's kernel. There is no attention map: that between all numbers of a
    group, θ φᵀ, would have (K N)² entries. ``zero_init`` starts the norm's weight at zero: the identity.

    With the plain product the norm divides the number v = ⟨φ, g⟩ / s out of its group again, all but its sign: only eps
    lets phi and g learn. It is computed as norm(v z) = sign(v) (z - mean z) / √(var z + eps / v²), z = w_z(θ), which
    keeps what is left of their gradients; in v z it drowns in rounding.

    In float16 the plain product and its norm are computed in float32; the series is not, and its sums may pass 65504.

    Defaults are those of the authors' network, but for its 8 groups.

    Raises InputError for impossible fields and for inputs of the wrong rank or channels.
    """

    kind: ClassVar[str] = "compact_generalised_non_local"
    cites: ClassVar[str] = "Yue et al. 2018, Compact Generalized Non-local Network, arXiv:1810.13125, eq. 8-15"

    in_channels: Annotated[int, "C, channels of x"]
    inter_channels: Annotated[int | None, "D, width of theta, phi and g; None: C // 2, at least 1"] = None
    groups: Annotated[int, "G, groups of channels with a number each"] = 1
    scale: Annotated[bool, "divide by √(K N)"] = False
    taylor: Annotated[tuple[float, ...], "the factors of the powers 0, 1, ...; none: the plain product"] = ()
    zero_init: Annotated[bool, "start as the identity: the norm's weight at zero"] = True

    def validate(self) -> None:
        check_int(self, "in_channels")
        check_int(self, "inter_channels", optional=True)
        check_int(self, "groups")
        check_bool(self, "scale")
        check_numbers(self, "taylor")
        check_bool(self, "zero_init")
        if self.in_channels % self.groups or self.inner % self.groups:
            raise refuse(self, "groups", f"must divide C={self.in_channels} and D={self.inner}")

    @property
    def inner(self) -> int:
        """D, the width of theta, phi and g."""
        return self.inter_channels or layers.reduce_channels(self.in_channels)

    @staticmethod
    def gaussian(order: int, gamma: float = 1e-4) -> tuple[float, ...]:
        """a_k = exp(-2 gamma) (2 gamma)^k / k! for k = 0..order: the series of the Gaussian kernel."""
        return tuple(math.exp(-2 * gamma) * (2 * gamma) ** k / math.factorial(k) for k in range(order + 1))

    def params(self) -> tuple[Param, ...]:
        c, d, one = self.in_channels, self.inner, (1, 1)
        params: tuple[Param, ...] = ()
        for name in ("theta", "phi", "g"):
            params += layers.conv(name, c, d, one, bias=False)
        params += layers.conv("w_z", d, c, one, bias=False, groups=self.groups)
        return params + layers.scale_shift("norm", c, gamma=0.0 if self.zero_init else 1.0)

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=2)

    def divisor(self, positions: int) -> float:
        """s, for so many positions."""
        return math.sqrt(self.inner // self.groups * positions) if self.scale else 1.0

    def letters(self, shape: Shape) -> dict[str, int]:
        own = {"K": self.inner // self.groups, "J": self.in_channels // self.groups} if self.groups > 1 else {}
        return {**BlockSpec.letters(self, shape), "D": self.inner, **own}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        c, d, n = self.in_channels, self.inner, math.prod(shape[2:])
        return shape[0] * n * (3 * c * d + 2 * (len(self.taylor) or 1) * d + c * d // self.groups)

    def example_shape(self) -> Shape:
        return (2, self.in_channels, 6, 5)
