"""Padding, as layers: by a constant, by reflection, by repeating the edge or the other side."""

from __future__ import annotations

from nlblocks.port.table.row import Row, api, case, dropped, only, to, when

FORMATS = {1: "NCL", 2: "NCHW", 3: "NCDHW"}
INPUTS = {1: "f2,3,6", 2: "f2,3,5,6", 3: "f1,2,4,5,6"}
UNREAD = dropped("no constant is read")


def _sizes(n: int) -> str:
    return ", ".join(str(1 + i % 2) for i in range(2 * n))


def _simple(kind: str, n: int, name: str) -> Row:
    """A padding of one kind, under the name that Paddle's newer versions share with torch."""
    return api(
        f"paddle.nn.{name}(padding, data_format={FORMATS[n]!r}, name=None)",
        f"nn.{kind}Pad{n}d(padding)",
        {"padding": to("padding", "items"), "data_format": only(FORMATS[n])},
        case(layer=f"nn.{name}([{_sizes(n)}])", x=INPUTS[n]),
        case(layer=f"nn.{name}(padding=1)", x=INPUTS[n]),
    )


def _pad(n: int) -> Row:
    modes = (("reflect", "Reflection"), ("replicate", "Replication"), ("circular", "Circular"))
    return api(
        f"paddle.nn.Pad{n}D(padding, mode='constant', value=0.0, data_format={FORMATS[n]!r}, name=None)",
        f"nn.ConstantPad{n}d(padding, value)",
        {"padding": to("padding", "items"), "mode": only("constant"), "data_format": only(FORMATS[n])},
        case(layer=f"nn.Pad{n}D([{_sizes(n)}])", x=INPUTS[n]),
        case(layer=f"nn.Pad{n}D(padding=1, mode='constant', value=2.0)", x=INPUTS[n]),
        *(case(layer=f"nn.Pad{n}D([{_sizes(n)}], mode={mode!r})", x=INPUTS[n]) for mode, _ in modes),
        case(layer=f"nn.Pad{n}D(1, 'replicate')", x=INPUTS[n]),
        variants=tuple(
            when(f"nn.{kind}Pad{n}d(padding)", {"mode": only(mode), "value": UNREAD}, mode=(mode,))
            for mode, kind in modes
        ),
    )


ROWS = (
    _pad(3),
    *(
        _simple(kind, n, f"{kind}Pad{n}{d}")
        for kind in ("Reflection", "Replication")
        for n in (1, 2, 3)
        for d in ("d",)
    ),
)
