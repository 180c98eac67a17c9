"""Activations, as layers, functions and methods."""

from __future__ import annotations

from nlblocks.port.table.row import Row, api, attr, case, dropped, only, to, when

INPLACE = {"inplace": only(False)}


def _layer(paddle: str, torch: str, *, held: bool = False, also: str = "") -> Row:
    """A layer without settings."""
    return api(
        f"paddle.nn.{paddle}(name=None)",
        f"nn.{torch}()",
        {},
        case(layer=f"nn.{paddle}()", held=held),
        case(f"nn.{paddle}(name='act')(x * 3)", held=held),
        also=also,
    )


def _function(paddle: str, torch: str = "", *, held: bool = False, also: str = "") -> Row:
    """A function without settings."""
    return api(
        f"paddle.nn.functional.{paddle}(x, name=None)",
        f"F.{torch or paddle}(input)",
        {"x": "input"},
        case(f"F.{paddle}(x)", held=held),
        case(f"F.{paddle}(x=x * 3)", held=held),
        also=also,
    )


def _scaled(layer: str, function: str, names: tuple[str, ...], values: tuple[float, ...], defaults: tuple[str, ...],
            torch: str = "", held: bool = False, renamed: tuple[str, ...] = ()) -> tuple[Row, Row]:  # fmt: skip
    """A layer and a function with numbers as settings; ``renamed`` are torch's names of them."""
    renamed = renamed or names
    given = ", ".join(f"{n}={d}" for n, d in zip(names, defaults, strict=True))
    theirs = ", ".join(f"{n}={d}" for n, d in zip(renamed, defaults, strict=True))
    fates = dict(zip(names, renamed, strict=True))
    some = ", ".join(f"{n}={v}" for n, v in zip(names, values, strict=True))
    plain = ", ".join(map(str, values))
    torch = torch or layer
    return api(
        f"paddle.nn.{layer}({given}, name=None)",
        f"nn.{torch}({theirs})",
        fates,
        case(layer=f"nn.{layer}()", held=held),
        case(layer=f"nn.{layer}({some})", held=held),
        case(layer=f"nn.{layer}({plain})", held=held),
    ), api(
        f"paddle.nn.functional.{function}(x, {given}, name=None)",
        f"F.{function}(input, {theirs})",
        {"x": "input", **fates},
        case(f"F.{function}(x)", held=held),
        case(f"F.{function}(x, {some})", held=held),
        case(f"F.{function}(x, {plain})", held=held),
    )


ROWS = (
    _layer("ReLU", "ReLU"),
    _layer("ReLU6", "ReLU6"),
    _layer("Sigmoid", "Sigmoid"),
    _layer("Tanh", "Tanh"),
    _layer("Hardswish", "Hardswish"),
    _layer("Hardsigmoid", "Hardsigmoid", held=True),
    _layer("Swish", "SiLU"),
    _layer("Mish", "Mish"),
    _layer("Softsign", "Softsign"),
    _layer("LogSigmoid", "LogSigmoid"),
    _layer("Tanhshrink", "Tanhshrink"),
    api(
        "paddle.nn.Silu(inplace=False, name=None)",
        "nn.SiLU(inplace=False)",
        {},
        case(layer="nn.Silu()"),
        case(layer="nn.Silu(inplace=False)"),
        also="paddle.nn.SiLU",
    ),
    _function("relu6"),
    _function("hardswish"),
    _function("swish", "silu"),
    _function("mish"),
    _function("softsign"),
    _function("log_sigmoid", "logsigmoid"),
    _function("tanhshrink"),
    api(
        "paddle.nn.functional.relu(x, name=None)",
        "F.relu(input)",
        {"x": "input"},
        case("F.relu(x)"),
        case("F.relu(x=x * 3)"),
        case("F.relu(x, True)"),
        notes="a second argument is a name, as some code gives torch's inplace",
    ),
    api(
        "paddle.nn.functional.relu_(x, name=None)",
        "F.relu_(input)",
        {"x": "input"},
        case("y = x * 2\nF.relu_(y)\ny"),
        case("F.relu_(x * 2)"),
    ),
    api(
        "paddle.nn.functional.silu(x, inplace=False, name=None)",
        "F.silu(input, inplace=False)",
        {"x": "input"},
        case("F.silu(x)"),
        case("F.silu(x=x)"),
        case("F.silu(x * 1, inplace=False)"),
    ),
    *_scaled("LeakyReLU", "leaky_relu", ("negative_slope",), (0.25,), ("0.01",), held=True),
    *_scaled("ELU", "elu", ("alpha",), (0.5,), ("1.0",), held=True),
    *_scaled("CELU", "celu", ("alpha",), (0.5,), ("1.0",), held=True),
    *_scaled("Softplus", "softplus", ("beta", "threshold"), (2, 15), ("1", "20"), held=True),
    *_scaled("Hardtanh", "hardtanh", ("min", "max"), (-0.5, 0.5), ("-1.0", "1.0"), renamed=("min_val", "max_val")),
    *_scaled("Hardshrink", "hardshrink", ("threshold",), (0.25,), ("0.5",), renamed=("lambd",)),
    *_scaled("Softshrink", "softshrink", ("threshold",), (0.25,), ("0.5",), renamed=("lambd",)),
    api(
        "paddle.nn.SELU(scale=1.0507009873554805, alpha=1.6732632423543772, name=None)",
        "nn.SELU()",
        {"scale": only(1.0507009873554805), "alpha": only(1.6732632423543772)},
        case(layer="nn.SELU()", held=True),
    ),
    api(
        "paddle.nn.functional.selu(x, scale=1.0507009873554805, alpha=1.6732632423543772, name=None)",
        "F.selu(input)",
        {"x": "input", "scale": only(1.0507009873554805), "alpha": only(1.6732632423543772)},
        case("F.selu(x)", held=True),
    ),
    api(
        "paddle.nn.GELU(approximate=False, name=None)",
        "nn.GELU(approximate='none')",
        {"approximate": to("approximate", "approximate")},
        case(layer="nn.GELU()"),
        case(layer="nn.GELU(approximate=True)"),
        case(layer="nn.GELU(approximate=False)"),
        case(layer="nn.GELU(True)"),
        case(layer="rough = True\nnn.GELU(approximate=rough)"),
    ),
    api(
        "paddle.nn.functional.gelu(x, approximate=False, name=None)",
        "F.gelu(input, *, approximate='none')",
        {"x": "input", "approximate": to("approximate", "approximate")},
        case("F.gelu(x)"),
        case("F.gelu(x, approximate=True)"),
        case("F.gelu(x=x, approximate=False)"),
        case("rough = False\nF.gelu(x, approximate=rough)"),
    ),
    api(
        "paddle.nn.functional.hardsigmoid(x, slope=0.1666667, offset=0.5, name=None)",
        "torch.clamp({x} * {slope} + {offset}, 0, 1)",
        {},
        case("F.hardsigmoid(x)", held=True),
        case("F.hardsigmoid(x * 9, slope=0.2, offset=0.5)", held=True),
        case("F.hardsigmoid(x=x * 9, slope=0.2)", held=True),
        variants=(
            when(
                "F.hardsigmoid({x})",
                {"slope": dropped("torch's own"), "offset": only(0.5)},
                slope=(0.1666667,),
                offset=(0.5,),
            ),
        ),
        notes="slope and offset are held as float32; the default slope is the decimal 0.1666667",
    ),
    api(
        "paddle.nn.Softmax(axis=-1, name=None)",
        "nn.Softmax(dim)",
        {"axis": "dim"},
        case(layer="nn.Softmax(axis=1)"),
        case(layer="nn.Softmax()"),
        case(layer="nn.Softmax(2)"),
    ),
    api(
        "paddle.nn.LogSoftmax(axis=-1, name=None)",
        "nn.LogSoftmax(dim)",
        {"axis": "dim"},
        case(layer="nn.LogSoftmax(axis=1)"),
        case(layer="nn.LogSoftmax()"),
    ),
    api(
        "paddle.nn.functional.softmax(x, axis=-1, dtype=None, name=None)",
        "F.softmax(input, dim, *, dtype=None)",
        {"x": "input", "axis": "dim", "dtype": to("dtype", "dtype")},
        case("F.softmax(x)"),
        case("F.softmax(x, axis=1)"),
        case("F.softmax(x=x, axis=-1, dtype='float64')"),
        case("F.softmax(x, 2)"),
        case("paddle.nn.functional.softmax(x, -1, dtype=paddle.float32)", held=True),
        also="paddle.softmax",
    ),
    api(
        "paddle.nn.functional.log_softmax(x, axis=-1, dtype=None, name=None)",
        "F.log_softmax(input, dim, *, dtype=None)",
        {"x": "input", "axis": "dim", "dtype": to("dtype", "dtype")},
        case("F.log_softmax(x)"),
        case("F.log_softmax(x, axis=1)"),
        case("F.log_softmax(x, 2, dtype='float64')"),
    ),
    api(
        "paddle.nn.functional.glu(x, axis=-1, name=None)",
        "F.glu(input, dim=-1)",
        {"x": "input", "axis": "dim"},
        case("F.glu(x)", x="f3,4"),
        case("F.glu(x, axis=1)", x="f3,4,2"),
    ),
    api(
        "paddle.nn.GLU(axis=-1, name=None)", "nn.GLU(dim=-1)", {"axis": "dim"}, case(layer="nn.GLU(axis=1)", x="f3,4,2")
    ),
    api(
        "paddle.nn.PReLU(num_parameters=1, init=0.25, weight_attr=None, data_format='NCHW', name=None)",
        "nn.PReLU(num_parameters=1, init=0.25)",
        {"weight_attr": attr("weight"), "data_format": only("NCHW", "NCL", "NCDHW", "NC")},
        case(layer="nn.PReLU()"),
        case(layer="nn.PReLU(3, init=0.1)"),
        case(layer="nn.PReLU(num_parameters=3, data_format='NCHW')"),
    ),
    api(
        "paddle.nn.functional.prelu(x, weight, data_format='NCHW', name=None)",
        "F.prelu(input, weight)",
        {"x": "input", "data_format": only("NCHW", "NCL", "NCDHW", "NC")},
        case("F.prelu(x, w)", x="f2,3,4,5", w="f3"),
        case("F.prelu(x, weight=w)", x="f2,3,4,5", w="f1"),
    ),
    api(
        "paddle.nn.Maxout(groups, axis=1, name=None)",
        None,
        notes="torch has no maxout",
    ),
    api(
        "paddle.incubate.nn.functional.swiglu(x, y=None, name=None)",
        "F.silu({x}) * {y}",
        {},
        case("paddle.incubate.nn.functional.swiglu(x, y)", x="f3,4", y="f3,4"),
        case("paddle.incubate.nn.functional.swiglu(x)", x="f3,4"),
        variants=(when("swiglu({x})", {"y": only(None)}, y="none"),),
        also="paddle.nn.functional.swiglu",
    ),
)
