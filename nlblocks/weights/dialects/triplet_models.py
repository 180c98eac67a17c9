"""Triplet attention in the folder of models of its own code, from which the published ResNets come: other names."""

from __future__ import annotations

from collections.abc import Sequence

from nlblocks.specs.triplet_attention import TripletAttention
from nlblocks.weights.dialects.base import Dialect, Table, refuse_unless
from nlblocks.weights.dialects.triplet import PARTS

GATES = {"cw": "ChannelGateH", "hc": "ChannelGateW", "hw": "SpatialGate"}


def _triplet(
    gate_channels: int, reduction_ratio: int = 16, pool_types: Sequence[str] = ("avg", "max"), no_spatial: bool = False
) -> TripletAttention:
    """Only ``no_spatial`` does anything in this class."""
    return TripletAttention(spatial=not no_spatial)


def _names(spec: TripletAttention) -> Table:
    refuse_unless("triplet_models", spec, kernel_size=(7,))
    return {
        f"{gate}.{ours}": f"{GATES[gate]}.spatial.{theirs}" for gate in spec.gates for ours, theirs in PARTS.items()
    }


DIALECT = Dialect(
    name="triplet_models",
    source="triplet-attention, MODELS/triplet_attention.py",
    classes={"TripletAttention": _triplet},
    tables={TripletAttention: _names},
    ignored=("num_batches_tracked",),
)
