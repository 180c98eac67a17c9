"""CBAM's channel gate: each channel is scaled by a gate computed from its mean and its maximum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, get_args

from nlblocks.specs import layers
from nlblocks.specs.base import BlockSpec, Param, Shape, register
from nlblocks.specs.check import check_bool, check_choice, check_image, check_int, check_odd, refuse
from nlblocks.specs.efficient_channel_attention import check_adaptive
from nlblocks.specs.layout import MapLayout

Mode = Literal["fc", "conv"]
MODES: tuple[Mode, ...] = get_args(Mode)


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelGate(BlockSpec):
    """y_c = x_c · a_c, a = sigmoid(f(mean(x)) + f(max(x))): CBAM's channel part over [B, C, H, W].

    Letters: B batch, C ``in_channels``, D the inner width, K the kernel. Mean and maximum are taken over H·W, each
    [B, C]; f is one function with one set of weights for both. The attention map a is [B, C]. Equal values: the first,
    in row-major order, gets the gradient of the maximum.

    =================== ========================================================================================
    ``mode``            f(v)
    =================== ========================================================================================
    fc                  fc_2(relu(fc_1(v))): linear C → D and D → C, both with ``mlp_bias`` or both without;
                        D is ``inter_channels``, or C // ``ratio``, at least 1
    conv                a 1-D convolution of K taps along the channels, zero padding, no bias, as in
                        :class:`EfficientChannelAttention`: K is ``kernel_size``, or found from ``gamma`` and ``b``
    =================== ========================================================================================

    "fc" is the paper; "conv" is a variant of public code that puts ECA's convolution in the MLP's place. The fields
    of the other mode have no effect; ``inter_channels`` and ``kernel_size`` are refused there.

    Defaults are the authors' code (CBAM of Jongchan): fc, ratio 16, MLP with bias.

    Raises InputError for impossible fields and for inputs of the wrong rank or channels.
    """

    kind: ClassVar[str] = "channel_gate"
    cites: ClassVar[str] = "Woo et al. 2018, CBAM, arXiv:1807.06521, eq. 2"

    in_channels: Annotated[int, "C, channels of x"]
    mode: Annotated[Mode, "fc: a shared MLP; conv: a 1-D convolution over channels"] = "fc"
    ratio: Annotated[int, "fc: C // ratio is the width of the MLP"] = 16
    inter_channels: Annotated[int | None, "fc: the width itself; None: from ratio"] = None
    mlp_bias: Annotated[bool, "fc: whether the MLP has biases"] = True
    gamma: Annotated[float, "conv: the kernel is |log2(C) + b| / gamma, made odd"] = 2.0
    b: Annotated[float, "conv: see gamma"] = 1.0
    kernel_size: Annotated[int | None, "conv: the kernel itself, odd; None: from gamma and b"] = None

    def validate(self) -> None:
        check_channel_fields(self, kernel="kernel_size")

    @property
    def inner(self) -> int:
        """D, the width of the MLP."""
        return self.inter_channels or layers.reduce_channels(self.in_channels, self.ratio)

    @property
    def kernel(self) -> int:
        """K, the taps of the convolution."""
        return self.kernel_size or layers.adaptive_kernel(self.in_channels, self.gamma, self.b)

    @property
    def takes_maximum(self) -> bool:
        return True

    def params(self) -> tuple[Param, ...]:
        if self.mode == "conv":
            return layers.conv("conv", 1, 1, (self.kernel,), bias=False)
        c, d, bias = self.in_channels, self.inner, self.mlp_bias
        return layers.linear("fc_1", c, d, bias=bias) + layers.linear("fc_2", d, c, bias=bias)

    def check_input(self, shape: Shape) -> None:
        check_image(self, shape, channels=self.in_channels, dims=2)

    def attention_shapes(self, shape: Shape) -> dict[str, Shape]:
        self.check_input(shape)
        return {"attention": (shape[0], self.in_channels)}

    def map_layouts(self, shape: Shape) -> dict[str, MapLayout]:
        self.check_input(shape)
        return {"attention": MapLayout(meaning="gate", grid=(self.in_channels,))}

    def letters(self, shape: Shape) -> dict[str, int]:
        inner = {"D": self.inner} if self.mode == "fc" else {}
        return {**BlockSpec.letters(self, shape), **inner}

    def macs(self, shape: Shape) -> int:
        self.check_input(shape)
        taps = self.kernel if self.mode == "conv" else 2 * self.inner
        return shape[0] * 2 * self.in_channels * taps

    def example_shape(self) -> Shape:
        return (2, self.in_channels, 6, 5)


def check_channel_fields(spec: Any, *, kernel: str) -> None:
    """The fields that CBAM shares with its channel gate."""
    check_int(spec, "in_channels")
    check_choice(spec, "mode", MODES)
    check_int(spec, "ratio")
    check_int(spec, "inter_channels", optional=True)
    check_bool(spec, "mlp_bias")
    check_adaptive(spec)
    check_odd(spec, kernel, optional=True)
    foreign = kernel if spec.mode == "fc" else "inter_channels"
    if getattr(spec, foreign) is not None:
        raise refuse(spec, foreign, f"has no place in mode {spec.mode!r}; leave it None")
