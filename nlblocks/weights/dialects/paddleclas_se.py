"""PaddleClas: SELayer of its SE networks (Linear layers), and SEModule of its MobileNetV3 (1×1 convolutions)."""

from __future__ import annotations

import numpy as np

from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.squeeze_excitation import SqueezeExcitation
from nlblocks.weights.dialects.base import Dialect, Table, refuse_unless

SLOPE = float(np.float32(0.2))
"""The slope of MobileNetV3's hard sigmoid, as Paddle holds it."""


def _layer(num_channels: int, num_filters: int, reduction_ratio: int = 16) -> BlockSpec:
    if num_filters != num_channels:
        raise InputError(
            f"dialect paddleclas_se: num_filters={num_filters!r} must be num_channels={num_channels!r}: "
            "a gate has the channels of its input"
        )
    return SqueezeExcitation(in_channels=num_channels, ratio=reduction_ratio, bias=True)


def _module(channel: int, reduction: int = 4) -> BlockSpec:
    return SqueezeExcitation(in_channels=channel, ratio=reduction, bias=True, gate="hard_sigmoid", slope=SLOPE)


def _names(spec: SqueezeExcitation) -> Table:
    refuse_unless("paddleclas_se", spec, pool=("avg",), bias=(True,))
    if spec.gate == "sigmoid":
        return {"fc_1": "squeeze", "fc_2": "excitation"}
    c, d = spec.in_channels, spec.inner
    return {
        "fc_1.weight": ("conv1.weight", (d, c, 1, 1)), "fc_1.bias": "conv1.bias",
        "fc_2.weight": ("conv2.weight", (c, d, 1, 1)), "fc_2.bias": "conv2.bias",
    }  # fmt: skip


DIALECT = Dialect(
    name="paddleclas_se",
    source="PaddleClas, SE_ResNet and MobileNetV3",
    classes={"SELayer": _layer, "SEModule": _module},
    tables={SqueezeExcitation: _names},
    linear_in_out=True,
)
