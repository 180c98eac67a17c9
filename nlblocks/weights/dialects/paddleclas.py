"""PaddleClas: the ESEModule of PP-HGNet, the LKA and Attention of VAN, the SplatConv of ResNeSt."""

from __future__ import annotations

from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.effective_squeeze_excitation import EffectiveSqueezeExcitation
from nlblocks.specs.large_kernel_attention import LargeKernelAttention
from nlblocks.specs.split_attention import SplitAttention
from nlblocks.weights.dialects import van
from nlblocks.weights.dialects.base import Dialect, Table, one_extent, pointwise, refuse_unless
from nlblocks.weights.dialects.paddle_blog import NORM


def _ese(channels: int) -> BlockSpec:
    return EffectiveSqueezeExcitation(in_channels=channels, gate="sigmoid")


def _ese_names(spec: EffectiveSqueezeExcitation) -> Table:
    refuse_unless("paddleclas", spec, pool=("avg",), gate=("sigmoid",))
    return pointwise("fc", "conv", spec.in_channels)


def _split_attention(
    in_channels: int,
    channels: int,
    kernel_size: int,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
    bias: bool = True,
    radix: int = 2,
    reduction_factor: int = 4,
    rectify_avg: bool = False,
    name: str | None = None,
) -> SplitAttention:
    """The class ignores padding (it takes half of the kernel), dilation, bias and rectify_avg.

    The first two are refused where that matters: its convolution never has a bias, whatever is asked for.
    """
    extents = {"kernel_size": kernel_size, "stride": stride, "padding": padding, "dilation": dilation}
    extents = {word: one_extent("paddleclas", word, value) for word, value in extents.items()}
    sides = (extents["kernel_size"] - 1) // 2
    for word, taken, default in (("padding", sides, 0), ("dilation", 1, 1)):
        if extents[word] not in (taken, default):
            raise InputError(
                f"dialect paddleclas: SplatConv ignores {word}={extents[word]}: it takes {taken}; give that"
            )
    return SplitAttention(
        in_channels=in_channels, out_channels=channels, kernel_size=extents["kernel_size"], stride=extents["stride"],
        padding=sides, groups=groups, radix=radix, ratio=reduction_factor, fc_1_bias=False, norm=NORM,
    )  # fmt: skip


def _split_attention_names(spec: SplitAttention) -> Table:
    refuse_unless("paddleclas", spec, bias=(False,), fc_1_bias=(False,), dilation=(1,))
    if spec.norm is None:
        raise InputError("dialect paddleclas: SplitAttention has norm=None; this codebase has a BatchNorm only")
    return {
        "conv": "conv1._conv",
        "norm_1": "conv1._batch_norm",
        "fc_1": "conv2._conv",
        "norm_2": "conv2._batch_norm",
        "fc_2": "conv3",
    }


DIALECT = Dialect(
    name="paddleclas",
    source="PaddleClas, arch/backbone/legendary_models/pp_hgnet.py, model_zoo/van.py and resnest.py",
    classes={"ESEModule": _ese, "LKA": van.lka, "Attention": van.attention, "SplatConv": _split_attention},
    tables={
        EffectiveSqueezeExcitation: _ese_names,
        LargeKernelAttention: lambda spec: van.lka_names("paddleclas", spec),
        SplitAttention: _split_attention_names,
    },
    suffixes={"running_mean": "_mean", "running_var": "_variance"},
    linear_in_out=True,
)
