"""Polarized self-attention, as arXiv:2107.00782 writes it, and as its authors' code does."""

from __future__ import annotations

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import conv, flatten, linear, relu, sigmoid, softmax
from nlblocks_reference.norms import layer_norm
from nlblocks_reference.scope import Array, Scope


class PolarizedSelfAttention(Block):
    """A gate per channel and one per position: see :class:`nlblocks.specs.PolarizedSelfAttention`."""

    spec_type = specs.PolarizedSelfAttention

    @staticmethod
    def compute(spec: specs.PolarizedSelfAttention, p: Scope, x: Array) -> tuple[Array, Maps]:
        channel = _channel(spec, p, x)  # [B, C]
        by_channel = x * channel[:, :, None, None]
        source = x if spec.mode == "parallel" else by_channel
        spatial = _spatial(spec, p, source)  # [B, H, W]
        by_position = source * spatial[:, None]
        y = by_channel + by_position if spec.mode == "parallel" else by_position
        return y, {"channel": channel, "spatial": spatial}


def _channel(spec: specs.PolarizedSelfAttention, p: Scope, x: Array) -> Array:
    weights = softmax(flatten(conv(x, p("channel_query"))))[:, 0]  # [B, N]
    pooled = np.einsum("bdn,bn->bd", flatten(conv(x, p("channel_value"))), weights)
    if spec.norm == "inner":
        pooled = relu(layer_norm(linear(pooled, p("down")), p("norm")))
    gate = linear(pooled, p("up"))
    return sigmoid(layer_norm(gate, p("norm")) if spec.norm == "gate" else gate)


def _spatial(spec: specs.PolarizedSelfAttention, p: Scope, x: Array) -> Array:
    query = flatten(conv(x, p("spatial_query"))).mean(2)  # [B, D]
    value = flatten(conv(x, p("spatial_value")))  # [B, D, N]
    if spec.spatial_softmax == "query":
        score = np.einsum("bd,bdn->bn", softmax(query, 1), value)
    elif spec.spatial_softmax == "value":
        score = np.einsum("bd,bdn->bn", query, softmax(value, 2))
    else:
        score = softmax(np.einsum("bd,bdn->bn", query, value), 1)
    return sigmoid(score).reshape(x.shape[0], *x.shape[2:])
