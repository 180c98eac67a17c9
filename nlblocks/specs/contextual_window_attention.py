"""What one collection calls CoT attention: a softmax over all positions, added to a context of keys."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_image, check_int, check_odd, check_type, refuse
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.layout import MapLayout


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class ContextualWindowAttention(BlockSpec):
    """y_cn = k_cn + a_cn · v_cn, a a softmax over the positions n of [B, C, H, W], channel by channel.

    Letters: B batch, C ``in_channels``, N = H·W, K ``kernel_size`` (odd), D the inner width, L = 2C, U = C·K². All
    convolutions but ``key`` are 1×1; each name with "." is a convolution without bias and its BatchNorm ``norm``.

    - k = relu(key.(x)), K×K in ``key_groups`` groups; v = value.(x), C → C;
    - w = weigh(relu(mix.([k, x]))), L → D → U channels, with a bias: K² numbers of each channel at every position;
    - a = softmax over n of the mean of those K² numbers, [B, C, H, W], the attention map.

    It is published as an implementation of the contextual transformer and is another operator: no position reads its
    neighbours through w. ContextualTransformer is the authors'. The mean is taken of weigh's weights instead, which is
    the same, unless the map is asked for. The bias of weigh has no effect on the result: the softmax takes it out.

    D is ``inter_channels``, or L // ``ratio``, at least 1.

    Raises InputError for impossible fields and for inputs of the wrong rank or channels.
    """

    kind: ClassVar[str] = "contextual_window_attention"
    cites: ClassVar[str] = (
        "External-Attention-pytorch, model/attention/CoTAttention.py, after Li et al. 2021, arXiv:2107.12292"
    )

    in_channels: Annotated[int, "C, channels of x"]
    kernel_size: Annotated[int, "K, of key, and whose square is averaged; odd"] = 3
    key_groups: Annotated[int, "groups of the convolution key"] = 4
    inter_channels: Annotated[int | None, "D, the inner width; None: from ratio"] = None
    ratio: Annotated[int, "2C // ratio is the inner width"] = 4
    norm: Annotated[BatchNorm, "every BatchNorm"] = field(default_factory=BatchNorm)

    def validate(self) -> None:
        for name in ("in_channels", "key_groups", "ratio"):
            check_int(self, name)
        check_odd(self, "kernel_size")
        check_int(self, "inter_channels", optional=True)
        check_type(self, "norm", BatchNorm)
        if self.in_channels % self.key_groups:
            raise refuse(self, "in_channels", f"must be a multiple of key_groups={self.key_groups}")

    @property
    def inner(self) -> int:
        """D, the width between mix and weigh."""
        return self.inter_channels or layers.reduce_channels(2 * self.in_channels, self.ratio)

    def params(self) -> tuple[Param, ...]:
        c, d = self.in_channels, self.inner
        params = layers.conv_norm("key", c, c, (self.kernel_size,) * 2, groups=self.key_groups)
        params += layers.conv_norm("value", c, c, (1, 1)) + layers.conv_norm("mix", 2 * c, d, (1, 1))
        return params + layers.conv("weigh", d, c * self.kernel_size**2, (1, 1))

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=2)

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        return {"attention": tuple(shape)}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        return {"attention": MapLayout(meaning="masks", grid=tuple(shape[2:]), count=self.in_channels)}

    def letters(self, shape: Shape) -> dict[str, int]:
        c = self.in_channels
        own = {} if self.kernel_size == 1 else {"U": c * self.kernel_size**2}
        return {**BlockSpec.letters(self, shape), "D": self.inner, "L": 2 * c, **own}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        weights = sum(math.prod(param.shape) for param in self.params() if param.layout == "conv")
        return shape[0] * math.prod(shape[2:]) * (weights + self.in_channels)

    def example_shape(self) -> Shape:
        return (2, self.in_channels, 6, 5)
