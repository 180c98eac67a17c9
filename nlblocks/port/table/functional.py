"""Functions of paddle.nn.functional: convolutions, linear maps, dropout, padding, resizing, sampling, patches."""

from __future__ import annotations

from nlblocks.port.table.row import Fates, Row, api, case, dropped, only, refused, to, when

FORMATS = {1: ("NCL",), 2: ("NCHW",), 3: ("NCDHW",)}
IMAGES = (None, "NCHW", "NCL", "NCDHW", "NCW")
SIZES: Fates = {"stride": to("stride", "pair"), "padding": to("padding", "padding"), "dilation": to("dilation", "pair")}
DEFAULTS = "bias=None, stride=1, padding=0"
INPUTS = {
    1: ("f2,4,9", "f6,4,3", "f4,3,3"),
    2: ("f2,4,7,6", "f6,4,3,3", "f4,3,3,3"),
    3: ("f1,4,4,3,4", "f6,4,2,2,2", "f4,3,2,2,2"),
}


def _conv(n: int) -> Row:
    x, w, _ = INPUTS[n]
    return api(
        f"paddle.nn.functional.conv{n}d(x, weight, {DEFAULTS}, dilation=1, groups=1, data_format={FORMATS[n][0]!r},"
        f" name=None)",
        f"F.conv{n}d(input, weight, {DEFAULTS}, dilation=1, groups=1)",
        {"x": "input", **SIZES, "data_format": only(*FORMATS[n])},
        case(f"F.conv{n}d(x, w)", x=x, w=w),
        case(f"F.conv{n}d(x, w, b, stride=2, padding=1)", x=x, w=w, b="f6"),
        case(f"F.conv{n}d(x, weight=w, padding=[{', '.join('1' * n)}], dilation=[{', '.join('2' * n)}])", x=x, w=w),
        case(f"F.conv{n}d(x, w, None, 1, 0, 1, 2)", x=x, w=w.replace(",4,", ",2,", 1)),
        *(
            [
                case("F.conv2d(x, w, padding='SAME')", x=x, w=w),
                case("F.conv2d(x, w, padding='VALID', stride=2)", x=x, w=w),
            ]
            if n == 2
            else []
        ),
        variants=(
            when(
                f"F.conv{n}d(input, weight, bias=None, stride=1, *, dilation=1, groups=1)",
                {"padding": only("VALID")},
                padding=("VALID",),
            ),
            when(
                f"F.conv{n}d(input, weight, {DEFAULTS}, dilation=1, groups=1)",
                {
                    "padding": to("padding", "lower"),
                    "stride": only(1, [1, 1], (1, 1)),
                    "dilation": only(1, [1, 1], (1, 1)),
                },
                padding=("SAME",),
            ),
        ),
    )


def _transposed(n: int) -> Row:
    x, _, w = INPUTS[n]
    order = "groups=1, dilation=1" if n != 2 else "dilation=1, groups=1"
    return api(
        f"paddle.nn.functional.conv{n}d_transpose(x, weight, {DEFAULTS}, output_padding=0, {order}, output_size=None,"
        f" data_format={FORMATS[n][0]!r}, name=None)",
        f"F.conv_transpose{n}d(input, weight, {DEFAULTS}, output_padding=0, groups=1, dilation=1)",
        {
            "x": "input",
            **SIZES,
            "output_padding": to("output_padding", "pair"),
            "data_format": only(*FORMATS[n]),
            "output_size": refused("torch's function takes output_padding alone"),
        },
        case(f"F.conv{n}d_transpose(x, w)", x=x, w=w),
        case(f"F.conv{n}d_transpose(x, w, stride=2, output_padding=1, padding=1, bias=b)", x=x, w=w, b="f3"),
        case(f"F.conv{n}d_transpose(x, w, padding=1, stride=2, groups=2)", x=x, w=w),
        case(f"F.conv{n}d_transpose(x, w, None, dilation=2)", x=x, w=w),
        variants=(when(None, padding="text", why="the padding of a transposed convolution by name"),),
    )


RESIZED: Fates = {
    "x": "input", "size": to("size", "items"), "scale_factor": to("scale_factor", "items"),
    "data_format": only(*IMAGES), "recompute_scale_factor": only(None, False), "antialias": only(False),
}  # fmt: skip

ROWS = (
    *map(_conv, (1, 2, 3)),
    *map(_transposed, (1, 2, 3)),
    api(
        "paddle.nn.functional.interpolate(x, size=None, scale_factor=None, mode='nearest', align_corners=False,"
        " align_mode=0, data_format=None, recompute_scale_factor=None, antialias=False, name=None)",
        "F.interpolate(input, size=None, scale_factor=None, mode='nearest', align_corners=None)",
        {**RESIZED, "align_mode": only(0)},
        case("F.interpolate(x, size=[8, 10], mode='bilinear')", held=True),
        case("F.interpolate(x, size=(8, 10), mode='bilinear', align_corners=True)", held=True),
        case("F.interpolate(x, size=(8, 10), mode='bilinear', align_corners=True, align_mode=1)", held=True),
        case("F.interpolate(x, scale_factor=2, mode='bilinear', align_corners=False, data_format='NCHW')", held=True),
        case("F.interpolate(x, scale_factor=2)"),
        case("F.interpolate(x, [8, 5], mode='nearest', align_mode=1)"),
        case("F.interpolate(x, x.shape[2:], mode='bilinear')", held=True),
        case("F.interpolate(x, size=[9, 7], mode='bicubic', align_corners=True)", held=True),
        case("F.interpolate(x, scale_factor=[2, 2], mode='bicubic')", held=True),
        case("F.interpolate(x, size=[2, 3], mode='area')", held=True),
        case("F.interpolate(x, size=[7], mode='linear', data_format='NCW')", x="f2,3,4", held=True),
        case(
            "F.interpolate(x, size=[3, 4, 5], mode='trilinear', align_corners=True, data_format='NCDHW')",
            x="f1,2,2,3,4",
            held=True,
        ),
        notes="the ratio of the sizes is held as float32",
        variants=(
            when(
                "F.interpolate(input, size=None, scale_factor=None, mode='nearest')",
                {"align_corners": only(False), "align_mode": dropped("a matter of linear interpolation")},
                mode=("nearest", "area"),
            ),
            when(
                "F.interpolate(input, size=None, scale_factor=None, mode='nearest', align_corners=None)",
                {"align_mode": dropped("with align_corners it changes nothing")},
                align_corners=(True,),
            ),
        ),
    ),
    api(
        "paddle.nn.functional.upsample(x, size=None, scale_factor=None, mode='nearest', align_corners=False,"
        " align_mode=0, data_format=None, name=None)",
        "F.interpolate(input, size=None, scale_factor=None, mode='nearest', align_corners=None)",
        {k: v for k, v in RESIZED.items() if k not in ("recompute_scale_factor", "antialias")}
        | {"align_mode": only(0)},
        case("F.upsample(x, size=[8, 10], mode='bilinear', align_corners=True)", held=True),
        case("F.upsample(x, size=[8, 10], mode='bilinear')", held=True),
        case("F.upsample(x, scale_factor=2)"),
        notes="the ratio of the sizes is held as float32",
        variants=(
            when(
                "F.interpolate(input, size=None, scale_factor=None, mode='nearest')",
                {"align_corners": only(False), "align_mode": dropped("a matter of linear interpolation")},
                mode=("nearest", "area"),
            ),
            when(
                "F.interpolate(input, size=None, scale_factor=None, mode='nearest', align_corners=None)",
                {"align_mode": dropped("with align_corners it changes nothing")},
                align_corners=(True,),
            ),
        ),
    ),
    api(
        "paddle.nn.functional.linear(x, weight, bias=None, name=None)",
        None,
        {"x": "input"},
        case("F.linear(x, w)", x="f2,3", w="f3,4"),
        case("F.linear(x=x, weight=w, bias=b)", x="f2,3", w="f3,4", b="f4"),
        case("F.linear(x, layer.weight, layer.bias)", layer="nn.Linear(5, 7)"),
        case("F.linear(x, weight=layer.weight)", layer="nn.Linear(5, 5)"),
        variants=(
            when("F.linear(input, weight, bias=None)", weight="linear weight"),
            when(None, why="a layer's weight at times and at times another's", weight="any linear weight"),
            when("F.linear({input}, {weight}.t())", {"bias": only(None)}, weight="tensor", bias="none"),
            when("F.linear({input}, {weight}.t(), {bias})", weight="tensor"),
        ),
        notes="whether the weight is a layer's, which torch keeps transposed, only the run tells",
    ),
    api(
        "paddle.nn.functional.bilinear(x1, x2, weight, bias=None, name=None)",
        "F.bilinear(input1, input2, weight, bias=None)",
        {"x1": "input1", "x2": "input2", "bias": only(None)},
        case("F.bilinear(x, y, w)", x="f2,3", y="f2,4", w="f5,3,4"),
        case("F.bilinear(x, y, w, b)", x="f2,3", y="f2,4", w="f5,3,4", b="f1,5"),
        variants=(
            when(
                "F.bilinear({x1}, {x2}, {weight}, {bias}.flatten())",
                {"x1": "x1", "x2": "x2", "bias": "bias"},
                bias="tensor",
            ),
        ),
        notes="Paddle's bias has an axis before it",
    ),
    api(
        "paddle.nn.functional.embedding(x, weight, padding_idx=None, max_norm=None, norm_type=2.0, sparse=False,"
        " scale_grad_by_freq=False, name=None)",
        "F.embedding(input, weight)",
        {
            "x": "input",
            "padding_idx": refused("Paddle gives zeros there"),
            "sparse": dropped("how a gradient is stored"),
            "max_norm": only(None),
            "norm_type": dropped("there is no max_norm"),
            "scale_grad_by_freq": only(False),
        },
        case("F.embedding(x, w)", x="i2,3:7", w="f7,4"),
        case("F.embedding(x, weight=w, sparse=False)", x="i2,3:7", w="f7,4"),
    ),
    api(
        "paddle.nn.functional.one_hot(x, num_classes=-1, name=None)",
        "F.one_hot({x}.long(), {num_classes}).float()",
        {},
        case("F.one_hot(x, 5)", x="i2,3:5", grad=False),
        case("F.one_hot(x, num_classes=7) * 2", x="i2,3:5", grad=False),
        case("F.one_hot(x.astype('int32'), x.shape[0] + 4)", x="i2,3:5", grad=False),
    ),
    api(
        "paddle.nn.functional.dropout(x, p=0.5, axis=None, training=True, inplace=False, mode='upscale_in_train',"
        " name=None)",
        "F.dropout(input, p=0.5, training=True)",
        {"x": "input", "axis": only(None), "inplace": only(False), "mode": only("upscale_in_train")},
        case("F.dropout(x, 0.3, training=False)"),
        case("F.dropout(x + 1, p=0.25)", x="f40,60", check="distribution", grad=False),
        case("F.dropout(x, p=0.5, training=layer.training)", layer="nn.Dropout(0.5).eval()"),
        case("F.dropout(x, 0.25, training=False, mode='downscale_in_infer')"),
        case("F.dropout(x + 1, 0.25, mode='downscale_in_infer')", x="f40,60", check="distribution", grad=False),
        case("F.dropout(x, p=0.3, training=False, mode='upscale_in_train')"),
        case("F.dropout(x, 0)"),
        variants=(
            when(
                "F.dropout({input}, {p}, {training}) * (1 - {p})",
                {"mode": dropped("written out")},
                mode=("downscale_in_infer",),
            ),
        ),
    ),
    *(
        api(
            f"paddle.nn.functional.dropout{n}d(x, p=0.5, training=True, data_format={FORMATS[n][0]!r}, name=None)",
            f"F.dropout{n}d(input, p=0.5, training=True)",
            {"x": "input", "data_format": only(*FORMATS[n])},
            case(f"F.dropout{n}d(x, 0.3, training=False)", x="f2,3,4,5" if n == 2 else "f2,3,2,2,2"),
            case(f"F.dropout{n}d(x, p=0.3)", x="f2,3,4,5" if n == 2 else "f2,3,2,2,2", check="shape"),
        )
        for n in (2, 3)
    ),
    api(
        "paddle.nn.functional.alpha_dropout(x, p=0.5, training=True, name=None)",
        "F.alpha_dropout(input, p=0.5, training=False)",
        {"x": "input"},
        case("F.alpha_dropout(x, 0.3, training=False)"),
    ),
    api(
        "paddle.nn.functional.pad(x, pad, mode='constant', value=0.0, data_format=None, pad_from_left_axis=True,"
        " name=None)",
        "F.pad(input, pad, mode='constant', value=None)",
        {
            "x": "input",
            "pad": to("pad", "items"),
            "data_format": only(*IMAGES),
            "pad_from_left_axis": dropped("looked at"),
        },
        case("F.pad(x, [1, 2, 0, 3])"),
        case("F.pad(x, (1, 1), value=0.5)"),
        case("F.pad(x, [1, 2, 0, 3, 1, 1, 2, 0])"),
        case("F.pad(x, [1, 2, 0, 3])", x="f2,3"),
        case("F.pad(x, pad=[1, 2, 0, 1], mode='reflect')"),
        case("F.pad(x, [1, 2, 0, 3], 'replicate', data_format='NCHW')"),
        case("F.pad(x, [1, 1, 1, 1], mode='circular')"),
        case("F.pad(x, [0, 0, 0, 0, 1, 2], data_format='NCDHW')", x="f1,2,3,4,5"),
        case("sizes = [1, 2, 0, 3]\nF.pad(x, sizes, value=2.0)"),
        case("sizes = [1, 2, 0, 3, 1, 1, 2, 0]\nF.pad(x, sizes, value=2.0)"),
        case("F.pad(x, [1, 2, 0, 3], mode='constant', value=0)"),
        case("F.pad(x, [1, 2, 0, 3], pad_from_left_axis=False)", x="f2,3"),
        case("F.pad(x, [1, 2, 0, 3], data_format='NHWC', value=2.0)"),
        case("sizes = [1, 2]\nF.pad(x, sizes, data_format='NLC')", x="f2,3,4"),
        case("F.pad(x, paddle.to_tensor([1, 2, 0, 3], dtype='int32'), data_format='NHWC')"),
        case("sizes = paddle.to_tensor([1, 2, 0, 3], dtype='int32')\nF.pad(x, sizes, 'constant', 1.0)"),
        variants=(
            when(
                "F.pad(input, pad, mode='constant')",
                {"value": dropped("no constant is read")},
                mode=("reflect", "replicate", "circular"),
            ),
            when("F.pad(input, pad, mode='constant')", {"value": only(0.0, 0)}, value=(0.0, 0)),
        ),
        rule="pad",
    ),
    api(
        "paddle.nn.functional.zeropad2d(x, padding, data_format='NCHW', name=None)",
        "F.pad(input, pad)",
        {"x": "input", "padding": to("pad", "items"), "data_format": only("NCHW")},
        case("F.zeropad2d(x, [1, 2, 0, 3])"),
    ),
    api(
        "paddle.nn.functional.grid_sample(x, grid, mode='bilinear', padding_mode='zeros', align_corners=True,"
        " name=None)",
        "F.grid_sample(input, grid, mode='bilinear', padding_mode='zeros', align_corners=None)",
        {"x": "input"},
        case("F.grid_sample(x, g)", g="f2,3,4,2", x="f2,3,4,5"),
        case(
            "F.grid_sample(x, g, mode='bilinear', padding_mode='border', align_corners=False)",
            g="f2,3,4,2",
            x="f2,3,4,5",
        ),
        case("F.grid_sample(x, g, 'nearest', align_corners=True)", g="f2,3,4,2", x="f2,3,4,5"),
        case("F.grid_sample(x, grid=g, padding_mode='reflection', align_corners=True)", g="f2,3,4,2", x="f2,3,4,5"),
    ),
    api(
        "paddle.nn.functional.affine_grid(theta, out_shape, align_corners=True, name=None)",
        "F.affine_grid(theta, size, align_corners=None)",
        {"out_shape": to("size", "items")},
        case("F.affine_grid(x, [2, 3, 4, 5])", x="f2,2,3"),
        case("F.affine_grid(x, out_shape=(2, 3, 4, 5), align_corners=False)", x="f2,2,3"),
    ),
    api(
        "paddle.nn.functional.unfold(x, kernel_sizes, strides=1, paddings=0, dilations=1, name=None)",
        "F.unfold(input, kernel_size, dilation=1, padding=0, stride=1)",
        {
            "x": "input",
            "kernel_sizes": to("kernel_size", "pair"),
            "strides": to("stride", "pair"),
            "paddings": to("padding", "pair"),
            "dilations": to("dilation", "pair"),
        },
        case("F.unfold(x, 3)"),
        case("F.unfold(x, [2, 3], 2, 1)"),
        case("F.unfold(x, kernel_sizes=2, strides=2, paddings=[1, 0], dilations=2)"),
    ),
    api(
        "paddle.nn.functional.fold(x, output_sizes, kernel_sizes, strides=1, paddings=0, dilations=1, name=None)",
        "F.fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1)",
        {
            "x": "input",
            "output_sizes": to("output_size", "items"),
            "kernel_sizes": to("kernel_size", "pair"),
            "strides": to("stride", "pair"),
            "paddings": to("padding", "pair"),
            "dilations": to("dilation", "pair"),
        },
        case("F.fold(x, [4, 5], 2, dilations=2)", x="f2,12,6"),
        case("F.fold(x, [4, 5], 2)", x="f2,12,12"),
        case("F.fold(x, (4, 6), kernel_sizes=2, strides=2)", x="f2,12,6"),
        case("F.fold(x, [4, 5], [2, 2], 1, 1)", x="f2,12,30"),
    ),
    api(
        "paddle.nn.functional.pixel_shuffle(x, upscale_factor, data_format='NCHW', name=None)",
        "F.pixel_shuffle(input, upscale_factor)",
        {"x": "input", "data_format": only("NCHW")},
        case("F.pixel_shuffle(x, 2)", x="f2,8,3,4"),
    ),
    api(
        "paddle.nn.functional.pixel_unshuffle(x, downscale_factor, data_format='NCHW', name=None)",
        "F.pixel_unshuffle(input, downscale_factor)",
        {"x": "input", "data_format": only("NCHW")},
        case("F.pixel_unshuffle(x, 2)", x="f2,2,4,6"),
    ),
    api(
        "paddle.nn.functional.channel_shuffle(x, groups, data_format='NCHW', name=None)",
        "F.channel_shuffle(input, groups)",
        {"x": "input", "data_format": only("NCHW")},
        case("F.channel_shuffle(x, 2)", x="f2,4,3,3"),
    ),
    api(
        "paddle.nn.functional.max_unpool2d(x, indices, kernel_size, stride=None, padding=0, data_format='NCHW',"
        " output_size=None, name=None)",
        "F.max_unpool2d(input, indices, kernel_size, stride=None, padding=0, output_size=None)",
        {
            "x": "input",
            "kernel_size": to("kernel_size", "pair"),
            "stride": to("stride", "pair"),
            "data_format": only("NCHW"),
        },
        case(
            "y, i = F.max_pool2d(x, 2, 2, padding=1, return_mask=True)\n"
            "F.max_unpool2d(y, i, 2, 2, padding=1, output_size=[6, 6])",
            x="f2,3,6,6",
        ),
        case("y, i = F.max_pool2d(x, 2, 2, return_mask=True)\nF.max_unpool2d(y, i, kernel_size=2)", x="f2,3,4,6"),
        case(
            "y, i = F.max_pool2d(x, 2, 2, return_mask=True)\nF.max_unpool2d(y, indices=i, kernel_size=2, stride=2, "
            "output_size=x.shape)",
            x="f2,3,5,6",
        ),
    ),
    api(
        "paddle.nn.functional.cosine_similarity(x1, x2, axis=1, eps=1e-08)",
        "F.cosine_similarity(x1, x2, dim=1)",
        {"axis": "dim", "eps": only(1e-08)},
        case("F.cosine_similarity(x, y)", x="f3,4", y="f3,4"),
        case("F.cosine_similarity(x, y, axis=-1)", x="f2,3,4", y="f2,3,4"),
    ),
    api(
        "paddle.nn.functional.sequence_mask(x, maxlen=None, dtype='int64', name=None)",
        "(torch.arange({maxlen}) < {x}[..., None]).to({dtype})",
        {"dtype": to("dtype", "dtype")},
        case("F.sequence_mask(x, 6)", x="i4:6", grad=False),
        case("F.sequence_mask(x, maxlen=5, dtype='float32')", x="i2,3:6", grad=False),
        variants=(when(None, why="the longest is not known", maxlen="none"),),
    ),
)
