"""Asymmetric pyramid non-local (APNB), as arXiv:1908.07678 writes it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import channel_dropout, conv, conv_norm, flatten, relu, softmax
from nlblocks_reference.resampling import adaptive_mean
from nlblocks_reference.scope import Array, Scope


class AsymmetricPyramidNonLocal(Block):
    """y = g([w(A·v), x]) over a pyramid: see :class:`nlblocks.specs.AsymmetricPyramidNonLocal`."""

    spec_type = specs.AsymmetricPyramidNonLocal

    @staticmethod
    def compute(spec: specs.AsymmetricPyramidNonLocal, p: Scope, x: Array) -> tuple[Array, Maps]:
        query, key = (relu(conv_norm(x, p("key"), spec.norm)) for _ in range(2))  # its statistics move twice
        read, attention = from_pyramid(query, key, conv(x, p("value")), spec.pool_sizes)
        y = conv_norm(np.concatenate([conv(read, p("context")), x], axis=1), p("output"), spec.norm)
        return channel_dropout(relu(y), spec.dropout, p), {"attention": attention}


def from_pyramid(query: Array, key: Array, value: Array, sizes: Sequence[int]) -> tuple[Array, Array]:
    """Query [B, D, H, W], key [B, D, I, J], value [B, E, I, J] → what is read [B, E, H, W], and the map [B, N, S]."""
    keys, values = (np.concatenate([flatten(adaptive_mean(t, (s, s))) for s in sizes], axis=2) for t in (key, value))
    attention = softmax(np.einsum("bdn,bds->bns", flatten(query), keys) / math.sqrt(query.shape[1]))
    read = np.einsum("bns,bes->ben", attention, values)
    return read.reshape(len(read), value.shape[1], *query.shape[2:]), attention
