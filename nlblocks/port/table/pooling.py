"""Pooling, as layers and functions."""

from __future__ import annotations

from nlblocks.port.table.channels_last import LAST, channels_last
from nlblocks.port.table.row import Fates, api, case, only, refused, to, when

FORMAT = {1: "NCL", 2: "NCHW", 3: "NCDHW"}
SIZES: Fates = {
    "kernel_size": to("kernel_size", "pair"), "stride": to("stride", "pair"), "padding": to("padding", "padding"),
    "return_mask": to("return_indices"),
}  # fmt: skip
OVERRIDDEN = (
    when(None, divisor_override="int", ceil_mode=(True,), why="the divisor counts otherwise with ceil_mode"),
    when(None, divisor_override="int", exclusive=(True,), why="the divisor is not read where padding is not counted"),
)
NAMED = when(None, padding="text", why="padding by a name that is not SAME")
ALIKE = "kernel_size, stride=None, "


def _max(n: int):  # type: ignore[no-untyped-def]
    x = f"f2,3,{'7,' * n}".rstrip(",")
    same: Fates = {"padding": only("SAME", "same"), "return_mask": only(False)}
    torch = f"nn.MaxPool{n}d({ALIKE}padding=0, *, return_indices=False, ceil_mode=False)"
    last = channels_last(n, torch, padded=True) if n > 1 else ()
    return api(
        f"paddle.nn.MaxPool{n}D({ALIKE}padding=0, return_mask=False, ceil_mode=False"
        + (f", data_format={FORMAT[n]!r}" if n > 1 else "") + ", name=None)",
        torch,
        {**SIZES, "data_format": only(FORMAT[n])},
        case(layer=f"nn.MaxPool{n}D(3)", x=x),
        case(layer=f"nn.MaxPool{n}D(kernel_size=3, stride=2, padding=1)", x=x),
        case(layer=f"nn.MaxPool{n}D(2, 2, ceil_mode=True)", x=x),
        case("y, i = layer(x)\ny * i.astype('float64')", layer=f"nn.MaxPool{n}D(2, 2, return_mask=True)", x=x),
        case(layer=f"nn.MaxPool{n}D(3, 2, 1, ceil_mode=True)", x=x),
        case(layer=f"nn.MaxPool{n}D(3, 2, padding='SAME')", x=x),
        case(layer=f"nn.MaxPool{n}D([2{', 3' * (n - 1)}], 1, padding='same')", x=x),
        *([case(layer=f"nn.MaxPool{n}D(2, 1, 1, data_format={LAST[n]!r})", x=x)] if n > 1 else []),
        variants=(*last, when(f"SameMaxPool{n}d({ALIKE}ceil_mode=False)", same, padding=("SAME", "same")), NAMED),
        rule="pool",
    ), api(
        f"paddle.nn.functional.max_pool{n}d(x, {ALIKE}padding=0, return_mask=False, ceil_mode=False"
        + (f", data_format={FORMAT[n]!r}" if n > 1 else "") + ", name=None)",
        f"F.max_pool{n}d(input, {ALIKE}padding=0, dilation=1, ceil_mode=False, return_indices=False)",
        {"x": "input", **SIZES, "data_format": only(FORMAT[n])},
        case(f"F.max_pool{n}d(x, 3, stride=2, padding=1)", x=x),
        case(f"F.max_pool{n}d(x, kernel_size=2, ceil_mode=True)", x=x),
        case(f"y, i = F.max_pool{n}d(x, 3, 2, 1, return_mask=True)\ny * i.astype('float64')", x=x),
        case(f"F.max_pool{n}d(x, 3, stride=2, padding='SAME')", x=x),
        variants=(
            when(f"SameMaxPool{n}d({{kernel_size}}, {{stride}})({{input}})", {**same, "ceil_mode": only(False)},
                 padding=("SAME", "same")),
            NAMED,
        ),
        rule="pool",
    )  # fmt: skip


def _average(n: int):  # type: ignore[no-untyped-def]
    x = f"f2,3,{'7,' * n}".rstrip(",")
    divisor = ", divisor_override=None" if n > 1 else ""
    layer = f"nn.AvgPool{n}d({ALIKE}padding=0, ceil_mode=False, count_include_pad=True{divisor})"
    plain = layer.replace(", count_include_pad=True", "").replace(", divisor", ", *, divisor")
    exclusive: Fates = {"exclusive": to("count_include_pad", "negated")}
    same = f"SameAvgPool{n}d({ALIKE}ceil_mode=False)"
    no_mask = {k: v for k, v in SIZES.items() if k != "return_mask"}
    no_divisor: Fates = {"divisor_override": only(None)} if n > 1 else {}
    by_name: Fates = {"padding": only("SAME", "same"), "exclusive": only(True), **no_divisor}
    return api(
        f"paddle.nn.AvgPool{n}D({ALIKE}padding=0, "
        + ("exclusive=True, ceil_mode=False" if n == 1 else "ceil_mode=False, exclusive=True")
        + (f"{divisor}, data_format={FORMAT[n]!r}" if n > 1 else "") + ", name=None)",
        layer,
        {**no_mask, **exclusive, "data_format": only(FORMAT[n])},
        case(layer=f"nn.AvgPool{n}D(3)", x=x, held=True),
        case(layer=f"nn.AvgPool{n}D(kernel_size=3, stride=2, padding=1)", x=x, held=True),
        case(layer=f"nn.AvgPool{n}D(3, 2, 1, exclusive=False)", x=x, held=True),
        case(layer=f"nn.AvgPool{n}D(2, 2, ceil_mode=True)", x=x, held=True),
        *([case(layer=f"nn.AvgPool{n}D(3, 2, 0, divisor_override=5)", x=x, held=True)] if n > 1 else []),
        case(layer=f"nn.AvgPool{n}D(2, 2, padding='SAME', ceil_mode=True)", x=x, held=True),
        case(layer=f"nn.AvgPool{n}D(2, 1, padding='SAME')", x=x, held=True),
        *([case(layer=f"nn.AvgPool{n}D(2, 1, 1, data_format={LAST[n]!r})", x=x, held=True)] if n > 1 else []),
        variants=(
            *(channels_last(n, layer, padded=True) if n > 1 else ()),
            when(same, by_name, padding=("SAME", "same")),
            NAMED,
            when(plain, {"exclusive": only(True, False)}, padding=(0,), ceil_mode=(False,)),
            *OVERRIDDEN[: 2 * (n > 1)],
            when(plain, {"exclusive": only(True)}, padding=(0,), ceil_mode=(True,)),
        ),
        notes="the gradient divides by a size in float32",
        rule="pool",
    ), api(
        f"paddle.nn.functional.avg_pool{n}d(x, {ALIKE}padding=0, "
        + ("exclusive=True, ceil_mode=False, name=None" if n == 1 else
           f"ceil_mode=False, exclusive=True, divisor_override=None, data_format={FORMAT[n]!r}, name=None") + ")",
        layer.replace(f"nn.AvgPool{n}d(", f"F.avg_pool{n}d(input, "),
        {"x": "input", **no_mask, **exclusive, "data_format": only(FORMAT[n])},
        case(f"F.avg_pool{n}d(x, 3, stride=2, padding=1)", x=x, held=True),
        case(f"F.avg_pool{n}d(x, kernel_size=2)", x=x, held=True),
        case(f"F.avg_pool{n}d(x, 3, 2, 1, exclusive=False, ceil_mode=True)", x=x, held=True),
        case(f"F.avg_pool{n}d(x, kernel_size=3, stride=2, padding='same')", x=x, held=True),
        *([case(f"F.avg_pool{n}d(x, 3, 2, 1, False, False, 5)", x=x, held=True)] if n > 1 else []),
        variants=(
            when(f"SameAvgPool{n}d({{kernel_size}}, {{stride}})({{input}})", {**by_name, "ceil_mode": only(False)},
                 padding=("SAME", "same")),
            NAMED,
            when(plain.replace(f"nn.AvgPool{n}d(", f"F.avg_pool{n}d(input, "), {"exclusive": only(True, False)},
                 padding=(0,), ceil_mode=(False,)),
            *OVERRIDDEN[: 2 * (n > 1)],
        ),
        notes="the gradient divides by a size in float32",
        rule="pool",
    )  # fmt: skip


def _adaptive(n: int):  # type: ignore[no-untyped-def]
    x = f"f2,3,{'4,' * n}".rstrip(",")
    size: Fates = {"output_size": to("output_size", "pair"), "data_format": only(FORMAT[n])}
    form = f", data_format={FORMAT[n]!r}" if n > 1 else ""
    held = "the gradient divides by a size in float32"
    return (
        api(
            f"paddle.nn.AdaptiveAvgPool{n}D(output_size{form}, name=None)",
            f"nn.AdaptiveAvgPool{n}d(output_size)", size,
            case(layer=f"nn.AdaptiveAvgPool{n}D(1)", x=x, held=True),
            case(layer=f"nn.AdaptiveAvgPool{n}D(output_size=[{', '.join('3' * n)}])", x=x, held=True),
            *([case(layer=f"nn.AdaptiveAvgPool{n}D(1, {LAST[n]!r})", x=x, held=True)] if n > 1 else []),
            variants=channels_last(n, f"nn.AdaptiveAvgPool{n}d(output_size)") if n > 1 else (), notes=held,
        ),
        api(
            f"paddle.nn.functional.adaptive_avg_pool{n}d(x, output_size{form}, name=None)",
            f"F.adaptive_avg_pool{n}d(input, output_size)", {"x": "input", **size},
            case(f"F.adaptive_avg_pool{n}d(x, 1)", x=x, held=True),
            case(f"F.adaptive_avg_pool{n}d(x, output_size=2)", x=x, held=True), notes=held,
        ),
        api(
            f"paddle.nn.AdaptiveMaxPool{n}D(output_size, return_mask=False, name=None)",
            f"nn.AdaptiveMaxPool{n}d(output_size)", {**size, "return_mask": refused("the indices count otherwise")},
            case(layer=f"nn.AdaptiveMaxPool{n}D(2)", x=x),
        ),
        api(
            f"paddle.nn.functional.adaptive_max_pool{n}d(x, output_size, return_mask=False, name=None)",
            f"F.adaptive_max_pool{n}d(input, output_size)",
            {"x": "input", **size, "return_mask": refused("the indices count otherwise")},
            case(f"F.adaptive_max_pool{n}d(x, 2)", x=x),
        ),
    )  # fmt: skip


ROWS = tuple(row for n in (1, 2, 3) for made in (_max, _average, _adaptive) for row in made(n))
