"""Reductions over axes, running sums, comparisons and logic, as functions and methods."""

from __future__ import annotations

from nlblocks.port.table.row import Fates, Row, api, case, dropped, only, to, when

AXES: Fates = {"x": "input", "axis": to("dim", "axes")}
SAME: Fates = {"x": "input", "axis": "dim"}


def _compared(name: str, torch: str, kinds: str = "fp") -> Row:
    """A comparison, whose other side may be a number in torch too."""
    x, y = ("b3,4", "b3,4") if kinds == "bb" else (f"{kinds[0]}3,4", f"{kinds[1]}3,4")
    return api(
        f"paddle.{name}(x, y, name=None)",
        f"torch.{torch}(input, other)",
        {"x": "input", "y": "other"},
        case(f"paddle.{name}(x, y)", x=x, y=y, grad=False),
        case(f"paddle.{name}(x=x, y=x)", x=x, y=y, grad=False),
        case(f"x.{name}(y)", x=x, y=y, grad=False),
        also=f"Tensor.{name}",
        method=torch,
    )


def _extreme(name: str) -> Row:
    """Paddle's max and amax with axes both share the gradient among ties, as torch's amax does and its max does not."""
    torch = "amax" if name in ("max", "amax") else "amin"
    return api(
        f"paddle.{name}(x, axis=None, keepdim=False, name=None)",
        f"torch.{torch}(input, dim=(), keepdim=False)",
        {"x": "input", "axis": to("dim", "axes")},
        case(f"paddle.{name}(x, axis=1)"),
        case(f"paddle.{name}(x.round(), axis=[2, 3])"),
        case(f"paddle.{name}(x, [1, 2], True)"),
        case(f"x.{name}(-1, keepdim=True)"),
        case(f"paddle.{name}(x)"),
        case(f"x.round().{name}()"),
        case(f"x.{name}(axis=None, keepdim=True)"),
        variants=(
            when(
                f"torch.{torch}({{input}})",
                {"axis": dropped("all"), "keepdim": only(False)},
                axis="none",
                keepdim=(False,),
            ),
            when(f"torch.{torch}({{input}}, dim=(), keepdim={{keepdim}})", {"axis": dropped("all")}, axis="none"),
        ),
        also=f"Tensor.{name}",
        method=torch,
        notes="gives the values alone, as torch's amax and amin do",
    )


def _quantity(name: str) -> Row:
    return api(
        f"paddle.{name}(x, axis=None, keepdim=False, name=None)",
        f"torch.{name}(input, dim=None, keepdim=False)",
        AXES,
        case(f"paddle.{name}(x, axis=1)", x="b3,4", grad=False),
        case(f"x.{name}([1, 2], keepdim=True)", x="b2,3,4", grad=False),
        case(f"paddle.{name}(x)", x="b3,4", grad=False),
        case(f"x.{name}()", x="b3,4", grad=False),
        case(f"paddle.{name}(x > 0, [1, 2], True)", grad=False),
        also=f"Tensor.{name}",
        method=name,
    )


def _spread(name: str) -> Row:
    default = "True" if name == "std" else "None"
    return api(
        f"paddle.{name}(x, axis=None, unbiased={default}, keepdim=False, name=None)",
        f"torch.{name}(input, dim=None, *, correction=1, keepdim=False)",
        {**AXES, "unbiased": to("correction", "correction")},
        case(f"paddle.{name}(x, axis=[2, 3])"),
        case(f"paddle.{name}(x, axis=1, unbiased=False)"),
        case(f"x.{name}(1, True, True)"),
        case(f"x.{name}()"),
        case(f"paddle.{name}(x, unbiased=False)"),
        case(f"flag = True\nx.{name}(axis=-1, keepdim=True, unbiased=flag)"),
        variants=(
            when(
                f"torch.{name}(input, dim=None, *, keepdim=False)",
                {"unbiased": dropped("torch's default")},
                unbiased=(None, True),
            ),
        ),
        also=f"Tensor.{name}",
        method=name,
    )


def _argument(name: str) -> Row:
    return api(
        f"paddle.{name}(x, axis=None, keepdim=False, dtype='int64', name=None)",
        f"torch.{name}(input, dim=None, keepdim=False)",
        {**SAME, "dtype": only("int64")},
        case(f"paddle.{name}(x, axis=1)", grad=False),
        case(f"x.{name}()", grad=False),
        case(f"x.{name}(-1, keepdim=True)", grad=False),
        case(f"paddle.{name}(x, axis=2, dtype='int32')", grad=False),
        case(f"x.{name}(axis=2, dtype=paddle.int64)", grad=False),
        variants=(
            when(f"torch.{name}(input, dim=None, keepdim=False)", dtype=("int64",)),
            when(
                f"torch.{name}({{input}}, dim={{dim}}, keepdim={{keepdim}}).to({{dtype}})",
                {"dtype": to("dtype", "dtype")},
            ),
        ),
        also=f"Tensor.{name}",
        method=name,
    )


ROWS = (
    api(
        "paddle.sum(x, axis=None, dtype=None, keepdim=False, name=None)",
        "torch.sum(input, dim=None, keepdim=False, *, dtype=None)",
        {**AXES, "dtype": to("dtype", "dtype")},
        case("paddle.sum(x, axis=1)"),
        case("x.sum([1, -1], keepdim=True)"),
        case("paddle.sum(x)"),
        case("x.sum(axis=2, dtype='float64')"),
        case("x.sum()", x="b3,4", grad=False),
        case("paddle.sum(x, 1)", x="i3,4:9", grad=False),
        case("axis = [0, 1]\nx.sum(axis)"),
        case("paddle.sum(x, 1, True)"),
        case("x.sum(dim=1, keepdim=True)"),
        case("paddle.sum(input=x, dim=[0, 1])"),
        also="Tensor.sum",
        method="sum",
    ),
    api(
        "paddle.mean(x, axis=None, keepdim=False, name=None, *, dtype=None)",
        "torch.mean(input, dim=None, keepdim=False, *, dtype=None)",
        {**AXES, "dtype": to("dtype", "dtype")},
        case("paddle.mean(x, axis=1)"),
        case("x.mean([1, -1], keepdim=True)"),
        case("paddle.mean(x)"),
        case("paddle.mean(x, [2, 3], True)"),
        case("x.mean(axis=(2, 3), dtype='float64')"),
        also="Tensor.mean",
        method="mean",
        notes="of integers Paddle gives an integer, torch raises",
    ),
    *map(_extreme, ("max", "min", "amax", "amin")),
    *map(_quantity, ("all", "any")),
    *map(_spread, ("var", "std")),
    *map(_argument, ("argmax", "argmin")),
    api(
        "paddle.logsumexp(x, axis=None, keepdim=False, name=None)",
        "torch.logsumexp(input, dim, keepdim=False)",
        AXES,
        case("paddle.logsumexp(x, axis=1)"),
        case("x.logsumexp([2, 3], keepdim=True)"),
        case("paddle.logsumexp(x)"),
        variants=(
            when(
                "torch.logsumexp({input}.flatten(), 0)", {"axis": dropped("all"), "keepdim": only(False)}, axis="none"
            ),
        ),
        also="Tensor.logsumexp",
        method="logsumexp",
    ),
    api(
        "paddle.prod(x, axis=None, keepdim=False, dtype=None, out=None, name=None)",
        "torch.prod(input, dim, keepdim=False, *, dtype=None)",
        {**AXES, "dtype": to("dtype", "dtype"), "out": only(None)},
        case("paddle.prod(x, axis=1)", x="f3,4"),
        case("x.prod()", x="f3,4"),
        case("x.prod(-1, keepdim=True, dtype='float64')", x="f3,4"),
        case("paddle.prod(x, axis=[0])", x="f3,4"),
        variants=(
            when(
                "torch.prod({input})",
                {"axis": dropped("all"), "keepdim": only(False), "dtype": only(None), "out": only(None)},
                axis="none",
            ),
        ),
        also="Tensor.prod",
        method="prod",
    ),
    api(
        "paddle.cumsum(x, axis=None, dtype=None, name=None)",
        "torch.cumsum(input, dim, *, dtype=None)",
        {**SAME, "dtype": to("dtype", "dtype")},
        case("paddle.cumsum(x, axis=1)"),
        case("x.cumsum(-1)"),
        case("paddle.cumsum(x)"),
        case("x.cumsum()"),
        case("x.cumsum(axis=1, dtype='float64')", x="i3,4:9", grad=False),
        case("paddle.cumsum(x, 0, dtype='float32')", x="b3,4", grad=False),
        variants=(
            when(
                "torch.cumsum({input}.flatten(), 0)",
                {"axis": dropped("all, one after the other"), "dtype": only(None)},
                axis="none",
            ),
        ),
        also="Tensor.cumsum",
        method="cumsum",
    ),
    api(
        "paddle.cumprod(x, dim=None, *, dtype=None, name=None)",
        "torch.cumprod(input, dim, *, dtype=None)",
        {"x": "input", "dtype": to("dtype", "dtype")},
        case("paddle.cumprod(x, dim=1)", x="f3,4"),
        case("x.cumprod(-1, dtype='float64')", x="f3,4"),
        case("paddle.cumprod(x)", x="f3,4"),
        variants=(
            when(
                "torch.cumprod({input}.flatten(), 0)",
                {"dim": dropped("all, one after the other"), "dtype": only(None)},
                dim="none",
            ),
        ),
        also="Tensor.cumprod",
        method="cumprod",
    ),
    api(
        "paddle.median(x, axis=None, keepdim=False, mode='avg', name=None)",
        None,
        also="Tensor.median",
        notes="of an even count Paddle gives the mean of the two in the middle, torch the lower",
    ),
    api(
        "paddle.quantile(x, q, axis=None, keepdim=False, interpolation='linear', name=None)",
        "torch.quantile(input, q, dim=None, keepdim=False, *, interpolation='linear')",
        SAME,
        case("paddle.quantile(x, 0.5, axis=1)"),
        case("paddle.quantile(x, q=[0.25, 0.5], axis=-1, keepdim=True)", grad=False),
        case("x.quantile(0.3, 1, interpolation='lower')"),
        case("paddle.quantile(x, 0.9)"),
        variants=(
            when(
                "torch.quantile(input, q, dim=None, keepdim=False, *, interpolation='linear')",
                {"q": to("q", "tensor"), **SAME},
                q="list",
            ),
        ),
        also="Tensor.quantile",
        method="quantile",
    ),
    _compared("equal", "eq", "ff"),
    _compared("not_equal", "ne"),
    _compared("greater_than", "gt"),
    _compared("greater_equal", "ge"),
    _compared("less_than", "lt"),
    _compared("less_equal", "le"),
    _compared("logical_and", "logical_and", "bb"),
    _compared("logical_or", "logical_or", "bb"),
    _compared("logical_xor", "logical_xor", "bb"),
    *(
        api(
            f"paddle.{name}(x, name=None)",
            f"torch.{name}(input)",
            {"x": "input"},
            case(f"paddle.{name}(x)", x="b3,4", grad=False),
            case(f"x.{name}()", x="b3,4", grad=False),
            also=f"Tensor.{name}",
            method=name,
        )
        for name in ("logical_not",)
    ),
    *(
        api(
            f"paddle.{name}(x, {others}out=None, name=None)",
            f"torch.{name}(input{', other' if others else ''})",
            {"x": "input", "y": "other", "out": only(None)} if others else {"x": "input", "out": only(None)},
            case(f"paddle.{name}(x{', y' if others else ''})", x="b3,4", y="b3,4", grad=False),
            case(f"x.{name}({'y=y' if others else ''})", x="i3,4:99", y="i3,4:99", grad=False),
            also=f"Tensor.{name}",
            method=name,
        )
        for name, others in (("bitwise_and", "y, "), ("bitwise_or", "y, "), ("bitwise_xor", "y, "), ("bitwise_not", ""))
    ),
    api(
        "paddle.equal_all(x, y, name=None)",
        "torch.tensor(torch.equal({x}, {y}))",
        {},
        case("paddle.equal_all(x, x)", grad=False),
        case("x.equal_all(x + 1)", grad=False),
        also="Tensor.equal_all",
    ),
    api(
        "paddle.allclose(x, y, rtol=1e-05, atol=1e-08, equal_nan=False, name=None)",
        "torch.tensor(torch.allclose({x}, {y}, rtol={rtol}, atol={atol}, equal_nan={equal_nan}))",
        {},
        case("paddle.allclose(x * float('nan'), x * float('nan'), equal_nan=True)", grad=False),
        case("paddle.allclose(x, x + 1e-9)", grad=False),
        case("x.allclose(x + 1e-3, rtol=0.0, atol=1e-2)", grad=False),
        also="Tensor.allclose",
    ),
)
