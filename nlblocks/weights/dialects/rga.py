"""Relation-Aware Global Attention: its RGA_Module."""

from __future__ import annotations

from nlblocks.errors import InputError
from nlblocks.specs.relation_aware_attention import Mode, RelationAwareAttention
from nlblocks.weights.dialects.base import Dialect, Foreign, Table

LAYERS = {
    "theta": ("theta", 0),
    "phi": ("phi", 0),
    "feature": ("gx", 0),
    "relation": ("gg", 0),
    "hidden": ("W", 0),
    "gate": ("W", 3),
}
"""Our layer → the public prefix and the index of its convolution; its BatchNorm comes next."""


def _rga_module(
    in_channel: int,
    in_spatial: int,
    use_spatial: bool = True,
    use_channel: bool = True,
    cha_ratio: int = 8,
    spa_ratio: int = 8,
    down_ratio: int = 8,
) -> RelationAwareAttention:
    modes: dict[tuple[bool, bool], Mode] = {(True, True): "both", (True, False): "spatial", (False, True): "channel"}
    mode = modes.get((use_spatial, use_channel))
    if mode is None:
        raise InputError(
            f"dialect rga: use_spatial={use_spatial!r} and use_channel={use_channel!r} must be True or False, not both "
            "False: RGA_Module returns nothing then"
        )
    return RelationAwareAttention(
        in_channels=in_channel,
        positions=in_spatial,
        mode=mode,
        channel_ratio=cha_ratio,
        spatial_ratio=spa_ratio,
        down_ratio=down_ratio,
    )


def _names(spec: RelationAwareAttention) -> Table:
    shapes = {param.name: param.shape for param in spec.params()}
    table: dict[str, Foreign] = {}
    for gate in spec.gates:
        for ours, (theirs, index) in LAYERS.items():
            weight = f"{gate}.{ours}.conv.weight"
            # the same convolutions, written in 2D
            table[weight] = (f"{theirs}_{gate}.{index}.weight", (*shapes[weight], 1))
            table[f"{gate}.{ours}.norm"] = f"{theirs}_{gate}.{index + 1}"
    return table


DIALECT = Dialect(
    name="rga",
    source="Relation-Aware Global Attention",
    classes={"RGA_Module": _rga_module},
    tables={RelationAwareAttention: _names},
    ignored=("num_batches_tracked",),
)
