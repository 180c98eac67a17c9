"""SPNet: StripPooling, and the SPBlock of its backbone, which gives a gate that its caller multiplies by.

StripPooling's norm_layer is BatchNorm2d, and SPBlock's too; of up_kwargs the mode must be bilinear.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.layers import BatchNorm
from nlblocks.specs.strip_attention import StripAttention
from nlblocks.specs.strip_pooling import StripPooling
from nlblocks.weights.dialects.base import Dialect, Foreign, Table, refuse_unless

UP = {"mode": "bilinear", "align_corners": True}


def _pooling(
    in_channels: int,
    pool_size: Sequence[int] = (20, 12),
    norm_layer: Any = "BatchNorm2d",
    up_kwargs: Mapping[str, Any] = UP,
) -> BlockSpec:
    _only_batch_norm("StripPooling", norm_layer)
    options = dict(up_kwargs)
    if options.pop("mode", "nearest") != "bilinear" or options.keys() - {"align_corners"} or in_channels < 4:
        raise InputError(
            f"dialect spnet: StripPooling: in_channels={in_channels!r}, up_kwargs={dict(up_kwargs)!r} is not covered; "
            "it covers at least 4 channels, mode 'bilinear' and align_corners"
        )
    align = bool(options.get("align_corners", False))
    return StripPooling(in_channels=in_channels, pool_sizes=tuple(pool_size), align_corners=align)


def _block(inplanes: int, outplanes: int, norm_layer: Any = "BatchNorm2d") -> BlockSpec:
    _only_batch_norm("SPBlock", norm_layer)
    return StripAttention(in_channels=inplanes, out_channels=outplanes, output="gate")


def _only_batch_norm(cls: str, norm_layer: Any) -> None:
    if getattr(norm_layer, "__name__", norm_layer) != "BatchNorm2d":
        raise InputError(f"dialect spnet: {cls}: norm_layer={norm_layer!r} is not covered; it covers 'BatchNorm2d'")


def _pooling_names(spec: StripPooling) -> Table:
    refuse_unless("spnet", spec, norm=(BatchNorm(),))
    if len(spec.pool_sizes) != 2 or spec.inner != spec.in_channels // 4:
        raise InputError(
            f"dialect spnet: StripPooling has pool_sizes={spec.pool_sizes!r} and {spec.inner} inner channels; "
            f"this codebase has two sizes and {spec.in_channels} // 4"
        )
    d = spec.inner
    names = {
        "reduce_short": "conv1_1", "reduce_long": "conv1_2", "whole": "conv2_0", "pooled.0": "conv2_1",
        "pooled.1": "conv2_2", "across": "conv2_3", "down": "conv2_4", "short": "conv2_5", "long": "conv2_6",
        "join": "conv3",
    }  # fmt: skip
    rows: dict[str, Foreign] = {f"{ours}.conv": f"{theirs}.0" for ours, theirs in names.items()}
    rows |= {f"{ours}.norm": f"{theirs}.1" for ours, theirs in names.items()}
    rows["across.conv.weight"], rows["down.conv.weight"] = (
        ("conv2_3.0.weight", (d, d, 1, 3)), ("conv2_4.0.weight", (d, d, 3, 1))
    )  # fmt: skip
    return rows


def _block_names(spec: StripAttention) -> Table:
    refuse_unless(
        "spnet", spec, kernel_size=(3,), depthwise=(False,), bias=(False,), norm=(BatchNorm(),), mix=(True,),
        gate=("sigmoid",), output=("gate",),
    )  # fmt: skip
    c, o = spec.in_channels, spec.width
    return {
        "down.weight": ("conv1.weight", (o, c, 3, 1)), "down_norm": "bn1",
        "across.weight": ("conv2.weight", (o, c, 1, 3)), "across_norm": "bn2", "mix": "conv3",
    }  # fmt: skip


DIALECT = Dialect(
    name="spnet",
    source="SPNet, models/customize.py and models/spnet.py",
    classes={"StripPooling": _pooling, "SPBlock": _block},
    tables={StripPooling: _pooling_names, StripAttention: _block_names},
    ignored=("num_batches_tracked",),
)
