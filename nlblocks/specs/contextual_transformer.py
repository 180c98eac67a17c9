"""Contextual transformer (CoT): local attention whose weights come from a context of keys, joined with that context."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_image, check_int, check_odd, check_type, refuse
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.layout import MapLayout
from nlblocks.specs.split_attention import LEAST


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class ContextualTransformer(BlockSpec):
    """y_c = a_1c · u_c + a_2c · k_c: a dynamic context u and a static one k of [B, C, H, W], weighed in each channel.

    Letters: B batch, C ``in_channels``, N = H·W, K ``kernel_size`` (odd), G ``groups``, P = C / G / ``share`` sets of
    weights in each group, E = C // 2, D the inner width, L = 2C, V = G·P·K², U = C·K². All convolutions but ``key`` are
    1×1, mix, weigh and value in G groups; each name with "." is a convolution without bias and its BatchNorm ``norm``.

    - k = relu(key.(x)), K×K in ``key_groups`` groups;
    - w = weigh_norm(weigh(relu(mix.([x, k])))), L → E → V channels: K² weights at every position, for each of G·P sets,
      set after set. ``weigh`` has a bias; ``weigh_norm`` is a group norm, a group a set. [x, k] is x above k, but where
      G > 1 channel by channel: x_1, k_1, x_2, k_2 ...;
    - v = value.(x), C → C; u = silu(norm(Σ_j w_j · v_j)), where j runs over the K×K positions around one, zeros beyond
      the border. Channel c of a group takes the weights of its set c mod P;
    - a = softmax over the two of fc_2(relu(fc_norm(fc_1(mean(u + k))))), C → D → L with biases, the mean over N. The
      two numbers of a channel lie side by side. The attention map a is [B, 2, C].

    D is ``inter_channels``, or L // ``ratio``, at least 32. fc_1's bias has no effect on training, and a training batch
    needs two images. The weights w have no meaning among those of maps: they are not returned.

    Raises InputError for impossible fields and for inputs of the wrong rank or channels.
    """

    kind: ClassVar[str] = "contextual_transformer"
    cites: ClassVar[str] = "Li et al. 2021, Contextual Transformer Networks for Visual Recognition, arXiv:2107.12292"

    in_channels: Annotated[int, "C, channels of x"]
    kernel_size: Annotated[int, "K, the window, odd"] = 3
    key_groups: Annotated[int, "groups of the convolution key"] = 4
    share: Annotated[int, "how many channels take one set of weights"] = 8
    groups: Annotated[int, "G, groups of mix, weigh and value"] = 1
    inter_channels: Annotated[int | None, "D, the inner width of the join; None: from ratio"] = None
    ratio: Annotated[int, "2C // ratio is that width, at least 32"] = 4
    norm: Annotated[BatchNorm, "every BatchNorm"] = field(default_factory=BatchNorm)

    def validate(self) -> None:
        for name in ("in_channels", "key_groups", "share", "groups", "ratio"):
            check_int(self, name)
        check_odd(self, "kernel_size")
        check_int(self, "inter_channels", optional=True)
        check_type(self, "norm", BatchNorm)
        divisors = {
            "key_groups": self.key_groups,
            "share · groups": self.share * self.groups,
            "2 · groups": 2 * self.groups,
        }
        for name, number in divisors.items():
            if self.in_channels % number:
                raise refuse(self, "in_channels", f"must be a multiple of {name} = {number}")

    @property
    def sets(self) -> int:
        """P, how many sets of weights a group has."""
        return self.in_channels // self.share // self.groups

    @property
    def weights(self) -> int:
        """V, how many weights there are at a position."""
        return self.groups * self.sets * self.kernel_size**2

    @property
    def inner(self) -> int:
        """D, the width between fc_1 and fc_2."""
        return self.inter_channels or layers.reduce_channels(2 * self.in_channels, self.ratio, at_least=LEAST)

    def params(self) -> tuple[Param, ...]:
        c, e, d, v, g = self.in_channels, self.in_channels // 2, self.inner, self.weights, self.groups
        params = layers.conv_norm("key", c, c, (self.kernel_size,) * 2, groups=self.key_groups)
        params += layers.conv_norm("mix", 2 * c, e, (1, 1), groups=g) + layers.conv("weigh", e, v, (1, 1), groups=g)
        params += layers.scale_shift("weigh_norm", v) + layers.conv_norm("value", c, c, (1, 1), groups=g)
        params += layers.batch_norm("norm", c) + layers.conv("fc_1", c, d, (1, 1))
        return params + layers.batch_norm("fc_norm", d) + layers.conv("fc_2", d, 2 * c, (1, 1))

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=2)

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        return {"attention": (shape[0], 2, self.in_channels)}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        return {"attention": MapLayout(meaning="choice", grid=(self.in_channels,), count=2)}

    def letters(self, shape: Shape) -> dict[str, int]:
        c, window = self.in_channels, self.kernel_size**2
        own = {"P": self.sets, "E": c // 2, "L": 2 * c, "D": self.inner}
        own |= {} if window == 1 else {"V": self.weights, "U": c * window}
        return {**BlockSpec.letters(self, shape), **own}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        weights = {param.name: math.prod(param.shape) for param in self.params() if param.layout == "conv"}
        join = weights.pop("fc_1.weight") + weights.pop("fc_2.weight")
        each = sum(weights.values()) + self.in_channels * (self.kernel_size**2 + 2)
        return shape[0] * (math.prod(shape[2:]) * each + join)

    def example_shape(self) -> Shape:
        return (3, self.in_channels, 6, 5)
