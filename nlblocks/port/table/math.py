"""Arithmetic of single elements, as functions and methods."""

from __future__ import annotations

from nlblocks.port.table.row import Row, api, case, dropped, only, when

MORE = {
    "abs": "paddle.absolute Tensor.absolute", "sigmoid": "paddle.nn.functional.sigmoid",
    "tanh": "paddle.nn.functional.tanh", "acos": "paddle.arccos", "asin": "paddle.arcsin", "atan": "paddle.arctan",
    "neg": "paddle.negative",
}  # fmt: skip
"""Further names of the functions of one tensor."""


def _unary(name: str, kind: str = "f", *, grad: bool = True, torch: str = "", held: bool = False) -> Row:
    torch = torch or name
    return api(
        f"paddle.{name}(x, name=None)",
        f"torch.{torch}(input)",
        {"x": "input"},
        case(f"paddle.{name}(x)", x=f"{kind}3,4", grad=grad, held=held),
        case(f"paddle.{name}(x=x)", x=f"{kind}3,4", grad=grad, held=held),
        case(f"x.{name}()", x=f"{kind}3,4", grad=grad, held=held),
        also=f"Tensor.{name} {MORE.get(name, '')}",
        method=torch,
    )


def _binary(
    name: str, torch: str, other: str = "other", kinds: str = "ff", *, also: str = "", grad: bool = True
) -> Row:
    x, y = (f"{kind}3,4" + ":9" * (kind == "i") for kind in kinds)
    return api(
        f"paddle.{name}(x, y, name=None)",
        f"torch.{torch}(input, {other})",
        {"x": "input", "y": other},
        case(f"paddle.{name}(x, y)", x=x, y=y, grad=grad),
        case(f"paddle.{name}(x=x, y=y + 1)", x=x, y=y.replace("3", "1"), grad=grad),
        case(f"x.{name}(y + 1)", x=x, y=y, grad=grad),
        also=f"Tensor.{name} {also}",
        method=torch,
    )


ROWS = (
    *(_unary(name) for name in ("abs", "sin", "cos", "tan", "sinh", "cosh", "tanh", "atan", "asinh", "exp", "expm1")),
    *(_unary(name) for name in ("sigmoid", "erf", "square", "neg")),
    *(_unary(name, "p") for name in ("sqrt", "rsqrt", "log", "log2", "log10", "log1p", "reciprocal", "lgamma")),
    *(_unary(name, "u") for name in ("acos", "asin", "atanh", "erfinv", "logit")[:4]),
    *(_unary(name) for name in ("floor", "ceil", "sign", "frac")),
    *(_unary(name, grad=False) for name in ("isnan", "isinf", "isfinite")),
    _binary("add", "add"),
    _binary("subtract", "sub", also="paddle.sub Tensor.sub"),
    _binary("multiply", "mul", also="paddle.mul Tensor.mul"),
    _binary("divide", "div", kinds="fp", also="paddle.div Tensor.div"),
    _binary("pow", "pow", "exponent", kinds="pf"),
    _binary("maximum", "maximum"),
    _binary("minimum", "minimum"),
    _binary("fmax", "fmax"),
    _binary("fmin", "fmin"),
    _binary("atan2", "atan2"),
    _binary("remainder", "remainder", kinds="fp", also="paddle.mod Tensor.mod paddle.floor_mod Tensor.floor_mod"),
    api(
        "paddle.floor_divide(x, y, name=None)",
        "torch.floor_divide(input, other)",
        {"x": "input", "y": "other"},
        case("paddle.floor_divide(x, y + 1)", x="i3,4:99", y="i3,4:9", grad=False),
        case("paddle.floor_divide(-x, y + 1)", x="i3,4:99", y="i3,4:9", grad=False),
        case("x.floor_divide(y + 1)", x="i3,4:99", y="i3,4:9", grad=False),
        also="Tensor.floor_divide",
        method="floor_divide",
    ),
    api(
        "paddle.round(x, decimals=0, name=None)",
        "torch.round(input, *, decimals=0)",
        {"x": "input"},
        case("paddle.round(x * 2)"),
        case("x.round()", x="f3,4"),
        case("paddle.round(x, decimals=1)", x="f3,4"),
        also="Tensor.round",
        method="round",
    ),
    api(
        "paddle.scale(x, scale=1.0, bias=0.0, bias_after_scale=True, act=None, name=None)",
        "{x} * {scale} + {bias}",
        {"bias_after_scale": only(True), "act": only(None)},
        case("paddle.scale(x, 2.0, 1.0)"),
        case("x.scale(scale=0.5)"),
        case("x.scale(2.0, bias=3.0, bias_after_scale=False)"),
        case("paddle.scale(x + 1, scale=2.0, bias=-1.0, bias_after_scale=True) * 2"),
        variants=(
            when(
                "{x} * {scale}",
                {"bias": dropped("it is zero"), "bias_after_scale": dropped("the bias is zero")},
                bias=(0.0,),
            ),
            when(
                "({x} + {bias}) * {scale}",
                {"bias_after_scale": dropped("written out")},
                bias_after_scale=(False,),
            ),
        ),
        also="Tensor.scale",
    ),
    api(
        "paddle.add_n(inputs, name=None)",
        "sum({inputs})",
        {},
        case("paddle.add_n([x, y, x])", x="f3,4", y="f3,4"),
        case("parts = [x, x * 2]\npaddle.add_n(parts)"),
        case("paddle.add_n(inputs=x)"),
        variants=(when("{inputs}", inputs="tensor"),),
    ),
    api(
        "paddle.clip(x, min=None, max=None, name=None)",
        "torch.clamp(input, min=None, max=None)",
        {"x": "input"},
        case("paddle.clip(x, -0.5, 0.7)"),
        case("x.clip(min=0.1)"),
        case("paddle.clip(x, max=y)", x="f3,4", y="f1"),
        case("x.clip(y, 0.5)", x="f3,4", y="f1"),
        case("x.clip(min=y)", x="f3,4", y="f1"),
        case("x.clip(-0.5, y)", x="f3,4", y="f1"),
        case("paddle.clip(x, -y, y)", x="f3,4", y="p1"),
        case("x.clip(0, 3)", x="i3,4:9", grad=False),
        case("(paddle.round(x).detach() + (x - x.detach())).clip(-1, 1)"),  # the gradient at the bounds
        also="Tensor.clip paddle.clamp Tensor.clamp",
        method="clamp",
        variants=(
            when("torch.clamp({input}, {min}.detach(), {max}.detach())", min="tensor", max="tensor"),
            when("torch.clamp({input}, min={min}.detach())", {"max": only(None)}, min="tensor", max="none"),
            when("torch.clamp({input}, min={min}.detach()).clamp(max={max})", min="tensor"),
            when("torch.clamp({input}, max={max}.detach())", {"min": only(None)}, min="none", max="tensor"),
            when("torch.clamp({input}, min={min}).clamp(max={max}.detach())", max="tensor"),
        ),
        notes="bounds have no gradient in Paddle; at a bound itself Paddle's gradient is 0, torch's 1",
    ),
    api(
        "paddle.lerp(x, y, weight, name=None)",
        "torch.lerp(input, end, weight)",
        {"x": "input", "y": "end"},
        case("paddle.lerp(x, y, 0.5)", x="f3,4", y="f3,4"),
        case("x.lerp(y, weight=0.25)", x="f3,4", y="f3,4"),
        variants=(when(None, why="a weight that is a tensor has no gradient in Paddle", weight="tensor"),),
        also="Tensor.lerp",
        method="lerp",
    ),
    api(
        "paddle.nan_to_num(x, nan=0.0, posinf=None, neginf=None, name=None)",
        "torch.nan_to_num(input, nan=None, posinf=None, neginf=None)",
        {"x": "input"},
        case("paddle.nan_to_num(x / 0)", x="f3,4", grad=False),
        case("paddle.nan_to_num((x - x) / 0, nan=2.0)", x="f3,4", grad=False),
        case("(x / 0).nan_to_num(nan=1.0, posinf=9.0, neginf=-9.0)", x="f3,4", grad=False),
        also="Tensor.nan_to_num",
        method="nan_to_num",
    ),
)
