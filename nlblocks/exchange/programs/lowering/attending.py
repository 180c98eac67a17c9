"""Attention as the products and the softmax that it is: onnxruntime's own is exact in float32 alone."""

from __future__ import annotations

import math

import numpy as np
from onnx import TensorProto

from nlblocks.exchange.programs.lowering.registry import lowers
from nlblocks.exchange.programs.lowering.writing import Call, Unwritable, Value, Writer

AS_IT_IS, WITH_CAP, WITH_BIAS, SOFTMAX = range(4)
"""What the fourth output shows."""


@lowers("Attention")
def attention(write: Writer, call: Call) -> list[Value]:
    """Y, the keys and values with those of before, and the map at one of its steps."""
    if call.input(6) is not None or max(call.attribute(f"{side}_window_size") or -1 for side in ("left", "right")) >= 0:
        raise Unwritable("it is given nonpad_kv_seqlen or a window")
    many, few = call.attribute("q_num_heads"), call.attribute("kv_num_heads")
    query, key, value = (_heads(write, call[place], heads) for place, heads in enumerate((many, few, few)))
    before, past_value = call.input(4), call.input(5)
    if before is not None and past_value is not None:
        key, value = write("Concat", before, key, axis=2), write("Concat", past_value, value, axis=2)
    rows, columns = write.size(query, 2, 3), write.size(key, 2, 3)
    scale = call.attribute("scale")
    root = write("Sqrt", write("Cast", write.size(query, 3, 4), to=TensorProto.DOUBLE)) if scale is None else None
    spread, same = _repeated(write, query, key), _repeated(write, query, value)
    raw = query @ write("Transpose", spread, perm=[0, 1, 3, 2])
    raw = raw / root if root is not None else raw * scale
    cap = call.attribute("softcap")
    capped = write("Tanh", raw / cap) * cap if cap else raw
    bias = _bias(write, call, rows, columns, before)
    scores = capped if bias is None else capped + bias
    weights = _softmax(write, scores, bias)
    mode = call.attribute("qk_matmul_output_mode") or AS_IT_IS
    shown = {AS_IT_IS: raw, WITH_CAP: capped, WITH_BIAS: scores, SOFTMAX: weights}[mode]
    y = weights @ same
    if many:
        y = write.reshape(write("Transpose", y, perm=[0, 2, 1, 3]), 0, 0, -1)
    return [y, key, value, shown]


def _heads(write: Writer, x: Value, heads: int | None) -> Value:
    """[B, heads, N, D], of that or of [B, N, heads · D]."""
    return write("Transpose", write.reshape(x, 0, 0, heads, -1), perm=[0, 2, 1, 3]) if heads else x


def _repeated(write: Writer, query: Value, x: Value) -> Value:
    """Each head of x [B, few, M, D] as often as the query has heads for it."""
    times = write.size(query, 1, 2) / write.size(x, 1, 2)
    tiled = write("Tile", write.unsqueeze(x, 2), write.vector(1, 1, times, 1, 1))
    return write.reshape(tiled, 0, write.size(query, 1, 2), write.size(x, 2))


def _bias(write: Writer, call: Call, rows: Value, columns: Value, before: Value | None) -> Value | None:
    """What is added to the scores: 0 where one may look, -inf where not."""
    mask = call.input(3)
    found: Value | None = None
    if mask is not None:
        found = write("Where", mask, 0.0, -math.inf) if write.is_boolean(mask) else mask
    if call.attribute("is_causal"):
        i, j = _count(write, rows), _count(write, columns)
        start = write.unsqueeze(i, 1) if before is None else write.unsqueeze(i, 1) + write.size(before, 2, 3)
        causal = write("Where", write("LessOrEqual", write.unsqueeze(j, 0), start), 0.0, -math.inf)
        found = causal if found is None else found + causal
    return found


def _count(write: Writer, size: Value) -> Value:
    """0, 1, 2, ..."""
    return write.squeeze(write("NonZero", write("Expand", np.array(True), size)), 0)


def _softmax(write: Writer, scores: Value, bias: Value | None) -> Value:
    """Over the last axis; all 0 where one may look nowhere."""
    found = write("Softmax", scores, axis=-1)
    if bias is None:
        return found
    is_blind = write("Equal", write.reduce("Max", bias, -1), -math.inf)
    return write("Where", is_blind, 0.0, found)
