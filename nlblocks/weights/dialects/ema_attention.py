"""Efficient multi-scale attention by its authors: their EMA."""

from __future__ import annotations

from nlblocks.specs.base import BlockSpec
from nlblocks.specs.efficient_multi_scale_attention import EfficientMultiScaleAttention
from nlblocks.weights.dialects.base import Dialect, Table


def _ema(channels: int, c2: int | None = None, factor: int = 32) -> BlockSpec:
    """``c2`` has no effect. A ``factor`` that does not divide the channels crashes there and is refused here."""
    return EfficientMultiScaleAttention(in_channels=channels, groups=factor)


def _names(spec: EfficientMultiScaleAttention) -> Table:
    return {"norm": "gn", "line": "conv1x1", "local": "conv3x3"}


DIALECT = Dialect(
    name="ema_attention",
    source="the authors' EMA-attention-module",
    classes={"EMA": _ema},
    tables={EfficientMultiScaleAttention: _names},
)
