"""CoTNet: its CotLayer, and the CoXtLayer of CoTNeXt, in two groups; both have a kernel of their own, for GPUs only."""

from __future__ import annotations

from nlblocks.specs.contextual_transformer import ContextualTransformer
from nlblocks.weights.dialects.base import Dialect, Table, refuse_unless


def _layer(dim: int, kernel_size: int) -> ContextualTransformer:
    return ContextualTransformer(in_channels=dim, kernel_size=kernel_size)


def _grouped(dim: int, kernel_size: int) -> ContextualTransformer:
    return ContextualTransformer(in_channels=dim, kernel_size=kernel_size, key_groups=8, groups=2)


def _names(spec: ContextualTransformer) -> Table:
    own = (_layer if spec.groups == 1 else _grouped)(spec.in_channels, spec.kernel_size)
    refuse_unless(
        "cotnet", spec, groups=(own.groups,), key_groups=(own.key_groups,), share=(own.share,), inner=(own.inner,)
    )
    return {
        "key.conv": "key_embed.0", "key.norm": "key_embed.1", "mix.conv": "embed.0", "mix.norm": "embed.1",
        "weigh": "embed.3", "weigh_norm": "embed.4", "value.conv": "conv1x1.0", "value.norm": "conv1x1.1",
        "norm": "bn", "fc_1": "se.0", "fc_norm": "se.1", "fc_2": "se.3",
    }  # fmt: skip


DIALECT = Dialect(
    name="cotnet",
    source="CoTNet, models/cotnet.py",
    classes={"CotLayer": _layer, "CoXtLayer": _grouped},
    tables={ContextualTransformer: _names},
    ignored=("num_batches_tracked",),
)
