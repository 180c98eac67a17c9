"""Arithmetic, reductions and comparisons, as functions and methods."""

from __future__ import annotations

from nlblocks.port.table.row import api, case, to

ROWS = (
    api(
        "paddle.sum(x, axis=None, dtype=None, keepdim=False, name=None)",
        "torch.sum(input, dim=None, keepdim=False, dtype=None)",
        {"x": "input", "axis": to("dim", "axes"), "dtype": to("dtype", "dtype")},
        case("paddle.sum(x, axis=1)"),
        case("x.sum([1, -1], keepdim=True)"),
        case("paddle.sum(x)"),
        case("x.sum(axis=2, dtype='float64')"),
        also="Tensor.sum",
        method="sum",
    ),
)
