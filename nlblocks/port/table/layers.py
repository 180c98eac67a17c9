"""Layers: convolutions, linear maps, pooling, containers."""

from __future__ import annotations

from nlblocks.port.table.row import api, attr, case, only, to, when

CONV = {
    "kernel_size": to("kernel_size", "pair"), "stride": to("stride", "pair"), "padding": to("padding", "padding"),
    "dilation": to("dilation", "pair"), "weight_attr": attr("weight"), "bias_attr": attr("bias", flag="bias"),
}  # fmt: skip

ROWS = (
    api(
        "paddle.nn.Conv2D(in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1,"
        " padding_mode='zeros', weight_attr=None, bias_attr=None, data_format='NCHW')",
        "nn.Conv2d(in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True,"
        " padding_mode='zeros')",
        {**CONV, "data_format": only("NCHW")},
        case(layer="nn.Conv2D(3, 4, 3)"),
        case(layer="nn.Conv2D(4, 6, [3, 1], stride=2, padding=[1, 0], groups=2, bias_attr=False)", x="f2,4,6,7"),
        case(layer="nn.Conv2D(3, 4, 3, 1, 2, 2, data_format='NCHW', bias_attr=None)"),
        case(layer="nn.Conv2D(3, 4, 3, padding=1, padding_mode='reflect', weight_attr=paddle.ParamAttr(name='w'))"),
        case(layer="nn.Conv2D(3, 4, 3, padding=[1, 1, 2, 2])"),
        variants=(
            when(
                "nn.Conv2d(in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True)",
                {"padding_mode": only("zeros")},
                padding=("VALID", "valid"),
            ),
        ),
    ),
    api(
        "paddle.nn.Linear(in_features, out_features, weight_attr=None, bias_attr=None)",
        "nn.Linear(in_features, out_features, bias=True)",
        {"weight_attr": attr("weight"), "bias_attr": attr("bias", flag="bias")},
        case(layer="nn.Linear(5, 7)"),
        case(layer="nn.Linear(in_features=5, out_features=7, bias_attr=False)"),
        case(layer="nn.Linear(5, 7, None, paddle.ParamAttr(initializer=nn.initializer.Constant(0.5)))"),
    ),
    api(
        "paddle.nn.AdaptiveAvgPool2D(output_size, data_format='NCHW')",
        "nn.AdaptiveAvgPool2d(output_size)",
        {"output_size": to("output_size", "pair"), "data_format": only("NCHW")},
        case(layer="nn.AdaptiveAvgPool2D(1)", held=True),
        case(layer="nn.AdaptiveAvgPool2D([3, 2])", x="f2,3,5,7", held=True),
        case(layer="nn.AdaptiveAvgPool2D((None, 3), data_format='NCHW')", x="f2,3,4,5", held=True),
        notes="the gradient divides by a size in float32",
    ),
    api(
        "paddle.nn.BatchNorm(num_channels, act=None, is_test=False, momentum=0.9, epsilon=1e-05, param_attr=None,"
        " bias_attr=None, dtype='float32', data_layout='NCHW', in_place=False, moving_mean_name=None,"
        " moving_variance_name=None, do_model_average_for_mean_and_var=True, use_global_stats=False,"
        " trainable_statistics=False)",
        "nn.BatchNorm2d(num_features, eps=1e-05, momentum=0.1)",
        {
            "num_channels": "num_features", "epsilon": "eps", "momentum": to("momentum", "one_minus"),
            "act": only(None), "is_test": only(False), "param_attr": attr("weight"), "bias_attr": attr("bias"),
            "dtype": only("float32"), "data_layout": only("NCHW"), "in_place": only(False),
            "moving_mean_name": only(None), "moving_variance_name": only(None),
            "do_model_average_for_mean_and_var": only(True, False), "use_global_stats": only(False),
            "trainable_statistics": only(False),
        },
        case(layer="nn.BatchNorm(3)"),
        case(layer="nn.BatchNorm(num_channels=3, momentum=0.8, epsilon=1e-3, data_layout='NCHW')", held=True),
        case(layer="nn.BatchNorm(3)", x="f4,3"),
        case(layer="nn.BatchNorm(3)", x="f4,3,5"),
        variants=(
            when("nn.BatchNorm1d(num_features, eps=1e-05, momentum=0.1)", ndim=(2, 3)),
        ),
        notes="keeps the biased variance as running statistic, torch the unbiased one; epsilon is held as float32",
    ),
    api(
        "paddle.nn.Sequential(*layers)",
        "nn.Sequential(*args)",
        {"layers": "args"},
        case(layer="nn.Sequential(nn.Linear(5, 4), nn.ReLU())"),
        case(layer="nn.Sequential(*[nn.Linear(5, 5) for _ in range(2)])"),
        case(layer="nn.Sequential(('fc', nn.Linear(5, 4)), ('act', nn.ReLU()))"),
        rule="sequential",
    ),
    api("paddle.nn.ReLU(name=None)", "nn.ReLU()", {}, case(layer="nn.ReLU()"), case("nn.ReLU(name='r')(x)")),
)  # fmt: skip
