"""ResNeSt's own code: its SplAtConv2d."""

from __future__ import annotations

from typing import Any

from nlblocks.errors import InputError
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.split_attention import SplitAttention
from nlblocks.weights.dialects.base import Dialect, Table, one_extent, refuse_unless


def _split_attention(
    in_channels: int,
    channels: int,
    kernel_size: int | tuple[int, int],
    stride: int | tuple[int, int] = (1, 1),
    padding: int | tuple[int, int] = (0, 0),
    dilation: int | tuple[int, int] = (1, 1),
    groups: int = 1,
    bias: bool = True,
    radix: int = 2,
    reduction_factor: int = 4,
    rectify: bool = False,
    rectify_avg: bool = False,
    norm_layer: Any = None,
    dropblock_prob: float = 0.0,
    norm: bool | None = None,
) -> SplitAttention:
    """``norm`` stands for ``norm_layer``, of which it says only whether there is one. ``rectify_avg`` is rectify's."""
    if rectify and padding not in (0, (0, 0), [0, 0]):
        raise InputError("dialect resnest: rectify=True needs a convolution of another package; it is not covered")
    if dropblock_prob:
        raise InputError(f"dialect resnest: dropblock_prob={dropblock_prob!r} raises in this code; it must be 0.0")
    check_norm("resnest", "SplAtConv2d", norm_layer)
    kernel_size, stride, padding, dilation = (
        one_extent("resnest", name, value)
        for name, value in (
            ("kernel_size", kernel_size), ("stride", stride), ("padding", padding), ("dilation", dilation),
        )
    )  # fmt: skip
    return SplitAttention(
        in_channels=in_channels, out_channels=channels, radix=radix, groups=groups, bias=bias, ratio=reduction_factor,
        kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation,
        norm=BatchNorm() if (norm_layer is not None if norm is None else norm) else None,
    )  # fmt: skip


def check_norm(dialect: str, cls: str, norm_layer: Any) -> None:
    """Raise InputError where a norm_layer, torch's class or its name, is neither BatchNorm2d nor None."""
    if getattr(norm_layer, "__name__", norm_layer) not in ("BatchNorm2d", None):
        raise InputError(f"dialect {dialect}: {cls}: norm_layer={norm_layer!r} is not covered; it covers 'BatchNorm2d'")


def split_attention_names(dialect: str, spec: SplitAttention) -> Table:
    """The names of SplAtConv2d, which timm kept."""
    refuse_unless(dialect, spec, fc_1_bias=(True,))
    return {"conv": "conv", "norm_1": "bn0", "fc_1": "fc1", "norm_2": "bn1", "fc_2": "fc2"}


DIALECT = Dialect(
    name="resnest",
    source="ResNeSt, resnest/torch/models/splat.py",
    classes={"SplAtConv2d": _split_attention},
    tables={SplitAttention: lambda spec: split_attention_names("resnest", spec)},
    ignored=("num_batches_tracked",),
)
