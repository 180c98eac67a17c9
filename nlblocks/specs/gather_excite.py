"""Gather-excite: a channel is scaled by what is gathered from around each position, or from the whole map."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal, get_args

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_bool, check_choice, check_image, check_int, check_type, refuse
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.layout import MapLayout
from nlblocks.specs.squeeze_excitation import Gate

Gather = Literal["avg", "avg_max", "conv"]


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class GatherExcite(BlockSpec):
    """y_cn = x_cn · a_cn, a = upsample(gate(mlp(gather(x)))): gather-excite over [B, C, H, W].

    Letters: B batch, C ``in_channels``, D the inner width, e ``extent``. Each channel is gathered alone:

    =========== ========================================== =======================================================
    ``gather``  e = 0                                      e = 2, 4, ...
    =========== ========================================== =======================================================
    avg         mean over H·W                              means over 2 e - 1 positions each way, in steps of e;
                                                           those beyond the edge do not count
    avg_max     half of that and half of the largest       the same of each window
    conv        a convolution of ``feature_size``, padded  ⌊log₂ e⌋ convolutions of 3 × 3 in steps of 2, each with
                by (feature_size - 1) // 2, with ``norm``  ``norm``, a ReLU between two of them
    =========== ========================================== =======================================================

    The paper's "conv" at e = 0 looks at the whole map, which ``feature_size`` is; timm pads it, so that each position
    sees a window of its own: this is timm's. The convolutions are one channel wide and have no biases.
    ``mlp``: fc_2(relu(fc_1(·))) at each position, 1×1 convolutions C → D → C with biases; D is ``inter_channels``, or
    C // ``ratio``, at least 1. ``gate`` is a sigmoid, or a hard_sigmoid of slope 1/6. ``upsample`` takes the nearest
    position before: ⌊i·h / H⌋. The attention map a is [B, C, H, W], and [B, C] where it is the same everywhere.
    Equal values under "avg_max": the first, in row-major order, gets the gradient.

    Raises InputError for impossible fields and for inputs of the wrong rank or channels, or too small for feature_size.
    """

    kind: ClassVar[str] = "gather_excite"
    cites: ClassVar[str] = "Hu et al. 2018, Gather-Excite: Exploiting Feature Context in CNNs, arXiv:1810.12348"

    in_channels: Annotated[int, "C, channels of x"]
    extent: Annotated[int, "e, how far is gathered: 0 is the whole map, else even"] = 0
    gather: Annotated[Gather, "how: avg, avg_max or conv"] = "avg"
    feature_size: Annotated[int | None, "conv with extent 0: the size of its kernel"] = None
    mlp: Annotated[bool, "whether two layers mix the channels"] = True
    inter_channels: Annotated[int | None, "D, the inner width itself; None: from ratio"] = None
    ratio: Annotated[int, "C // ratio is the inner width"] = 16
    norm: Annotated[BatchNorm | None, "conv: the BatchNorm after each convolution, or None"] = field(
        default_factory=BatchNorm
    )
    gate: Annotated[Gate, "sigmoid, or hard_sigmoid: x / 6 + 0.5 clipped to [0, 1]"] = "sigmoid"

    def validate(self) -> None:
        check_int(self, "in_channels")
        check_int(self, "extent", at_least=0)
        check_choice(self, "gather", get_args(Gather))
        check_int(self, "feature_size", optional=True)
        check_bool(self, "mlp")
        check_int(self, "inter_channels", optional=True)
        check_int(self, "ratio")
        check_type(self, "norm", BatchNorm, optional=True)
        check_choice(self, "gate", get_args(Gate))
        if self.extent % 2:
            raise refuse(self, "extent", "must be 0, the whole map, or even")
        if (self.feature_size is None) == (self.gather == "conv" and self.extent == 0):
            raise refuse(self, "feature_size", "is the kernel of gather='conv' with extent=0, which needs it, alone")

    @property
    def inner(self) -> int:
        """D, the width between fc_1 and fc_2."""
        return self.inter_channels or layers.reduce_channels(self.in_channels, self.ratio)

    @property
    def kernels(self) -> tuple[int, ...]:
        """The kernel of each convolution that gathers."""
        if self.gather != "conv":
            return ()
        return (3,) * (self.extent.bit_length() - 1) if self.feature_size is None else (self.feature_size,)

    @property
    def stride(self) -> int:
        """Of each convolution that gathers."""
        return 2 if self.extent else 1

    @property
    def takes_maximum(self) -> bool:
        return self.gather == "avg_max"

    def params(self) -> tuple[Param, ...]:
        c, d = self.in_channels, self.inner
        params: tuple[Param, ...] = ()
        for i, size in enumerate(self.kernels):
            params += layers.conv(f"gathers.{i}.conv", c, c, (size, size), bias=False, groups=c)
            params += layers.batch_norm(f"gathers.{i}.norm", c) if self.norm is not None else ()
        return params + (layers.conv("fc_1", c, d, (1, 1)) + layers.conv("fc_2", d, c, (1, 1)) if self.mlp else ())

    def check_input(self, shape: Shape) -> None:
        least = 2 - (self.feature_size or 1) % 2  # an even kernel, padded by less than its half, takes one off
        check_image(self, shape, channels=self.in_channels, dims=2, at_least=(least, least))

    def grid(self, shape: Shape) -> Shape:
        """The extents of what is gathered."""
        if self.gather == "conv" and self.extent:
            return tuple(-(-extent // 2 ** len(self.kernels)) for extent in shape[2:])
        if self.feature_size is not None:
            return tuple(extent - 1 + self.feature_size % 2 for extent in shape[2:])
        return tuple(-(-extent // self.extent) if self.extent else 1 for extent in shape[2:])

    @property
    def everywhere(self) -> bool:
        """Whether a channel's gate is the same at each position."""
        return self.extent == 0 and self.gather != "conv"

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        return {"attention": tuple(shape[:2]) if self.everywhere else tuple(shape)}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        if self.everywhere:
            return {"attention": MapLayout(meaning="gate", grid=(self.in_channels,))}
        return {"attention": MapLayout(meaning="masks", grid=tuple(shape[2:]), count=self.in_channels)}

    def letters(self, shape: Shape) -> dict[str, int]:
        return {**BlockSpec.letters(self, shape), **({"D": self.inner} if self.mlp else {})}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        extents, total = shape[2:], math.prod(shape[2:])  # the product with the gates
        for size in self.kernels:
            extents = tuple(-(-n // 2) for n in extents) if self.extent else self.grid(shape)
            total += math.prod(extents) * size**2
        total += 2 * self.inner * math.prod(self.grid(shape)) if self.mlp else 0
        return shape[0] * self.in_channels * total

    def example_shape(self) -> Shape:
        return (2, self.in_channels, 6, 5)
