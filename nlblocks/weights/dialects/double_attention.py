"""Double-Attention-Network: DoubleAttentionLayer."""

from __future__ import annotations

from nlblocks.specs.base import BlockSpec
from nlblocks.specs.double_attention import DoubleAttention
from nlblocks.weights.dialects.base import Dialect, Table, refuse_unless


def _layer(in_channels: int, c_m: int, c_n: int, reconstruct: bool = False) -> BlockSpec:
    return DoubleAttention(in_channels=in_channels, inter_channels=c_m, descriptors=c_n, reconstruct=reconstruct)


def _names(spec: DoubleAttention) -> Table:
    refuse_unless("double_attention", spec, residual=(False,))
    return {"features": "convA", "gather": "convB", "distribute": "convV", "reconstruct": "conv_reconstruct"}


DIALECT = Dialect(
    name="double_attention",
    source="Double-Attention-Network, double_attention_layer.py",
    classes={"DoubleAttentionLayer": _layer},
    tables={DoubleAttention: _names},
)
