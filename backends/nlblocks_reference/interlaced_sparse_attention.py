"""Interlaced sparse attention, as arXiv:1907.12273 writes it."""

from __future__ import annotations

import math

import numpy as np

from nlblocks import specs
from nlblocks_reference.block import Block, Maps
from nlblocks_reference.layers import channel_dropout, conv, conv_norm, flatten, relu, softmax
from nlblocks_reference.scope import Array, Scope


class InterlacedSparseAttention(Block):
    """y = short(long(x)): see :class:`nlblocks.specs.InterlacedSparseAttention`."""

    spec_type = specs.InterlacedSparseAttention

    @staticmethod
    def compute(spec: specs.InterlacedSparseAttention, p: Scope, x: Array) -> tuple[Array, Maps]:
        if spec.form == "attention":
            y, attention = attend(spec, p("attention"), x)
            return y, {"attention": attention}
        stages = [interlace(spec, p(f"stages.{index}"), x, patch) for index, patch in enumerate(spec.partitions)]
        if spec.form == "block":
            return stages[0], {}
        beside = relu(conv_norm(x, p("lift"), spec.norm)) if spec.lifts else x
        y = relu(conv_norm(np.concatenate([beside, *stages], axis=1), p("output"), spec.norm))
        return channel_dropout(y, spec.dropout, p), {}


def interlace(spec: specs.InterlacedSparseAttention, p: Scope, x: Array, patch: tuple[int, int]) -> Array:
    """``long`` over the positions at every P-th row and column, ``short`` within each patch."""
    (p_h, p_w), (h, w) = patch, x.shape[2:]
    q_h, q_w = math.ceil(h / p_h), math.ceil(w / p_w)
    more = (q_h * p_h - h, q_w * p_w - w)
    padded = np.pad(x, [(0, 0), (0, 0), *((n // 2, n - n // 2) for n in more)])
    offsets = [(i, j) for i in range(p_h) for j in range(p_w)]
    far = np.concatenate([padded[:, :, i::p_h, j::p_w] for i, j in offsets])  # [P·B, C, Q_h, Q_w]
    related = np.split(attend(spec, p("long"), far)[0], len(offsets))
    between = np.zeros((x.shape[0], spec.width, *padded.shape[2:]), dtype=related[0].dtype)
    for (i, j), part in zip(offsets, related, strict=True):
        between[:, :, i::p_h, j::p_w] = part
    corners = [(i * p_h, j * p_w) for i in range(q_h) for j in range(q_w)]
    near = np.concatenate([between[:, :, i : i + p_h, j : j + p_w] for i, j in corners])  # [Q·B, O, P_h, P_w]
    y = np.zeros_like(between)
    for (i, j), part in zip(corners, np.split(attend(spec, p("short"), near)[0], len(corners)), strict=True):
        y[:, :, i : i + p_h, j : j + p_w] = part
    top, left = (n // 2 for n in more)
    return y[:, :, top : top + h, left : left + w]


def attend(spec: specs.InterlacedSparseAttention, p: Scope, x: Array) -> tuple[Array, Array]:
    """One attention over all positions of x: its output and its map [B, N, N]."""
    query, key = x, x
    for index in ("0", "1"):
        query = relu(conv_norm(query, p("query")(index), spec.norm))
        key = relu(conv_norm(key, p("key")(index), spec.norm))
    value = flatten(conv(x, p("value")))  # [B, E, N]
    scores = np.einsum("bdn,bdm->bnm", flatten(query), flatten(key)) / math.sqrt(spec.keys)
    attention = softmax(scores)
    mixed = np.einsum("bnm,bem->ben", attention, value).reshape(*value.shape[:2], *x.shape[2:])
    return relu(conv_norm(mixed, p("output"), spec.norm)), attention
