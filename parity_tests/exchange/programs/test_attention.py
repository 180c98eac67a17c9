"""ONNX's Attention in both runners in float64, against torch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torch.nn.functional import scaled_dot_product_attention

from nlblocks.backend import Array
from nlblocks.exchange.programs import Evaluator, Runtime

EXACT = 3e-15
"""The rounding of a few hundred float64 sums, relative to the greatest value."""
RNG = np.random.default_rng(0)
QUERY, KEY, VALUE = (RNG.standard_normal(shape) for shape in ((2, 4, 5, 6), (2, 4, 7, 6), (2, 4, 7, 3)))
MASK = RNG.random((5, 7)) < 0.7
CASES: dict[str, tuple[dict[str, Any], Array | None, dict[str, Any]]] = {
    "plain": ({}, None, {}),
    "scaled": ({"scale": 0.3}, None, {"scale": float(np.float32(0.3))}),
    "causal": ({"is_causal": 1}, None, {"is_causal": True}),
    "masked": ({}, MASK, {"attn_mask": torch.as_tensor(MASK)}),
    "with a bias": ({}, 3.0 * MASK, {"attn_mask": torch.as_tensor(3.0 * MASK)}),
}


def program(attrs: dict[str, Any], feeds: dict[str, Array]) -> onnx.ModelProto:
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape)
        for name, x in feeds.items()
    ]
    y = helper.make_tensor_value_info("y", TensorProto.DOUBLE, None)
    graph = helper.make_graph([helper.make_node("Attention", list(feeds), ["y"], **attrs)], "g", inputs, [y])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=11)


def check(attrs: dict[str, Any], feeds: dict[str, Array], right: Array) -> None:
    model = program(attrs, feeds)
    for runner in (Evaluator(model), Runtime(model, "float64")):
        found = runner.run(feeds)["y"]
        assert np.abs(found - right).max() <= EXACT * np.abs(right).max(), type(runner).__name__


@pytest.mark.parametrize("name", CASES)
def test_it_is_exact(name: str) -> None:
    attrs, mask, more = CASES[name]
    feeds = {"q": QUERY, "k": KEY, "v": VALUE} | ({} if mask is None else {"mask": mask})
    right = scaled_dot_product_attention(*(torch.as_tensor(x) for x in (QUERY, KEY, VALUE)), **more)
    check(attrs, feeds, right.numpy())


def test_heads_side_by_side_are_taken_apart() -> None:
    right = scaled_dot_product_attention(*(torch.as_tensor(x) for x in (QUERY, KEY, VALUE)))
    feeds = {
        name: x.swapaxes(1, 2).reshape(2, x.shape[2], -1)
        for name, x in zip("qkv", (QUERY, KEY, VALUE), strict=True)
    }  # fmt: skip
    check({"q_num_heads": 4, "kv_num_heads": 4}, feeds, right.numpy().swapaxes(1, 2).reshape(2, 5, -1))


def test_few_keys_serve_many_queries() -> None:
    q, k, v = torch.as_tensor(QUERY), torch.as_tensor(KEY[:, :2]), torch.as_tensor(VALUE[:, :2])
    right = scaled_dot_product_attention(q, k.repeat_interleave(2, 1), v.repeat_interleave(2, 1))
    check({}, {"q": QUERY, "k": KEY[:, :2], "v": VALUE[:, :2]}, right.numpy())


def test_who_may_look_nowhere_sees_nothing() -> None:
    mask = MASK.copy()
    mask[2] = False
    model = program({}, feeds := {"q": QUERY, "k": KEY, "v": VALUE, "mask": mask})
    for runner in (Evaluator(model), Runtime(model, "float64")):
        assert not runner.run(feeds)["y"][:, :, 2].any()
