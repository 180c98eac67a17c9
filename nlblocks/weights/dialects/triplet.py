"""Triplet attention's own code: the module at its root. The copy in its folder of models is triplet_models."""

from __future__ import annotations

from nlblocks.specs.triplet_attention import TripletAttention
from nlblocks.weights.dialects.base import Dialect, Table, refuse_unless

PARTS = {"conv": "conv", "norm": "bn"}
"""The layers of a gate, and what they are called."""


def triplet(no_spatial: bool = False) -> TripletAttention:
    """Of any number of channels; xmu's copy is the same."""
    return TripletAttention(spatial=not no_spatial)


def triplet_names(dialect: str, spec: TripletAttention) -> Table:
    """Each gate under its two axes, a convolution and its BatchNorm."""
    refuse_unless(dialect, spec, kernel_size=(7,))
    return {f"{gate}.{ours}": f"{gate}.conv.{theirs}" for gate in spec.gates for ours, theirs in PARTS.items()}


DIALECT = Dialect(
    name="triplet",
    source="triplet-attention, triplet_attention.py",
    classes={"TripletAttention": triplet},
    tables={TripletAttention: lambda spec: triplet_names("triplet", spec)},
    ignored=("num_batches_tracked",),
)
