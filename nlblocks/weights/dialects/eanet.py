"""EANet: External_attention and the multi-head Attention of its MLP. The momentum is that of its settings."""

from __future__ import annotations

from typing import Any

from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.external_attention import ExternalAttention
from nlblocks.specs.layers import BatchNorm
from nlblocks.weights.dialects.base import Dialect, Table, refuse_unless

EXPANSION, SLOTS = 4, 64
"""The class itself widens its input, and its number of heads, by the first; both classes have so many slots."""


def _image(c: int) -> BlockSpec:
    return ExternalAttention(in_channels=c, slots=SLOTS, norm=BatchNorm(momentum=3e-4))


def _heads(
    dim: int,
    num_heads: int = 8,
    qkv_bias: bool = False,
    qk_scale: Any = None,
    attn_drop: float = 0.0,
    proj_drop: float = 0.0,
) -> BlockSpec:
    """The class takes ``qkv_bias`` and ``qk_scale`` and uses neither."""
    if dim % num_heads:
        raise InputError(f"dialect eanet: Attention: dim={dim!r} must be a multiple of num_heads={num_heads!r}")
    return ExternalAttention(
        in_channels=dim, form="multi_head", slots=SLOTS, heads=EXPANSION * num_heads,
        attention_dropout=attn_drop, dropout=proj_drop,
    )  # fmt: skip


def _names(spec: ExternalAttention) -> Table:
    refuse_unless("eanet", spec, form=("residual", "multi_head"), slots=(SLOTS,), eps=(1e-9,))
    if spec.form == "multi_head":
        refuse_unless("eanet", spec, wide=(EXPANSION * spec.in_channels,))
        return {"expand": "trans_dims", "key": "linear_0", "value": "linear_1", "project": "proj"}
    c, k = spec.in_channels, spec.slots
    return {
        "conv_1": "conv1", "key.weight": ("linear_0.weight", (k, c, 1)), "value.weight": ("linear_1.weight", (c, k, 1)),
        "conv_2": "conv2.0", "norm": "conv2.1",
    }  # fmt: skip


DIALECT = Dialect(
    name="eanet",
    source="EANet, model_torch.py and multi_head_attention_torch.py",
    classes={"External_attention": _image, "Attention": _heads},
    tables={ExternalAttention: _names},
    ignored=("num_batches_tracked",),
)
