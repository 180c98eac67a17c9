"""efficient-attention, the code of its authors: EfficientAttention."""

from __future__ import annotations

from nlblocks.specs.base import BlockSpec
from nlblocks.specs.efficient_attention import EfficientAttention
from nlblocks.weights.dialects.base import Dialect, Table


def _block(in_channels: int, key_channels: int, head_count: int, value_channels: int) -> BlockSpec:
    return EfficientAttention(
        in_channels=in_channels, key_channels=key_channels, value_channels=value_channels, heads=head_count
    )


def _names(spec: EfficientAttention) -> Table:
    return {"query": "queries", "key": "keys", "value": "values", "reproject": "reprojection"}


DIALECT = Dialect(
    name="efficient_attention",
    source="efficient-attention",
    classes={"EfficientAttention": _block},
    tables={EfficientAttention: _names},
)
