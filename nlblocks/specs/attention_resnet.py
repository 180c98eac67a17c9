"""AttentionResNet: ResNet-18 with one more block, which is a residual block or an attention block."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar

from nlblocks.errors import InputError
from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_choice, check_image, check_int, check_type, refuse
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.layout import MapLayout

STAGES = (1, 2, 3, 4)
UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class Residual:
    """relu(norm_2(conv_2(relu(norm_1(conv_1(x))))) + shortcut(x)): [B, I, H, W] → [B, O, ⌈H/stride⌉, ⌈W/stride⌉].

    conv_1 is 3×3 with ``stride``, conv_2 3×3, both padded by 1. ``shortcut`` is a 1×1 convolution with ``stride`` and
    no norm where the shape changes, and the identity elsewhere.
    """

    in_channels: int
    out_channels: int
    stride: int

    @property
    def has_shortcut(self) -> bool:
        return self.stride != 1 or self.in_channels != self.out_channels

    def params(self) -> tuple[Param, ...]:
        i, o, init = self.in_channels, self.out_channels, layers.PADDLE_CONV
        params = layers.conv("conv_1", i, o, (3, 3), init=init) + layers.batch_norm("norm_1", o)
        params += layers.conv("conv_2", o, o, (3, 3), init=init) + layers.batch_norm("norm_2", o)
        return params + (layers.conv("shortcut", i, o, (1, 1), init=init) if self.has_shortcut else ())

    def output_shape(self, shape: Shape) -> Shape:
        sides = shape[2:] if self.stride == 1 else map(_half, shape[2:])
        return (shape[0], self.out_channels, *sides)

    def macs(self, shape: Shape) -> int:
        b, _, h, w = self.output_shape(shape)
        i, o = self.in_channels, self.out_channels
        return b * h * w * o * (9 * i + 9 * o + (i if self.has_shortcut else 0))


Part = tuple[Residual, ...] | Residual | BlockSpec
"""A stage of residual blocks, one residual block, or an attention block."""


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionResNet(BlockSpec):
    """The Paddle blog's ResNet-18 with one extra block: its baseline, and the networks it compares with it.

    [B, in_channels, H, W] → logits [B, num_classes], for any H and W (the blog's are 96). With K = ``width`` (64):

    stem (conv 7×7, stride 2, padding 3, K channels; norm; ReLU; max pool 3×3, stride 2, padding 1) → stage_1 (K) →
    stage_2 (2K) → stage_3 (4K) → **extra** → stage_4 (8K) → mean over H and W → fc

    A stage is two :class:`Residual` blocks; the first of stage_2 to stage_4 halves the extents. Convolutions have a
    bias, and the shortcut has no norm, as in the blog and unlike the ResNet of the paper. Weights start as Paddle's
    defaults do.

    ``attention`` is the extra block: a block spec of 4K channels that keeps the shape of a map, or None for the
    baseline, whose extra block is a third Residual. ``after_stage`` moves it behind another stage s, where the width
    is K·2^(s-1). ``norm`` is the BatchNorm of the network; the attention block has its own.

    The attention map of the extra block is "extra"; of a block with several, "extra." and the block's own name for
    it. Equal values in a pooling window: the first, in row-major order, gets the gradient.

    Raises InputError for impossible fields and for inputs of the wrong rank or channels.
    """

    kind: ClassVar[str] = "attention_resnet"
    cites: ClassVar[str] = "the Paddle blog's ResNet and ResNetNonLocal, after He et al. 2016, arXiv:1512.03385"

    in_channels: Annotated[int, "channels of the image"] = 3
    num_classes: Annotated[int, "width of the logits"] = 10
    width: Annotated[int, "channels of the first stage; each later stage has twice as many"] = 64
    attention: Annotated[BlockSpec | None, "the block in the extra place; None: a residual block"] = None
    after_stage: Annotated[int, "the stage that the extra place follows"] = 3
    norm: Annotated[BatchNorm, "every BatchNorm of the network itself"] = field(
        default_factory=lambda: BatchNorm(variance="biased")
    )

    def validate(self) -> None:
        check_int(self, "in_channels")
        check_int(self, "num_classes")
        check_int(self, "width")
        check_type(self, "attention", BlockSpec, optional=True)
        check_choice(self, "after_stage", STAGES)
        check_type(self, "norm", BatchNorm)
        if self.attention is not None:
            self._check_attention(self.attention)

    @property
    def extra_channels(self) -> int:
        """The width of the extra block."""
        return self.width * 2 ** (self.after_stage - 1)

    def body(self) -> dict[str, Part]:
        """Everything between the stem and fc, by name, in order."""
        parts: dict[str, Part] = {}
        previous = self.width
        for stage in STAGES:
            channels = self.width * 2 ** (stage - 1)
            first = Residual(previous, channels, stride=1 if stage == 1 else 2)
            parts[f"stage_{stage}"] = (first, Residual(channels, channels, stride=1))
            if stage == self.after_stage:
                parts["extra"] = self.attention or Residual(channels, channels, stride=1)
            previous = channels
        return parts

    @property
    def has_map(self) -> bool:
        """Whether the extra block has an attention map."""
        shape = (UNKNOWN, self.extra_channels, UNKNOWN, UNKNOWN)
        return self.attention is not None and bool(self.attention.attention_shapes(shape))

    def map_name(self, name: str) -> str:
        """What the network calls a map that the attention block calls ``name``."""
        return "extra" if name == "attention" else f"extra.{name}"

    @property
    def takes_maximum(self) -> bool:
        return True

    def deterministic(self) -> AttentionResNet:
        return self if self.attention is None else replace(self, attention=self.attention.deterministic())

    def params(self) -> tuple[Param, ...]:
        params = layers.conv("stem.conv", self.in_channels, self.width, (7, 7), init=layers.PADDLE_CONV)
        params += layers.batch_norm("stem.norm", self.width)
        for name, part in self.body().items():
            inner = {f"{name}.{i}": block for i, block in enumerate(part)} if isinstance(part, tuple) else {name: part}
            for prefix, block in inner.items():
                params += tuple(param.prefixed(prefix) for param in block.params())
        return params + layers.linear("fc", 8 * self.width, self.num_classes, init=layers.PADDLE_LINEAR)

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=2)
        if self.attention is not None:
            self.attention.check_input(self.extra_shape(shape))

    def extra_shape(self, shape: Shape) -> Shape:
        """What the extra block gets, [B, C, H', W'], for an input of this shape."""
        sides = shape[2:]
        for _ in range(self.after_stage + 1):  # stem, pool, and the stages after the first
            sides = tuple(map(_half, sides))
        return (shape[0], self.extra_channels, *sides)

    def output_shape(self, shape: Shape) -> Shape:
        self.check_input(shape)
        return (shape[0], self.num_classes)

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        if self.attention is None:
            return {}
        maps = self.attention.attention_shapes(self.extra_shape(shape))
        return {self.map_name(name): size for name, size in maps.items()}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        if self.attention is None:
            return {}
        layouts = self.attention.map_layouts(self.extra_shape(shape))
        return {self.map_name(name): layout for name, layout in layouts.items()}

    def letters(self, shape: Shape) -> dict[str, int]:
        self.check_input(shape)
        b, c, h, w = shape
        return {"B": b, "in_channels": c, "H": h, "W": w, "K": self.width, "num_classes": self.num_classes}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        stem = (shape[0], self.width, *map(_half, shape[2:]))
        total = stem[0] * stem[2] * stem[3] * self.width * self.in_channels * 49
        shape = (*stem[:2], *map(_half, stem[2:]))
        for part in self.body().values():
            for block in part if isinstance(part, tuple) else (part,):
                total += block.macs(shape)
                shape = block.output_shape(shape)
        return total + shape[0] * 8 * self.width * self.num_classes

    def example_shape(self) -> Shape:
        return (2, self.in_channels, 35, 49)

    def _check_attention(self, block: BlockSpec) -> None:
        shape = (UNKNOWN, self.extra_channels, UNKNOWN, UNKNOWN)
        try:
            kept = block.output_shape(shape) == shape
        except InputError as error:
            raise refuse(self, "attention", f"cannot take {self.extra_channels} channels in 2D: {error}") from None
        if not kept:
            raise refuse(self, "attention", f"must keep the shape of a map of {self.extra_channels} channels")


def _half(side: int) -> int:
    """What a window of stride 2 leaves of an extent, as the paddings here make it: half, rounded up."""
    return side if side < 0 else (side + 1) // 2
