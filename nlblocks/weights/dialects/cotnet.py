"""CoTNet: its CotLayer, which runs on a GPU only, with a kernel of its own. CoXtLayer, in groups, is not covered."""

from __future__ import annotations

from nlblocks.specs.contextual_transformer import ContextualTransformer
from nlblocks.weights.dialects.base import Dialect, Table, refuse_unless


def _layer(dim: int, kernel_size: int) -> ContextualTransformer:
    return ContextualTransformer(in_channels=dim, kernel_size=kernel_size)


def _names(spec: ContextualTransformer) -> Table:
    own = _layer(spec.in_channels, spec.kernel_size)
    refuse_unless("cotnet", spec, key_groups=(own.key_groups,), share=(own.share,), inner=(own.inner,))
    return {
        "key.conv": "key_embed.0", "key.norm": "key_embed.1", "mix.conv": "embed.0", "mix.norm": "embed.1",
        "weigh": "embed.3", "weigh_norm": "embed.4", "value.conv": "conv1x1.0", "value.norm": "conv1x1.1",
        "norm": "bn", "fc_1": "se.0", "fc_norm": "se.1", "fc_2": "se.3",
    }  # fmt: skip


DIALECT = Dialect(
    name="cotnet",
    source="CoTNet, models/cotnet.py",
    classes={"CotLayer": _layer},
    tables={ContextualTransformer: _names},
    ignored=("num_batches_tracked",),
)
