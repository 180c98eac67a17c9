"""BAM: one gate for each channel at each position, from what the channels say and what the positions say."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal, get_args

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_choice, check_image, check_int, check_type
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.layout import MapLayout

Join = Literal["sum", "product"]
NormPlace = Literal["hidden", "output"]


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class BAM(BlockSpec):
    """y = x · (1 + a), a = sigmoid(c + s): a bottleneck attention module over [B, C, H, W].

    Letters: B batch, C ``in_channels``, D the inner width, H height, W width. c [B, C, 1, 1] is computed from the mean
    of x over H·W by two linear layers, C → D → C. s [B, 1, H, W] is computed from x by a 1×1 convolution C → D,
    ``depth`` 3×3 convolutions D → D with ``dilation``, and a 1×1 convolution D → 1. All have biases. D is
    ``inter_channels``, or C // ``ratio``, at least 1. The attention map a is [B, C, H, W]. ``join`` "product" takes
    c · s in the place of the sum, as the code of the authors does; the paper (eq. 2) has the sum.

    ============== ===========================================================================================
    ``norm_place`` where BatchNorm and ReLU are
    ============== ===========================================================================================
    hidden         both after every layer of c and s but the last ones: the paper and the authors' code
    output         in c ReLU after the first layer and norm after the last; in s nothing after the first, both
                   after the 3×3 ones, norm after the last: changzy00/pytorch-attention
    ============== ===========================================================================================

    The norm in c is over a batch of vectors: training needs at least 2 images. The gate 1 + a lies between 1 and 2, so
    there is no start at the identity.

    Raises InputError for impossible fields and for inputs of the wrong rank or channels.
    """

    kind: ClassVar[str] = "bam"
    cites: ClassVar[str] = "Park et al. 2018, BAM: Bottleneck Attention Module, arXiv:1807.06514, eq. 1-4"

    in_channels: Annotated[int, "C, channels of x"]
    inter_channels: Annotated[int | None, "D, the inner width; None: from ratio"] = None
    ratio: Annotated[int, "C // ratio is the inner width"] = 16
    join: Annotated[Join, "how channels and positions meet: sum or product"] = "sum"
    norm_place: Annotated[NormPlace, "which layers a norm follows: hidden or output"] = "hidden"
    depth: Annotated[int, "number of dilated convolutions"] = 2
    dilation: Annotated[int, "of those"] = 4
    norm: Annotated[BatchNorm, "every BatchNorm"] = field(default_factory=BatchNorm)

    def validate(self) -> None:
        for name in ("in_channels", "ratio", "depth", "dilation"):
            check_int(self, name)
        check_int(self, "inter_channels", optional=True)
        check_choice(self, "join", get_args(Join))
        check_choice(self, "norm_place", get_args(NormPlace))
        check_type(self, "norm", BatchNorm)

    @property
    def inner(self) -> int:
        """D."""
        return self.inter_channels or layers.reduce_channels(self.in_channels, self.ratio)

    @property
    def hidden(self) -> bool:
        """Whether the norms follow the hidden layers."""
        return self.norm_place == "hidden"

    def params(self) -> tuple[Param, ...]:
        c, d = self.in_channels, self.inner
        params = layers.linear("channel.fc_1", c, d) + layers.linear("channel.fc_2", d, c)
        params += layers.batch_norm("channel.norm", d if self.hidden else c)
        reduce = layers.conv_norm if self.hidden else _conv
        project = _conv if self.hidden else layers.conv_norm
        params += reduce("spatial.reduce", c, d, (1, 1), bias=True)
        for index in range(self.depth):
            params += layers.conv_norm(f"spatial.dilated.{index}", d, d, (3, 3), bias=True)
        return params + project("spatial.project", d, 1, (1, 1), bias=True)

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=2)

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        return {"attention": tuple(shape)}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        return {"attention": MapLayout(meaning="masks", grid=tuple(shape[2:]), count=self.in_channels)}

    def letters(self, shape: Shape) -> dict[str, int]:
        return {**BlockSpec.letters(self, shape), "D": self.inner}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        c, d = self.in_channels, self.inner
        return shape[0] * (2 * c * d + math.prod(shape[2:]) * (c * d + self.depth * 9 * d * d + d))

    def example_shape(self) -> Shape:
        return (3, self.in_channels, 6, 5)


def _conv(name: str, in_channels: int, out_channels: int, kernel: Shape, *, bias: bool) -> tuple[Param, ...]:
    """A convolution under the name that it has where a norm follows it."""
    return layers.conv(f"{name}.conv", in_channels, out_channels, kernel, bias=bias)
