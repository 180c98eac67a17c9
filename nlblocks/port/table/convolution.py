"""Convolutions as layers."""

from __future__ import annotations

from nlblocks.port.table.channels_last import channels_last
from nlblocks.port.table.row import Fates, api, attr, case, dropped, only, to, when

SETTINGS: Fates = {
    "kernel_size": to("kernel_size", "pair"), "stride": to("stride", "pair"), "padding": to("padding", "padding"),
    "dilation": to("dilation", "pair"), "weight_attr": attr("weight"), "bias_attr": attr("bias", flag="bias"),
}  # fmt: skip
TAKES = "in_channels, out_channels, kernel_size, stride=1, padding=0, "
UNPADDED = "in_channels, out_channels, kernel_size, stride=1, dilation=1, groups=1, bias=True"
UNDILATED_SAME = UNPADDED.replace("dilation=1, groups", "*, groups")
PADDED = "in_channels, out_channels, kernel_size, stride=1, padding=0, *, groups=1, bias=True"
NO_PADDING: Fates = {"padding": only("VALID", "valid"), "padding_mode": only("zeros")}
NATIVE: Fates = {"padding": to("padding"), "padding_mode": only("zeros"), "dilation": only(1)}
"""Where windows lie densely torch's own padding by name does the same; of others it raises."""
UNDILATED = dropped("Paddle dilates nothing where the padding is SAME")
SAME: Fates = {"padding": only("SAME", "same"), "padding_mode": only("zeros"), "dilation": UNDILATED}


def _conv(n: int, formats: tuple[str, ...], *cases):  # type: ignore[no-untyped-def]
    torch = f"nn.Conv{n}d({TAKES}dilation=1, groups=1, bias=True, padding_mode='zeros')"
    return api(
        f"paddle.nn.Conv{n}D({TAKES}dilation=1, groups=1, padding_mode='zeros', weight_attr=None, bias_attr=None,"
        f" data_format={formats[0]!r})",
        torch,
        {**SETTINGS, "data_format": only(*formats)},
        *cases,
        variants=(
            *channels_last(n, torch, padded=True),
            when(f"nn.Conv{n}d({UNPADDED})".replace("dilation", "*, dilation"), NO_PADDING, padding=("VALID", "valid")),
            when(f"nn.Conv{n}d({PADDED})", NATIVE, padding=("same",), stride=(1, [1] * n), dilation=(1,)),
            when(f"SameConv{n}d({UNDILATED_SAME})", SAME, padding=("SAME", "same")),
            when(f"SameConv{n}d({UNPADDED.replace('stride=1,', 'stride=1, padding=0,')})",
                 {"padding_mode": only("zeros")}, padding="any text"),
        ),
    )  # fmt: skip


def _transposed(n: int, formats: tuple[str, ...], *cases):  # type: ignore[no-untyped-def]
    torch = f"nn.ConvTranspose{n}d({TAKES}output_padding=0, groups=1, bias=True, dilation=1)"
    return api(
        f"paddle.nn.Conv{n}DTranspose({TAKES}output_padding=0, "
        + ("groups=1, dilation=1" if n == 1 else "dilation=1, groups=1")
        + f", weight_attr=None, bias_attr=None, data_format={formats[0]!r})",
        torch,
        {**SETTINGS, "output_padding": to("output_padding", "pair"), "data_format": only(*formats)},
        *cases,
        variants=(
            *channels_last(n, torch, padded=True),
            when(None, padding="text", why="the padding of a transposed convolution by name"),
        ),
    )  # fmt: skip


ROWS = (
    _conv(
        2, ("NCHW",),
        case(layer="nn.Conv2D(3, 4, 3)"),
        case(layer="nn.Conv2D(4, 6, [3, 1], stride=2, padding=[1, 0], groups=2, bias_attr=False)", x="f2,4,6,7"),
        case(layer="nn.Conv2D(3, 4, 3, 1, 2, 2, data_format='NCHW', bias_attr=None)"),
        case(layer="nn.Conv2D(3, 4, 3, padding=1, padding_mode='reflect', weight_attr=paddle.ParamAttr(name='w'))"),
        case(layer="nn.Conv2D(3, 4, 3, padding=[1, 1, 2, 2])"),
        case(layer="nn.Conv2D(3, 4, 3, padding=[[0, 0], [0, 0], [1, 1], [2, 2]])"),
        case(layer="nn.Conv2D(3, 4, 3, padding='VALID')"),
        case(layer="nn.Conv2D(3, 4, 3, stride=2, padding='SAME')", x="f2,3,8,7"),
        case(layer="nn.Conv2D(3, 4, 2, padding='SAME')"),
        case(layer="nn.Conv2D(3, 4, 2, padding='same', stride=[1, 1])"),
        case(layer="pad = 'same'\nnn.Conv2D(3, 4, 3, 1, pad)"),
        case(layer="nn.Conv2D(3, 4, 3, stride=2, padding='same', dilation=2)", x="f2,3,8,7"),
        case(layer="nn.Sequential(*[nn.Conv2D(3, 3, 3, padding=p, dilation=2) for p in ('same', 1)])"),
        case(layer="nn.Sequential(*[nn.Conv2D(3, 3, 3, padding=p) for p in ('SAME', 1)])"),
        case(layer="nn.Conv2D(5, 4, 3, 2, 1, padding_mode='reflect', data_format='NHWC')"),
    ),
    _conv(
        1, ("NCL",),
        case(layer="nn.Conv1D(3, 4, 3)", x="f2,3,7"),
        case(layer="nn.Conv1D(3, 6, kernel_size=[3], padding=1, stride=2, groups=3, bias_attr=False)", x="f2,3,7"),
        case(layer="nn.Conv1D(3, 4, 3, stride=2, padding='SAME')", x="f2,3,8"),
        case(layer="nn.Conv1D(3, 4, 3, dilation=2, padding=2, padding_mode='replicate')", x="f2,3,7"),
        case(layer="nn.Conv1D(3, 4, 3, data_format='NLC', bias_attr=False)", x="f2,7,3"),
    ),
    _conv(
        3, ("NCDHW",),
        case(layer="nn.Conv3D(2, 3, 3)", x="f1,2,4,5,4"),
        case(layer="nn.Conv3D(2, 3, (1, 3, 3), padding=(0, 1, 1), bias_attr=False)", x="f1,2,3,4,4"),
        case(layer="nn.Conv3D(2, 4, 2, stride=2, dilation=[1, 2, 1], groups=2, padding=1, padding_mode='circular')",
             x="f1,2,4,5,4"),
        case(layer="nn.Conv3D(2, 3, 3, data_format='NDHWC')", x="f1,4,5,4,2"),
    ),
    _transposed(
        2, ("NCHW",),
        case(layer="nn.Conv2DTranspose(3, 4, 3)"),
        case(layer="nn.Conv2DTranspose(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2, bias_attr=False)",
             x="f2,4,3,4"),
        case(layer="nn.Conv2DTranspose(3, 4, 3, dilation=2)"),
        case(layer="nn.Conv2DTranspose(5, 4, 3, stride=2, padding=1, data_format='NHWC')"),
    ),
    _transposed(1, ("NCL",), case(layer="nn.Conv1DTranspose(3, 4, 3, 2)", x="f2,3,5"),
                case(layer="nn.Conv1DTranspose(3, 4, 3, 2, data_format='NLC')", x="f2,5,3"),
                case(layer="nn.Conv1DTranspose(4, 6, 3, 2, padding=1, output_padding=1, groups=2, dilation=2)",
                     x="f2,4,5")),
    _transposed(3, ("NCDHW",), case(layer="nn.Conv3DTranspose(2, 3, 2, data_format='NDHWC')", x="f1,2,3,2,2"),
                case(layer="nn.Conv3DTranspose(2, 3, 2, stride=2)", x="f1,2,2,3,2"),
                case(layer="nn.Conv3DTranspose(4, 6, 2, stride=2, padding=1, output_padding=1, groups=2, dilation=2)",
                     x="f1,4,2,3,2")),
)  # fmt: skip
