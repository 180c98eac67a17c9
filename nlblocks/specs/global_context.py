"""Global context: one vector pooled over all positions is added to each of them, or scales their channels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, get_args

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_bool, check_choice, check_image, check_int, check_number
from nlblocks.specs.layout import MapLayout
from nlblocks.specs.squeeze_excitation import Gate

ContextPool = Literal["attention", "mean"]
Fuse = Literal["add", "mul", "both"]


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class GlobalContext(BlockSpec):
    """y = x · gate(mul(c)) + add(c), c = Σ_n a_n x_n: global context over [B, C, H, W].

    Letters: B batch, C ``in_channels``, D the inner width, N = H·W positions. c is [B, C]. ``mul`` and ``add`` are
    MLPs C → D → C of their own, both with biases: fc_2(relu(norm(fc_1(c)))), norm a LayerNorm over D with ``ln_eps``.
    D is ``inter_channels``, or C // ``ratio``, at least 1.

    =================== ======================================================
    ``pool``            a_n
    =================== ======================================================
    attention           softmax over n of mask(x)_n, mask a 1×1 convolution
    mean                1 / N
    =================== ======================================================

    =================== ======================================================
    ``fuse``            y
    =================== ======================================================
    add                 x + add(c)
    mul                 x · gate(mul(c))
    both                x · gate(mul(c)) + add(c)
    =================== ======================================================

    ``gate`` is "sigmoid" or "hard_sigmoid", relu6(x + 3) / 6.

    The attention maps are a [B, H, W], where ``pool`` is attention, and the gate [B, C], where
    ``fuse`` has one: "spatial" and "channel" where there are both. ``zero_init`` starts fc_2 at zero: under "add" the
    block is then the identity, the gate is ½ everywhere. mask's bias does nothing: the softmax takes it off again.

    Defaults are mmcv's ContextBlock, whose ratio is the inverse of this one. timm has ``ln_eps`` 1e-6, may "mul" alone
    and has both gates; PaddleSeg has "add" and no ``zero_init``. The GCModule of changzy00 has no softmax, so that its
    context grows with N and with mask's bias: it is another operator, and not covered. A LayerNorm over D = 1 leaves
    its bias only, over D = 2 hardly more than a sign.

    Raises InputError for impossible fields and for inputs of the wrong rank or channels.
    """

    kind: ClassVar[str] = "global_context"
    cites: ClassVar[str] = "Cao et al. 2019, GCNet, arXiv:1904.11492, eq. 5"

    in_channels: Annotated[int, "C, channels of x"]
    inter_channels: Annotated[int | None, "D, the inner width itself; None: from ratio"] = None
    ratio: Annotated[int, "C // ratio is the inner width"] = 16
    pool: Annotated[ContextPool, "how x is pooled: attention or mean"] = "attention"
    fuse: Annotated[Fuse, "what the context does to x: add, mul or both"] = "add"
    gate: Annotated[Gate, "what makes the gate of mul: sigmoid or hard_sigmoid"] = "sigmoid"
    ln_eps: Annotated[float, "eps of the LayerNorm"] = 1e-5
    zero_init: Annotated[bool, "the last layer at zero: with add, start as the identity"] = True

    def validate(self) -> None:
        check_int(self, "in_channels")
        check_int(self, "inter_channels", optional=True)
        check_int(self, "ratio")
        check_choice(self, "pool", get_args(ContextPool))
        check_choice(self, "fuse", get_args(Fuse))
        check_choice(self, "gate", get_args(Gate))
        check_number(self, "ln_eps", low=0.0, exclusive="low")
        check_bool(self, "zero_init")

    @property
    def inner(self) -> int:
        """D, the width inside the MLPs."""
        return self.inter_channels or layers.reduce_channels(self.in_channels, self.ratio)

    @property
    def branches(self) -> tuple[str, ...]:
        """The MLPs that there are, in the order in which they act."""
        return ("mul", "add") if self.fuse == "both" else (self.fuse,)

    def params(self) -> tuple[Param, ...]:
        c, d = self.in_channels, self.inner
        params: tuple[Param, ...] = ()
        if self.pool == "attention":
            params += layers.conv("mask", c, 1, (1, 1), init=layers.PADDLE_CONV)  # N(0, 2 / fan_in) is mmcv's start too
        for name in self.branches:
            params += layers.linear(f"{name}.fc_1", c, d) + layers.scale_shift(f"{name}.norm", d)
            params += layers.linear(f"{name}.fc_2", d, c, init=layers.ZERO if self.zero_init else layers.TORCH)
        return params

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=2)

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {name: (shape[0], *layout.shape) for name, layout in self.map_layouts(shape).items()}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        maps = {}
        if self.pool == "attention":
            maps["spatial"] = MapLayout(meaning="mask", grid=tuple(shape[2:]))
        if "mul" in self.branches:
            maps["channel"] = MapLayout(meaning="gate", grid=(self.in_channels,))
        return maps if len(maps) != 1 else {"attention": next(iter(maps.values()))}

    def letters(self, shape: Shape) -> dict[str, int]:
        return {**BlockSpec.letters(self, shape), "D": self.inner}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        c, n = self.in_channels, math.prod(shape[2:])
        pooling = 2 * n * c if self.pool == "attention" else 0
        return shape[0] * (pooling + len(self.branches) * 2 * c * self.inner)

    def example_shape(self) -> Shape:
        return (2, self.in_channels, 6, 5)
