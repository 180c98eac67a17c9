"""SA-Net: sa_layer, whose gates are [1, D, 1, 1]."""

from __future__ import annotations

from nlblocks.specs.base import BlockSpec
from nlblocks.specs.shuffle_attention import ShuffleAttention
from nlblocks.weights.dialects.base import Dialect, Table


def _layer(channel: int, groups: int = 64) -> BlockSpec:
    return ShuffleAttention(in_channels=channel, groups=groups)


def shuffle_names(spec: ShuffleAttention) -> Table:
    """The names that fightingcv's copy has as well."""
    shape = (1, spec.half, 1, 1)
    gates = {"channel_weight": "cweight", "channel_bias": "cbias", "spatial_weight": "sweight", "spatial_bias": "sbias"}
    return {ours: (theirs, shape) for ours, theirs in gates.items()} | {"norm": "gn"}


DIALECT = Dialect(
    name="sanet",
    source="SA-Net, models/sa_resnet.py",
    classes={"sa_layer": _layer},
    tables={ShuffleAttention: shuffle_names},
)
