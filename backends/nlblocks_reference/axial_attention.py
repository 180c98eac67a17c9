"""Axial attention, as arXiv:1912.12180 writes it: each axis in turn is the one that is attended along."""

from __future__ import annotations

import math

import numpy as np

from nlblocks import specs
from nlblocks.specs.layers import head_names
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import linear, softmax
from nlblocks_reference.scope import Array, Scope


class AxialAttention(Block):
    """Self-attention along each axis: see :class:`nlblocks.specs.AxialAttention`."""

    spec_type = specs.AxialAttention

    @staticmethod
    def compute(spec: specs.AxialAttention, p: Scope, x: Array) -> tuple[Array, Maps]:
        source = np.moveaxis(x, spec.axis, -1)  # [B, *S, C]
        total, weights = np.zeros(source.shape), []
        for index in range(spec.dims):
            y, own = _attend(spec, p(f"axes.{index}"), source, index + 1)
            weights.append(own)
            total = total + y
            source = y if spec.join == "chain" else source
        y = source if spec.join == "chain" else total
        heads = np.concatenate(weights, -1)  # [P, B, *S, ΣS]
        return np.moveaxis(y, -1, spec.axis), dict(zip(head_names(spec.heads), heads, strict=True))


def _attend(spec: specs.AxialAttention, p: Scope, x: Array, axis: int) -> tuple[Array, Array]:
    """x [B, *S, C] → y [B, *S, C] and the weights [P, B, *S, L] along an axis of L positions."""
    lines = np.moveaxis(x, axis, -2)  # [B, *rest, L, C]
    query = linear(lines, p("query"))
    key, value = np.split(linear(lines, p("key_value")), 2, -1)
    mixed, weights = [], []
    for head in range(spec.heads):
        own = slice(head * spec.head_width, (head + 1) * spec.head_width)
        score = np.einsum("...ie,...je->...ij", query[..., own], key[..., own]) / math.sqrt(spec.head_width)
        weights.append(np.moveaxis(softmax(score), -2, axis))
        mixed.append(np.einsum("...ij,...je->...ie", softmax(score), value[..., own]))
    y = linear(np.concatenate(mixed, -1), p("out"))
    return np.moveaxis(y, -2, axis), np.stack(weights)
