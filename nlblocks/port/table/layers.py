"""Linear maps, embeddings, dropout, padding, resizing and containers, as layers."""

from __future__ import annotations

from nlblocks.port.table.row import api, attr, case, dropped, only, to, when

FORMATS = {1: "NCL", 2: "NCHW", 3: "NCDHW"}

ROWS = (
    api(
        "paddle.nn.Linear(in_features, out_features, weight_attr=None, bias_attr=None, name=None)",
        "nn.Linear(in_features, out_features, bias=True)",
        {"weight_attr": attr("weight"), "bias_attr": attr("bias", flag="bias")},
        case(layer="nn.Linear(5, 7)"),
        case(layer="nn.Linear(in_features=5, out_features=7, bias_attr=False)"),
        case(layer="nn.Linear(5, 7, None, paddle.ParamAttr(initializer=nn.initializer.Constant(0.5)))"),
    ),
    api(
        "paddle.nn.Bilinear(in1_features, in2_features, out_features, weight_attr=None, bias_attr=None, name=None)",
        "nn.Bilinear(in1_features, in2_features, out_features, bias=True)",
        {"weight_attr": attr("weight"), "bias_attr": attr("bias", flag="bias")},
        case("layer(x, y)", layer="nn.Bilinear(3, 4, 5, bias_attr=False)", x="f2,3", y="f2,4"),
    ),
    api(
        "paddle.nn.Embedding(num_embeddings, embedding_dim, padding_idx=None, max_norm=None, norm_type=2.0,"
        " sparse=False, scale_grad_by_freq=False, weight_attr=None, name=None)",
        "nn.Embedding(num_embeddings, embedding_dim)",
        {
            "weight_attr": attr("weight"), "padding_idx": only(None), "sparse": dropped("how a gradient is stored"),
            "max_norm": only(None), "norm_type": only(2.0), "scale_grad_by_freq": only(False),
        },
        case(layer="nn.Embedding(7, 4)", x="i2,3:7"),
        case(layer="nn.Embedding(7, 4, padding_idx=1, sparse=False)", x="i2,3:3"),
        case(layer="nn.Embedding(7, 4, padding_idx=-1)", x="i2,6:7"),
        case(layer="pad = 2\nnn.Embedding(7, 4, padding_idx=pad)", x="i2,3:3"),
        variants=(
            when("nn.Embedding(num_embeddings, embedding_dim)", {"padding_idx": only(None)}, padding_idx="none"),
            when("PaddedEmbedding(num_embeddings, embedding_dim, padding_idx=None)",
                 {"padding_idx": to("padding_idx")}, padding_idx="given"),
        ),
    ),
    api(
        "paddle.nn.Dropout(p=0.5, inplace=False, axis=None, mode='upscale_in_train', name=None)",
        "nn.Dropout(p=0.5)",
        {"axis": only(None), "mode": only("upscale_in_train"), "inplace": dropped("only saves memory")},
        case("layer.eval()\nlayer(x)", layer="nn.Dropout(0.3)"),
        case("nn.Dropout(p=0.25)(x + 1)", x="f40,60", check="distribution", grad=False),
        case("layer.eval()\nlayer(x)", layer="nn.Dropout(0.3, mode='downscale_in_infer')", held=True),
        variants=(
            when("DownscaledDropout(p=0.5)", {"mode": only("downscale_in_infer")}, mode=("downscale_in_infer",)),
        ),
    ),
    api(
        "paddle.nn.Dropout2D(p=0.5, data_format='NCHW', name=None)", "nn.Dropout2d(p=0.5)",
        {"data_format": only("NCHW")},
        case("layer.eval()\nlayer(x)", layer="nn.Dropout2D(0.3)"),
    ),
    api(
        "paddle.nn.Dropout3D(p=0.5, data_format='NCDHW', name=None)", "nn.Dropout3d(p=0.5)",
        {"data_format": only("NCDHW")},
        case("layer.eval()\nlayer(x)", layer="nn.Dropout3D(0.3)", x="f2,3,2,2,2"),
    ),
    api("paddle.nn.AlphaDropout(p=0.5, name=None)", "nn.AlphaDropout(p=0.5)", {},
        case("layer.eval()\nlayer(x)", layer="nn.AlphaDropout(0.3)")),
    api(
        "paddle.nn.Sequential(*layers)",
        "nn.Sequential(*args)",
        {"layers": "args"},
        case(layer="nn.Sequential(nn.Linear(5, 4), nn.ReLU())"),
        case(layer="nn.Sequential(*[nn.Linear(5, 5) for _ in range(2)])"),
        case(layer="nn.Sequential(('fc', nn.Linear(5, 4)), ('act', nn.ReLU()))"),
        case(layer="parts = [('fc', nn.Linear(5, 4)), ('act', nn.ReLU())]\nnn.Sequential(*parts)"),
        rule="sequential",
    ),
    api(
        "paddle.nn.LayerList(sublayers=None)", "nn.ModuleList(modules=None)", {"sublayers": "modules"},
        case("layer[1](layer[0](x))", layer="nn.LayerList([nn.Linear(5, 4), nn.ReLU()])"),
        case("layer.append(nn.ReLU())\nlayer[1](layer[0](x))", layer="nn.LayerList(sublayers=[nn.Linear(5, 4)])"),
        case("len(layer)", layer="nn.LayerList()", grad=False),
    ),
    api(
        "paddle.nn.ParameterList(parameters=None)", "nn.ParameterList(values=None)", {"parameters": "values"},
        case("len(nn.ParameterList(parameters=[paddle.create_parameter([2], 'float64')]))", grad=False),
        case("len(nn.ParameterList())", grad=False),
    ),
    api(
        "paddle.nn.LayerDict(sublayers=None)", "nn.ModuleDict(modules=None)", {"sublayers": "modules"},
        case("layer['a'](x)", layer="nn.LayerDict({'a': nn.Linear(5, 4)})"),
    ),
    api("paddle.nn.Identity(*args, **kwargs)", "nn.Identity()",
        {"args": dropped("unused"), "kwargs": dropped("unused")},
        case(layer="nn.Identity()")),
    api(
        "paddle.nn.Flatten(start_axis=1, stop_axis=-1)", "nn.Flatten(start_dim=1, end_dim=-1)",
        {"start_axis": "start_dim", "stop_axis": "end_dim"},
        case(layer="nn.Flatten()"),
        case(layer="nn.Flatten(start_axis=2, stop_axis=3)"),
    ),
    api(
        "paddle.nn.Pad2D(padding, mode='constant', value=0.0, data_format='NCHW', name=None)",
        "nn.ConstantPad2d(padding, value)",
        {"padding": to("padding", "items"), "mode": only("constant"), "data_format": only("NCHW")},
        case(layer="nn.Pad2D([1, 2, 0, 1])"),
        case(layer="nn.Pad2D(1, mode='reflect')"),
        case(layer="nn.Pad2D([1, 1, 2, 2], 'replicate')"),
        case(layer="nn.Pad2D(padding=1, mode='constant', value=2.0)"),
        variants=(
            when("nn.ReflectionPad2d(padding)", {"mode": only("reflect"), "value": dropped("no constant is read")},
                 mode=("reflect",)),
            when("nn.ReplicationPad2d(padding)", {"mode": only("replicate"), "value": dropped("no constant is read")},
                 mode=("replicate",)),
            when("nn.CircularPad2d(padding)", {"mode": only("circular"), "value": dropped("no constant is read")},
                 mode=("circular",)),
            when("nn.ZeroPad2d(padding)", {"mode": only("constant"), "value": only(0.0, 0)}, mode=("constant",),
                 value=(0.0, 0)),
        ),
    ),
    api(
        "paddle.nn.ZeroPad2D(padding, data_format='NCHW', name=None)", "nn.ZeroPad2d(padding)",
        {"padding": to("padding", "items"), "data_format": only("NCHW")},
        case(layer="nn.ZeroPad2D([1, 0, 2, 1])"),
        case(layer="nn.ZeroPad2D(padding=1)"),
    ),
    api(
        "paddle.nn.Pad1D(padding, mode='constant', value=0.0, data_format='NCL', name=None)",
        "nn.ConstantPad1d(padding, value)",
        {"padding": to("padding", "items"), "mode": only("constant"), "data_format": only("NCL")},
        case(layer="nn.Pad1D([1, 2], value=0.5)", x="f2,3,5"),
        case(layer="nn.Pad1D(1, 'reflect')", x="f2,3,5"),
        variants=(
            when("nn.ReflectionPad1d(padding)", {"mode": only("reflect"), "value": dropped("no constant is read")},
                 mode=("reflect",)),
            when("nn.ReplicationPad1d(padding)", {"mode": only("replicate"), "value": dropped("no constant is read")},
                 mode=("replicate",)),
        ),
    ),
    api(
        "paddle.nn.Upsample(size=None, scale_factor=None, mode='nearest', align_corners=False, align_mode=0,"
        " data_format=None, recompute_scale_factor=None, name=None)",
        "nn.Upsample(size=None, scale_factor=None, mode='nearest', align_corners=None)",
        {
            "size": to("size", "items"), "scale_factor": to("scale_factor", "items"), "align_mode": only(0),
            "data_format": only("NCHW", "NCL", "NCDHW", None),
            "recompute_scale_factor": only(None, False),
        },
        case(layer="nn.Upsample(scale_factor=2)"),
        case(layer="nn.Upsample(size=[8, 9], mode='bilinear', align_corners=True)", held=True),
        case(layer="nn.Upsample(scale_factor=2, mode='bilinear')", held=True),
        variants=(
            when("nn.Upsample(size=None, scale_factor=None, mode='nearest')", {"align_corners": only(False)},
                 mode=("nearest", "area")),
        ),
        notes="the ratio of the sizes is held as float32",
    ),
    api(
        "paddle.nn.UpsamplingBilinear2D(size=None, scale_factor=None, data_format='NCHW', name=None)",
        "nn.UpsamplingBilinear2d(size=None, scale_factor=None)",
        {"size": to("size", "items"), "data_format": only("NCHW")},
        case(layer="nn.UpsamplingBilinear2D(size=[8, 9])", held=True),
        case(layer="nn.UpsamplingBilinear2D(scale_factor=2)", held=True),
        notes="the ratio of the sizes is held as float32",
    ),
    api(
        "paddle.nn.UpsamplingNearest2D(size=None, scale_factor=None, data_format='NCHW', name=None)",
        "nn.UpsamplingNearest2d(size=None, scale_factor=None)",
        {"size": to("size", "items"), "data_format": only("NCHW")},
        case(layer="nn.UpsamplingNearest2D(size=[8, 10])"),
        case(layer="nn.UpsamplingNearest2D(scale_factor=2)"),
    ),
    api(
        "paddle.nn.PixelShuffle(upscale_factor, data_format='NCHW', name=None)", "nn.PixelShuffle(upscale_factor)",
        {"data_format": only("NCHW")},
        case(layer="nn.PixelShuffle(2)", x="f2,8,3,4"),
    ),
    api(
        "paddle.nn.PixelUnshuffle(downscale_factor, data_format='NCHW', name=None)",
        "nn.PixelUnshuffle(downscale_factor)",
        {"data_format": only("NCHW")},
        case(layer="nn.PixelUnshuffle(2)", x="f2,2,4,6"),
    ),
    api(
        "paddle.nn.ChannelShuffle(groups, data_format='NCHW', name=None)", "nn.ChannelShuffle(groups)",
        {"data_format": only("NCHW")},
        case(layer="nn.ChannelShuffle(2)", x="f2,4,3,3"),
    ),
    api(
        "paddle.nn.Unfold(kernel_sizes, dilations=1, paddings=0, strides=1, name=None)",
        "nn.Unfold(kernel_size, dilation=1, padding=0, stride=1)",
        {
            "kernel_sizes": to("kernel_size", "pair"), "dilations": to("dilation", "pair"),
            "paddings": to("padding", "pair"), "strides": to("stride", "pair"),
        },
        case(layer="nn.Unfold(2, dilations=2)"),
        case(layer="nn.Unfold(3, paddings=1, strides=2)"),
        case(layer="nn.Unfold(kernel_sizes=[2, 2])"),
    ),
    api(
        "paddle.nn.CosineSimilarity(axis=1, eps=1e-08)", "nn.CosineSimilarity(dim=1)",
        {"axis": "dim", "eps": only(1e-08)},
        case("layer(x, y)", layer="nn.CosineSimilarity(axis=-1)", x="f2,5", y="f2,5"),
    ),
)  # fmt: skip
