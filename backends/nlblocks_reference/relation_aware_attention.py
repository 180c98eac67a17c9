"""Relation-aware global attention, gate by gate."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import conv_norm, relu, sigmoid
from nlblocks_reference.scope import Array, Scope


class RelationAwareAttention(Block):
    """Gates from relations: see :class:`nlblocks.specs.RelationAwareAttention`."""

    spec_type = specs.RelationAwareAttention

    @staticmethod
    def compute(spec: specs.RelationAwareAttention, p: Scope, x: Array) -> tuple[Array, Maps]:
        b, c, h, w = x.shape
        maps: Maps = {}
        if spec.mode in ("both", "spatial"):
            maps["spatial"] = _gate(spec, p("spatial"), x.reshape(b, c, h * w)).reshape(b, 1, h, w)
            x = x * maps["spatial"]
        if spec.mode in ("both", "channel"):
            maps["channel"] = _gate(spec, p("channel"), x.reshape(b, c, h * w).swapaxes(1, 2)).reshape(b, c, 1, 1)
            x = x * maps["channel"]
        return x, maps if spec.mode == "both" else {"attention": maps[spec.mode]}


def _gate(spec: specs.RelationAwareAttention, p: Scope, x: Array) -> Array:
    """x [B, F, M] → [B, 1, M]."""

    def embed(layer: str, array: Array) -> Array:
        return relu(conv_norm(array, p(layer), spec.norm))

    relations = np.einsum("bei,bej->bij", embed("theta", x), embed("phi", x))  # [B, M, M]
    outgoing, incoming = np.einsum("bij->bji", relations), relations  # of node i in column i
    seen = embed("relation", np.concatenate([outgoing, incoming], axis=1))  # [B, R, M]
    feature = embed("feature", x).mean(1, keepdims=True)  # [B, 1, M]
    hidden = embed("hidden", np.concatenate([feature, seen], axis=1))  # [B, hidden, M]
    return sigmoid(conv_norm(hidden, p("gate"), spec.norm))
