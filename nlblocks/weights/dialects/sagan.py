"""Self-attention GAN in PyTorch: its Self_Attn."""

from __future__ import annotations

from typing import Any

from nlblocks.errors import InputError
from nlblocks.specs.position_attention import PositionAttention
from nlblocks.weights.dialects.base import Dialect, Table


def _self_attn(in_dim: int, activation: Any = None) -> PositionAttention:
    """The class keeps ``activation`` and never applies it."""
    return self_attention("sagan", "Self_Attn", in_dim)


def self_attention(dialect: str, cls: str, in_dim: int) -> PositionAttention:
    """The spec of ``cls(in_dim)``, which cannot be built where in_dim // 8 is 0."""
    spec = PositionAttention(in_channels=in_dim)
    self_attention_names(dialect, cls, spec)
    return spec


def self_attention_names(dialect: str, cls: str, spec: PositionAttention) -> Table:
    """The names that SAGAN's Self_Attn and DANet's PAM_Module share; both fix the width of query and key."""
    fixed = spec.in_channels // 8
    if spec.inner != fixed:
        raise InputError(
            f"dialect {dialect}: {cls} of in_dim={spec.in_channels} has in_dim // 8 = {fixed} query channels; "
            f"it has no form with {spec.inner}"
        )
    return {"query": "query_conv", "key": "key_conv", "value": "value_conv", "gamma": "gamma"}


DIALECT = Dialect(
    name="sagan",
    source="Self-Attention GAN in PyTorch",
    classes={"Self_Attn": _self_attn},
    tables={PositionAttention: lambda spec: self_attention_names("sagan", "Self_Attn", spec)},
)
