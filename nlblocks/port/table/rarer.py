"""Rarer arithmetic, reductions and arrangements, as functions and methods."""

from __future__ import annotations

from nlblocks.port.table.row import Case, Fates, Row, api, case, only, to, when

AXIS: Fates = {"x": "input", "axis": "dim"}
AXES: Fates = {"x": "input", "axis": to("dim", "axes")}


def both(paddle: str, torch: str, fates: Fates, *cases: Case, also: str = "", notes: str = "") -> Row:
    """A function of a tensor that is its method too, under torch's name there."""
    name = paddle.partition("(")[0].removeprefix("paddle.")
    method = torch.partition("(")[0].removeprefix("torch.")
    return api(paddle, torch, fates, *cases, also=f"Tensor.{name} {also}", method=method, notes=notes)


def _single(name: str, *, grad: bool = True) -> Row:
    return both(
        f"paddle.{name}(x, name=None)",
        f"torch.{name}(input)",
        {"x": "input"},
        case(f"paddle.{name}(x)", x="f3,4", grad=grad),
        case(f"x.{name}()", x="f3,4", grad=grad),
    )


def _pair(name: str, kinds: str = "ff", *, grad: bool = True) -> Row:
    x, y = (f"{kind}3,4" + ":9" * (kind == "i") for kind in kinds)
    return both(
        f"paddle.{name}(x, y, name=None)",
        f"torch.{name}(input, other)",
        {"x": "input", "y": "other"},
        case(f"paddle.{name}(x, y)", x=x, y=y, grad=grad),
        case(f"x.{name}(y=y)", x=x, y=y, grad=grad),
    )


def _joined(name: str) -> Row:
    return api(
        f"paddle.{name}(x, name=None)",
        f"torch.{name}(tensors)",
        {"x": "tensors"},
        case(f"paddle.{name}([x, x * 2])", x="f3,4"),
        case(f"paddle.{name}(x=(x, x * 2))", x="f3,4"),
    )


def _cumulated(name: str) -> Row:
    return api(
        f"paddle.{name}(x, axis=None, dtype='int64', name=None)",
        f"torch.{name}(input, dim)",
        {**AXIS, "dtype": only("int64")},
        case(f"paddle.{name}(x, axis=1)[0]", x="f3,4"),
        case(f"x.{name}(-1)[1]", x="f3,4", grad=False),
        case(f"x.{name}()[0]", x="f3,4"),
        also=f"Tensor.{name}",
        method=name,
        variants=(when(f"torch.{name}({{x}}.flatten(), 0)", {"x": "x", "axis": only(None)}, axis="none"),),
    )


ROWS = (
    *(_single(name) for name in ("deg2rad", "rad2deg", "i0", "sinc")),
    _single("isneginf", grad=False),
    _single("isposinf", grad=False),
    *(_pair(name) for name in ("hypot", "logaddexp", "copysign")),
    *(_pair(name, "ii", grad=False) for name in ("gcd", "lcm")),
    _pair("inner"),
    *(_joined(name) for name in ("hstack", "vstack", "dstack")),
    *map(_cumulated, ("cummax", "cummin")),
    both(
        "paddle.isclose(x, y, rtol=1e-05, atol=1e-08, equal_nan=False, name=None)",
        "torch.isclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False)",
        {"x": "input", "y": "other"},
        case("paddle.isclose(x, x + 1e-9)", grad=False),
        case("x.isclose(y=x + 1e-3, rtol=0.0, atol=1e-2, equal_nan=True)", grad=False),
    ),
    both(
        "paddle.diff(x, n=1, axis=-1, prepend=None, append=None, name=None)",
        "torch.diff(input, n=1, dim=-1, prepend=None, append=None)",
        AXIS,
        case("paddle.diff(x)"),
        case("x.diff(n=2, axis=1)", x="f3,4"),
        case("paddle.diff(x, prepend=x[:, :1], append=x[:, :1])", x="f3,4"),
    ),
    both(
        "paddle.trace(x, offset=0, axis1=0, axis2=1, name=None)",
        "torch.trace(input)",
        {"x": "input", "offset": only(0), "axis1": only(0), "axis2": only(1)},
        case("paddle.trace(x)", x="f3,3"),
        case("x.trace() * 2", x="f3,4"),
        notes="torch's takes matrices alone, and raises else",
    ),
    both(
        "paddle.count_nonzero(x, axis=None, keepdim=False, name=None)",
        "torch.count_nonzero(input, dim=None)",
        {**AXES, "keepdim": only(False)},
        case("paddle.count_nonzero(x > 0)", grad=False),
        case("paddle.count_nonzero(x.round(), axis=[1, 2])", grad=False),
    ),
    *(
        both(
            f"paddle.{name}(x, axis=None, {dtype}keepdim=False, name=None)",
            f"torch.{name}(input, dim=None, keepdim=False)",
            {**AXES, **({"dtype": only(None)} if dtype else {})},
            case(f"paddle.{name}(x)"),
            case(
                f"paddle.{name}(paddle.where(x > 0, x, paddle.full_like(x, float('nan'))), axis=[2, 3], keepdim=True)"
            ),
        )
        for name, dtype in (("nansum", "dtype=None, "), ("nanmean", ""))
    ),
    api(
        "paddle.kthvalue(x, k, axis=None, keepdim=False, name=None)",
        "torch.kthvalue(input, k, dim=-1, keepdim=False)",
        AXIS,
        case("paddle.kthvalue(x, 2, axis=1)[0]"),
        case("x.kthvalue(k=2, axis=-1, keepdim=True)[1]", grad=False),
        case("paddle.kthvalue(x, 2)[0]"),
        also="Tensor.kthvalue",
        method="kthvalue",
        variants=(when("torch.kthvalue(input, k, *, keepdim=False)", {"axis": only(None)}, axis="none"),),
    ),
    api(
        "paddle.tensordot(x, y, axes=2, name=None)",
        "torch.tensordot(a, b, dims=2)",
        {"x": "a", "y": "b", "axes": "dims"},
        case("paddle.tensordot(x, y, axes=1)", x="f3,4", y="f4,5"),
        case("paddle.tensordot(x, y, axes=[[1], [0]])", x="f3,4", y="f4,5"),
        case("paddle.tensordot(x, y)", x="f2,3,4", y="f3,4,5"),
    ),
    both(
        "paddle.unflatten(x, axis, shape, name=None)",
        "torch.unflatten(input, dim, sizes)",
        {**AXIS, "shape": to("sizes", "shape")},
        case("paddle.unflatten(x, 1, [2, -1])", x="f3,4"),
        case("x.unflatten(axis=-1, shape=(2, 2))", x="f3,4"),
    ),
    api(
        "paddle.nn.Unflatten(axis, shape, name=None)",
        "nn.Unflatten(dim, unflattened_size)",
        {"axis": "dim", "shape": to("unflattened_size", "items")},
        case(layer="nn.Unflatten(1, [2, 2])", x="f3,4"),
    ),
    both(
        "paddle.index_put(x, indices, value, accumulate=False, name=None)",
        "torch.index_put(input, indices, values, accumulate=False)",
        {"x": "input", "value": "values"},
        case("paddle.index_put(x, (i,), y)", x="f6,3", i="i1:6", y="f1,3"),
        case("x.index_put((i,), y, accumulate=True)", x="f6,3", i="i4:6", y="f4,3"),
    ),
    both(
        "paddle.index_fill(x, index, axis, value, name=None)",
        "torch.index_fill({input}, {dim}, {index}, {value})",
        AXIS,
        case("paddle.index_fill(x, i, 0, 2.0)", x="f6,3", i="i2:6"),
        case("x.index_fill(i, axis=1, value=-1.0)", x="f6,3", i="i2:3"),
    ),
    api(
        "paddle.broadcast_tensors(input, name=None)",
        "torch.broadcast_tensors(*tensors)",
        {"input": "tensors"},
        case("a, b = paddle.broadcast_tensors([x, y])\na * b", x="f3,1", y="f1,4"),
        rule="parts",
    ),
    both(
        "paddle.view_as(x, other, name=None)",
        "{input}.view({other}.shape)",
        {"x": "input"},
        case("paddle.view_as(x, y.detach())", x="f3,4", y="f4,3"),
        case("x.view_as(other=y.detach())", x="f3,4", y="f4,3"),
    ),
    both(
        "paddle.take(x, index, mode='raise', name=None)",
        "torch.take(input, index)",
        {"x": "input", "mode": only("raise")},
        case("paddle.take(x, i)", x="f3,4", i="i5:12"),
        case("x.take(index=i)", x="f3,4", i="i2,2:12"),
    ),
    *(
        api(
            f"paddle.{name}_indices(row, col=None, offset=0, dtype='int64')"
            if name == "triu"
            else f"paddle.{name}_indices(row, col, offset=0, dtype='int64')",
            f"torch.{name}_indices(row, col, offset=0)",
            {"dtype": only("int64")},
            case(f"paddle.{name}_indices(4, 5)", grad=False),
            case(f"paddle.{name}_indices(4, 5, offset=1)", grad=False),
            variants=(
                when(
                    f"torch.{name}_indices({{row}}, {{row}}, {{offset}})",
                    {"col": only(None), "dtype": only("int64")},
                    col="none",
                ),
            )
            if name == "triu"
            else (),
        )
        for name in ("tril", "triu")
    ),
    api(
        "paddle.nn.NLLLoss(weight=None, ignore_index=-100, reduction='mean', name=None)",
        "nn.NLLLoss(*, ignore_index=-100, reduction='mean')",
        {"weight": only(None)},
        case("layer(x, y)", layer="nn.NLLLoss()", x="f6,5", y="i6:5"),
        case("layer(x, y)", layer="nn.NLLLoss(ignore_index=2, reduction='none')", x="f6,5", y="i6:5"),
    ),
    api(
        "paddle.nn.Fold(output_sizes, kernel_sizes, dilations=1, paddings=0, strides=1, name=None)",
        "nn.Fold(output_size, kernel_size, dilation=1, padding=0, stride=1)",
        {
            "output_sizes": to("output_size", "items"),
            "kernel_sizes": to("kernel_size", "pair"),
            "dilations": to("dilation", "pair"),
            "paddings": to("padding", "pair"),
            "strides": to("stride", "pair"),
        },
        case(layer="nn.Fold([4, 5], 2)", x="f2,12,12"),
        case(layer="nn.Fold([4, 6], kernel_sizes=[2, 2], strides=2)", x="f2,12,6"),
        case(layer="nn.Fold([4, 5], 2, 2, 1, 1)", x="f2,12,20"),
    ),
    api("paddle.nn.Softmax2D(name=None)", "nn.Softmax2d()", {}, case(layer="nn.Softmax2D()")),
)
