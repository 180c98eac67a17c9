"""The Paddle blog on non-local networks: its four blocks and the ResNets around them, written in Paddle.

The names of the ResNets' tensors are those of a copy that a reader of the blog published.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nlblocks.errors import InputError, one_of
from nlblocks.specs.attention_resnet import STAGES, AttentionResNet
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.channel_affinity import ChannelAffinity, Mode
from nlblocks.specs.layers import BatchNorm
from nlblocks.weights.dialects.base import Dialect, Foreign, Table

NORM = BatchNorm(eps=float(np.float32(1e-5)), momentum=1.0 - float(np.float32(0.9)), variance="biased")
"""Paddle's layer: it holds eps 1e-5 and momentum 0.9 (the weight of the old) as float32."""


def _block(mode: Mode, *, bottleneck: bool, zero_init: bool) -> Callable[..., BlockSpec]:
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


BLOCKS = {
    "EmbeddedGaussion": _block("embedded_gaussian", bottleneck=True, zero_init=True),
    "EmbeddedGaussionNoBottleNeck": _block("embedded_gaussian", bottleneck=False, zero_init=False),
    "VanillaGaussion": _block("gaussian", bottleneck=False, zero_init=False),
    "DotProduction": _block("dot_product", bottleneck=True, zero_init=False),
}


def _baseline(num_classes: int = 10) -> BlockSpec:
    return AttentionResNet(num_classes=num_classes, norm=NORM)


def _resnet_non_local(num_classes: int = 10, block: str = "EmbeddedGaussion") -> BlockSpec:
    """``block`` names the class that the blog puts into this network."""
    if block not in BLOCKS:
        raise InputError(f"dialect paddle_blog: block={block!r} {one_of(block, BLOCKS)}")
    attention = BLOCKS[block](shape=[1, 256, 1, 1])
    return AttentionResNet(num_classes=num_classes, attention=attention, norm=NORM)


AFFINITY = {"theta": "theta", "phi": "phi", "g": "g", "w_z": "conv", "norm": "bn"}


def _channel_affinity(spec: ChannelAffinity) -> Table:
    return AFFINITY


def _resnet(spec: AttentionResNet) -> Table:
    if spec.after_stage != 3 or not (spec.attention is None or isinstance(spec.attention, ChannelAffinity)):
        raise InputError(
            "dialect paddle_blog: the blog's extra block is a residual block or a ChannelAffinity, after stage 3; "
            f"it has no attention={spec.attention!r} after stage {spec.after_stage}"
        )
    table: dict[str, Foreign] = {"stem.conv": "model.0", "stem.norm": "model.1"}
    element = 4  # of the outer Sequential, after conv, norm, ReLU and pool
    for stage in STAGES:
        for block in (0, 1):
            table |= _residual(f"stage_{stage}.{block}", f"model.{element}.model.{block}")
        if stage == 3 and spec.attention is None:  # the baseline's stage has a third block
            table |= _residual("extra", f"model.{element}.model.2")
        elif stage == 3:
            element += 1
            table |= {f"extra.{ours}": f"model.{element}.{theirs}" for ours, theirs in AFFINITY.items()}
        element += 1
    return table | {"fc": f"model.{element + 2}"}  # after the mean and the flattening


def _residual(ours: str, theirs: str) -> dict[str, Foreign]:
    places = {"conv_1": "model.0", "norm_1": "model.1", "conv_2": "model.3", "norm_2": "model.4"}
    return {f"{ours}.{name}": f"{theirs}.{place}" for name, place in (places | {"shortcut": "model_1x1.0"}).items()}


DIALECT = Dialect(
    name="paddle_blog",
    source="the Paddle blog's reproduction of non-local networks",
    classes={**BLOCKS, "ResNet": _baseline, "ResNetNonLocal": _resnet_non_local},
    tables={ChannelAffinity: _channel_affinity, AttentionResNet: _resnet},
    suffixes={"running_mean": "_mean", "running_var": "_variance"},
    linear_in_out=True,
)
