"""Names that are values: dtypes, and what a tensor is."""

from __future__ import annotations

from nlblocks.port.table.row import Row, api, case

DTYPES = (
    "float16", "bfloat16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool", "complex64",
    "complex128",
)  # fmt: skip


def _dtype(name: str) -> Row:
    return api(
        f"paddle.{name}",
        f"torch.{name}",
        {},
        case(f"x.astype(paddle.{name}).astype('float64')", grad=name in ("float32", "float64")),
        case(f"kind = paddle.{name}\npaddle.zeros([2, 3], dtype=kind)", grad=False),
    )


ROWS = (
    *map(_dtype, DTYPES),
    api(
        "paddle.Tensor",
        "torch.Tensor",
        {},
        case("isinstance(x, paddle.Tensor)", grad=False),
        case("isinstance(x, (int, paddle.Tensor))", grad=False),
        also="paddle.base.framework.Variable paddle.static.Variable paddle.base.libpaddle.eager.Tensor",
    ),
)
