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
        *([case("(x * 100).cast('byte').astype('float64')", grad=False)] if name == "int8" else []),
    )


ROWS = (
    *map(_dtype, DTYPES),
    api(
        "paddle.dtype",
        "torch.dtype",
        {},
        case("isinstance(x.dtype, paddle.dtype)", grad=False),
        case(
            "kinds = {'byte': 100, 'int': 1e10, 'float': 1 / 3, 'uint16': 1}\n"
            "[(x * size).cast(kind).astype('float64') for kind, size in kinds.items()]",
            grad=False,
        ),
    ),
    api(
        "paddle.Tensor(*data)",
        "torch.FloatTensor(*data)",
        {"data": "data"},
        case("paddle.Tensor([[1, 2], [3, 4]])", grad=False),
        case("paddle.Tensor(2, 3)", grad=False, check="shape"),
        case("isinstance(x, paddle.Tensor)", grad=False),
        case("isinstance(x, (int, paddle.Tensor))", grad=False),
        value="torch.Tensor",
        notes="as a function it gives float32, whatever the default",
        also="paddle.base.framework.Variable paddle.static.Variable paddle.base.libpaddle.eager.Tensor",
    ),
)
