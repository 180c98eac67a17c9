"""The Paddle blog on non-local networks: its four blocks, written in Paddle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.channel_affinity import ChannelAffinity
from nlblocks.specs.layers import BatchNorm
from nlblocks.weights.dialects.base import Dialect, Table

NORM = BatchNorm(eps=float(np.float32(1e-5)), momentum=1.0 - float(np.float32(0.9)), variance="biased")
"""Paddle's layer: it holds eps 1e-5 and momentum 0.9 (the weight of the old) as float32."""


def _block(mode: str, *, bottleneck: bool, zero_init: bool) -> Callable[..., BlockSpec]:
    def block(shape: Sequence[int]) -> BlockSpec:
        if not isinstance(shape, list | tuple) or len(shape) != 4:
            raise InputError(f"dialect paddle_blog: shape={shape!r} must be [B, C, H, W]; only C is used")
        channels: Any = shape[1]
        return ChannelAffinity(
            in_channels=channels,
            inter_channels=None if bottleneck else channels,
            mode=mode,
            norm=NORM,
            zero_init=zero_init,
        )

    return block


def _channel_affinity(spec: ChannelAffinity) -> Table:
    return {"theta": "theta", "phi": "phi", "g": "g", "w_z": "conv", "norm": "bn"}


DIALECT = Dialect(
    name="paddle_blog",
    source="the Paddle blog's reproduction of non-local networks",
    classes={
        "EmbeddedGaussion": _block("embedded_gaussian", bottleneck=True, zero_init=True),
        "EmbeddedGaussionNoBottleNeck": _block("embedded_gaussian", bottleneck=False, zero_init=False),
        "VanillaGaussion": _block("gaussian", bottleneck=False, zero_init=False),
        "DotProduction": _block("dot_product", bottleneck=True, zero_init=False),
    },
    tables={ChannelAffinity: _channel_affinity},
    suffixes={"running_mean": "_mean", "running_var": "_variance"},
    linear_in_out=True,
)
