"""The channel-affinity block: what the Paddle blog on non-local networks computes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal, get_args

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_bool, check_choice, check_image, check_int, check_type, refuse
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.layout import MapLayout

Mode = Literal["embedded_gaussian", "gaussian", "dot_product"]
MODES: tuple[Mode, ...] = get_args(Mode)


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelAffinity(BlockSpec):
    """z = BN(w_z(A·g(x))) + x, where A relates channels, not positions.

    The Paddle blog presents this as the non-local block, but multiplies θ by φ transposed over the *positions*:
    its map A is [B, D, D], and it mixes the D channels of g. It is another operator than :class:`NonLocal`, kept
    under its own name. Letters: B batch, C ``in_channels``, D ``inter_channels``, H height, W width, N = H·W.
    θ, φ, g are 1×1 convolutions C → D, written as [B, D, N]:

    =================== =========================== ======================================
    ``mode``            affinity F [B, D, D]        A
    =================== =========================== ======================================
    embedded_gaussian   θ φᵀ                        softmax over the last axis
    gaussian            x xᵀ (no theta, no phi)     softmax over the last axis; needs D = C
    dot_product         θ φᵀ                        F / H (the height, not the positions)
    =================== =========================== ======================================

    ``inter_channels`` defaults to C // 2 (at least 1), the blog's bottleneck; C is the form without one, and the
    only one for "gaussian", where it is the default. ``zero_init`` starts the norm's weight at zero, as the blog
    does in one of its four classes.

    In float16 the affinity, its softmax and its division are computed in float32: scores pass 65504 where features do
    not. A dot product's output grows with scores and values, and may pass it all the same.

    Raises InputError for impossible fields and for inputs of the wrong rank or channels.
    """

    kind: ClassVar[str] = "channel_affinity"
    cites: ClassVar[str] = "the Paddle blog's reproduction of arXiv:1711.07971; not an equation of that paper"

    in_channels: Annotated[int, "C, channels of x"]
    inter_channels: Annotated[int | None, "D, width of theta, phi and g; None: C // 2, or C in gaussian mode"] = None
    mode: Annotated[Mode, "the affinity: embedded_gaussian, gaussian or dot_product"] = "embedded_gaussian"
    norm: Annotated[BatchNorm, "the BatchNorm after w_z"] = field(default_factory=lambda: BatchNorm(variance="biased"))
    zero_init: Annotated[bool, "start as the identity: the weight of the norm at zero"] = True

    def validate(self) -> None:
        check_int(self, "in_channels")
        check_int(self, "inter_channels", optional=True)
        check_choice(self, "mode", MODES)
        check_type(self, "norm", BatchNorm)
        check_bool(self, "zero_init")
        if self.mode == "gaussian" and self.inner != self.in_channels:
            raise refuse(self, "inter_channels", f"must be in_channels={self.in_channels}, or None, in gaussian mode")

    @property
    def inner(self) -> int:
        """D, the width of g."""
        default = self.in_channels if self.mode == "gaussian" else layers.reduce_channels(self.in_channels)
        return self.inter_channels or default

    @property
    def has_embedding(self) -> bool:
        """Whether theta and phi exist."""
        return self.mode != "gaussian"

    def params(self) -> tuple[Param, ...]:
        c, d, init = self.in_channels, self.inner, layers.PADDLE_CONV
        params = layers.conv("g", c, d, (1, 1), init=init)
        if self.has_embedding:
            params += layers.conv("theta", c, d, (1, 1), init=init) + layers.conv("phi", c, d, (1, 1), init=init)
        params += layers.conv("w_z", d, c, (1, 1), init=init)
        return params + layers.batch_norm("norm", c, gamma=0.0 if self.zero_init else 1.0)

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=2)

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        return {"attention": (shape[0], self.inner, self.inner)}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        return {"attention": MapLayout(meaning="channels", grid=(self.inner, self.inner))}

    def letters(self, shape: Shape) -> dict[str, int]:
        inner = {"D": self.inner} if self.has_embedding else {}
        return {**BlockSpec.letters(self, shape), **inner}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        n, c, d = math.prod(shape[2:]), self.in_channels, self.inner
        convolutions = (4 if self.has_embedding else 2) * n * c * d
        return shape[0] * (convolutions + 2 * d * d * n)

    def example_shape(self) -> Shape:
        return (2, self.in_channels, 5, 6)
