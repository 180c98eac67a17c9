"""Spatial gather, as arXiv:1909.11065 writes it."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import flatten, softmax
from nlblocks_reference.scope import Array, Scope


class SpatialGather(Block):
    """o = x · softmax(scale · logits) over positions: see :class:`nlblocks.specs.SpatialGather`."""

    spec_type = specs.SpatialGather

    @staticmethod
    def compute(spec: specs.SpatialGather, p: Scope, x: Array, logits: Array) -> tuple[Array, Maps]:
        weights = softmax(spec.scale * flatten(logits))  # [B, K, N]
        return np.einsum("bcn,bkn->bck", flatten(x), weights)[..., None], {}
