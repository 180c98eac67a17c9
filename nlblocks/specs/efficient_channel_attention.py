"""Efficient channel attention: each channel is scaled by a gate computed from its neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, get_args

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_choice, check_image, check_int, check_number, check_odd, refuse
from nlblocks.specs.layout import MapLayout

PaddingMode = Literal["zeros", "circular"]
PADDING_MODES: tuple[PaddingMode, ...] = get_args(PaddingMode)


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class EfficientChannelAttention(BlockSpec):
    """y_c = x_c · a_c, a = sigmoid(conv(mean(x))): efficient channel attention over [B, C, H, W].

    Letters: B batch, C ``in_channels``, K the kernel. The mean over H·W is [B, C]; ``conv`` is a 1-D convolution of
    K taps along the channels, without bias, weight [1, 1, K]. ``padding_mode``: beyond the first and last channel lie
    "zeros", or the channels of the other end ("circular", timm's CecaModule). The attention map a is [B, C].

    K is ``kernel_size``, or t = ⌊|(log₂ C + b) / gamma|⌋, one more where t is even. This is the authors' code; the
    paper's eq. 12 says "nearest odd number". The authors' code also has k = 3 as its default, and their released
    checkpoints set k per stage: give it as ``kernel_size``. timm takes at least 3, which differs for C < 8.

    Defaults are the paper's: gamma 2, b 1, zero padding.

    Raises InputError for impossible fields and for inputs of the wrong rank or channels.
    """

    kind: ClassVar[str] = "efficient_channel_attention"
    cites: ClassVar[str] = "Wang et al. 2020, ECA-Net, arXiv:1910.03151, eq. 7, 9 and 12"

    in_channels: Annotated[int, "C, channels of x"]
    gamma: Annotated[float, "the kernel is |log2(C) + b| / gamma, made odd"] = 2.0
    b: Annotated[float, "see gamma"] = 1.0
    kernel_size: Annotated[int | None, "the kernel itself, odd; None: from gamma and b"] = None
    padding_mode: Annotated[PaddingMode, "ends of the channel axis: zeros or circular"] = "zeros"

    def validate(self) -> None:
        check_int(self, "in_channels")
        check_adaptive(self)
        check_odd(self, "kernel_size", optional=True)
        check_choice(self, "padding_mode", PADDING_MODES)
        if self.padding_mode == "circular" and self.kernel // 2 > self.in_channels:
            raise refuse(
                self,
                "kernel_size",
                f"gives {self.kernel} taps, which wrap around in_channels={self.in_channels} more than once; "
                f"give at most {2 * self.in_channels + 1}",
            )

    @property
    def kernel(self) -> int:
        """K, the number of taps."""
        return self.kernel_size or layers.adaptive_kernel(self.in_channels, self.gamma, self.b)

    def params(self) -> tuple[Param, ...]:
        return layers.conv("conv", 1, 1, (self.kernel,), bias=False)

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=2)

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        return {"attention": (shape[0], self.in_channels)}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        return {"attention": MapLayout(meaning="gate", grid=(self.in_channels,))}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        return shape[0] * self.in_channels * self.kernel

    def example_shape(self) -> Shape:
        return (2, self.in_channels, 6, 5)


def check_adaptive(spec: BlockSpec) -> None:
    """The fields gamma and b of the adaptive kernel; their bounds keep it countable."""
    check_number(spec, "gamma", low=1e-3)
    check_number(spec, "b", low=-1e3, high=1e3)
