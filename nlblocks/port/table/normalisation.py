"""Normalisations, as layers and functions."""

from __future__ import annotations

from nlblocks.port.table.channels_last import LAST, channels_last
from nlblocks.port.table.helpers import helper
from nlblocks.port.table.row import Fates, api, attr, case, dropped, only, to, when

for _n in (1, 2, 3):
    helper(
        f"ToldBatchNorm{_n}d",
        f'''
class ToldBatchNorm{_n}d(nn.BatchNorm{_n}d):
    """Paddle's use_global_stats says whose statistics count in both modes: the running ones, or the batch's."""

    def __init__(self, num_features, use_global_stats=None, **kwargs):
        super().__init__(num_features, **kwargs)
        self.use_global_stats = use_global_stats

    def forward(self, x):
        training = self.training if self.use_global_stats is None else not self.use_global_stats
        state = self.running_mean, self.running_var, self.weight, self.bias
        return F.batch_norm(x, *state, training, self.momentum, self.eps)
''',
        "nn",
        "F",
    )

EPSILON: Fates = {"epsilon": "eps"}
NORM: Fates = {**EPSILON, "weight_attr": attr("weight", may_lack=True), "bias_attr": attr("bias", may_lack=True)}
FORMATS = {1: ("NCL", "NC"), 2: ("NCHW",), 3: ("NCDHW",)}
VARIANCE = (
    "keeps the biased variance as running statistic, torch the unbiased one; epsilon is held as float32; Paddle gives a"
    " weight without a bias no gradient, and where it uses the batch's statistics in evaluation not their derivative"
)


def _batch(n: int, shape: str):  # type: ignore[no-untyped-def]
    return api(
        f"paddle.nn.BatchNorm{n}D(num_features, momentum=0.9, epsilon=1e-05, weight_attr=None, bias_attr=None,"
        f" data_format={FORMATS[n][0]!r}, use_global_stats=None, name=None)",
        f"nn.BatchNorm{n}d(num_features, eps=1e-05, momentum=0.1)",
        {
            **EPSILON, "momentum": to("momentum", "one_minus"), "weight_attr": attr("weight", may_lack=True),
            "bias_attr": attr("bias", may_lack=True), "data_format": only(*FORMATS[n]),
            "use_global_stats": only(None),
        },
        case(layer=f"nn.BatchNorm{n}D(3)", x=shape),
        *(case(f"layer.{mode}()\nlayer(x)", layer=f"nn.BatchNorm{n}D(3, epsilon=1e-3, use_global_stats={told})",
               x=shape, held=True, grad=told or mode == "train")
          for mode in ("train", "eval") for told in (True, False)),
        case(layer=f"nn.BatchNorm{n}D(3, momentum=0.8, epsilon=1e-3, bias_attr=None)", x=shape, held=True),
        case(layer=f"nn.BatchNorm{n}D(3, weight_attr=False, bias_attr=False)", x=shape),
        case(layer=f"nn.Sequential(nn.BatchNorm{n}D(3, bias_attr=False))", x=shape, grad=False),
        case(layer=f"bn = nn.BatchNorm{n}D(3, bias_attr=False)\nbn", x=shape, grad=False),
        case("layer.eval()\nlayer(x)", layer=f"nn.BatchNorm{n}D(3)", x=shape),
        case(layer=f"nn.BatchNorm{n}D(3, data_format={LAST[n]!r})", x=f"{shape.replace(',3', '', 1)},3"),
        variants=(
            *channels_last(n, f"nn.BatchNorm{n}d(num_features, eps=1e-05, momentum=0.1)"),
            when(f"nn.BatchNorm{n}d(num_features, eps=1e-05, momentum=0.1, affine=True)",
                 {"weight_attr": to("affine"), "bias_attr": only(False)}, weight_attr=(False,), bias_attr=(False,),
                 use_global_stats=(None,)),
            when(f"ToldBatchNorm{n}d(num_features, eps=1e-05, momentum=0.1, use_global_stats=None)",
                 use_global_stats="any bool"),
        ),
        notes=VARIANCE,
    )  # fmt: skip


def _instance(n: int, shape: str):  # type: ignore[no-untyped-def]
    return api(
        f"paddle.nn.InstanceNorm{n}D(num_features, epsilon=1e-05, momentum=0.9, weight_attr=None, bias_attr=None,"
        f" data_format={FORMATS[n][0]!r}, name=None)",
        f"nn.InstanceNorm{n}d(num_features, eps=1e-05)",
        {
            **NORM, "momentum": dropped("there are no running statistics"), "data_format": only(*FORMATS[n]),
        },
        case(layer=f"nn.InstanceNorm{n}D(3)", x=shape),
        case(layer=f"nn.InstanceNorm{n}D(3, epsilon=1e-3, weight_attr=False, bias_attr=False)", x=shape, held=True),
        variants=(
            when(f"nn.InstanceNorm{n}d(num_features, eps=1e-05)",
                 {"weight_attr": only(False), "bias_attr": only(False)}, weight_attr=(False,), bias_attr=(False,)),
        ),
        rule="affine",
    )  # fmt: skip


ROWS = (
    api(
        "paddle.nn.BatchNorm(num_channels, act=None, is_test=False, momentum=0.9, epsilon=1e-05, param_attr=None,"
        " bias_attr=None, dtype='float32', data_layout='NCHW', in_place=False, moving_mean_name=None,"
        " moving_variance_name=None, do_model_average_for_mean_and_var=True, use_global_stats=False,"
        " trainable_statistics=False)",
        "nn.BatchNorm2d(num_features, eps=1e-05, momentum=0.1)",
        {
            "num_channels": "num_features", "epsilon": "eps", "momentum": to("momentum", "one_minus"),
            "act": only(None), "is_test": only(False),
            "param_attr": attr("weight", may_lack=True), "bias_attr": attr("bias", may_lack=True),
            "dtype": only("float32", "float64"), "data_layout": only("NCHW"),
            "in_place": dropped("only saves memory"), "moving_mean_name": dropped("a label of static graphs"),
            "moving_variance_name": dropped("a label of static graphs"),
            "do_model_average_for_mean_and_var": dropped("a matter of the optimiser"),
            "use_global_stats": only(False, None), "trainable_statistics": only(False),
        },
        case(layer="nn.BatchNorm(3)"),
        case(layer="nn.BatchNorm(num_channels=3, momentum=0.8, epsilon=1e-3, data_layout='NCHW')", held=True),
        case(layer="nn.BatchNorm(3)", x="f4,3"),
        case(layer="nn.BatchNorm(3)", x="f4,3,5"),
        case(layer="nn.BatchNorm(3, act='relu')"),
        case(layer="nn.BatchNorm(3, trainable_statistics=True)"),
        case("layer.eval()\nlayer(x)", layer="nn.BatchNorm(3, trainable_statistics=True)", grad=False),
        variants=(
            when("nn.BatchNorm1d(num_features, eps=1e-05, momentum=0.1)", ndim=(2, 3)),
            when("nn.BatchNorm3d(num_features, eps=1e-05, momentum=0.1)", ndim=(5,)),
            when("ActivatedBatchNorm2d(num_features, act, eps=1e-05, momentum=0.1)", {"act": "act"}, act="any text"),
            when("ToldBatchNorm2d(num_features, eps=1e-05, momentum=0.1, use_global_stats=None)",
                 {"trainable_statistics": to("use_global_stats", "negated"), "use_global_stats": only(False, None)},
                 trainable_statistics=(True,)),
        ),
        notes=VARIANCE,
    ),
    api(
        "paddle.nn.layer.norm._BatchNormBase", None, {},
        case("isinstance(layer, nn.layer.norm._BatchNormBase)", layer="nn.BatchNorm2D(3)", grad=False),
        case("isinstance(layer, nn.layer.norm._BatchNormBase)", layer="nn.InstanceNorm2D(3)", grad=False),
        value="nn.modules.batchnorm._BatchNorm",
        notes="torch's builds none itself; Paddle's first BatchNorm is none of them",
    ),
    _batch(1, "f4,3"),
    _batch(2, "f2,3,4,5"),
    _batch(3, "f2,3,2,3,2"),
    api(
        "paddle.nn.SyncBatchNorm(num_features, momentum=0.9, epsilon=1e-05, weight_attr=None, bias_attr=None,"
        " data_format='NCHW', name=None)",
        "nn.BatchNorm2d(num_features, eps=1e-05, momentum=0.1)",
        {
            **EPSILON, "momentum": to("momentum", "one_minus"), "weight_attr": attr("weight", may_lack=True),
            "bias_attr": attr("bias", may_lack=True), "data_format": only("NCHW"),
        },
        case("isinstance(layer, nn.SyncBatchNorm)", layer="nn.SyncBatchNorm(3)", grad=False),
        case("layer._momentum + layer._epsilon", layer="nn.SyncBatchNorm(3, momentum=0.8, epsilon=1e-3)", grad=False),
        notes=f"torch's convert_sync_batchnorm makes it one of many devices; {VARIANCE}",
    ),
    api(
        "paddle.nn.LayerNorm(normalized_shape, epsilon=1e-05, weight_attr=None, bias_attr=None, name=None)",
        "nn.LayerNorm(normalized_shape, eps=1e-05, elementwise_affine=True, bias=True)",
        {**EPSILON, "weight_attr": attr("weight", may_lack=True), "bias_attr": attr("bias", flag="bias")},
        case(layer="nn.LayerNorm(5)"),
        case(layer="nn.LayerNorm([4, 5], epsilon=1e-6)", held=True),
        case(layer="nn.LayerNorm(5, bias_attr=False)"),
        case(layer="nn.LayerNorm(5, weight_attr=False, bias_attr=False)"),
        variants=(
            when("nn.LayerNorm(normalized_shape, eps=1e-05, elementwise_affine=True)",
                 {"weight_attr": to("elementwise_affine"), "bias_attr": only(False)}, weight_attr=(False,),
                 bias_attr=(False,)),
        ),
        notes="epsilon is held as float32",
    ),
    api(
        "paddle.nn.GroupNorm(num_groups, num_channels, epsilon=1e-05, weight_attr=None, bias_attr=None,"
        " data_format='NCHW', name=None)",
        "nn.GroupNorm(num_groups, num_channels, eps=1e-05, affine=True)",
        {**NORM, "data_format": only("NCHW", "NCL", "NCDHW", "NC")},
        case(layer="nn.GroupNorm(2, 4)", x="f2,4,3,5"),
        case(layer="nn.GroupNorm(num_groups=3, num_channels=3, epsilon=1e-6)", held=True),
        case("layer(x)", layer="nn.GroupNorm(3, 3, weight_attr=False, bias_attr=False)", grad=False),
        variants=(
            when("nn.GroupNorm(num_groups, num_channels, eps=1e-05, affine=True)",
                 {"weight_attr": to("affine"), "bias_attr": only(False)}, weight_attr=(False,), bias_attr=(False,)),
        ),
        notes="Paddle's input gradient is wrong without a scale (3 to 13 %); epsilon is held as float32",
    ),
    _instance(1, "f2,3,7"),
    _instance(2, "f2,3,4,5"),
    _instance(3, "f2,3,2,3,4"),
    api(
        "paddle.nn.LocalResponseNorm(size, alpha=0.0001, beta=0.75, k=1.0, data_format='NCHW', name=None)",
        "nn.LocalResponseNorm(size, alpha=0.0001, beta=0.75, k=1.0)",
        {"data_format": only("NCHW")},
        case(layer="nn.LocalResponseNorm(3, alpha=0.1, beta=0.5, k=2.0)", x="f2,6,3,4", held=True),
        case(layer="nn.LocalResponseNorm(3)", x="f2,6,3,4"),
    ),
    api(
        "paddle.nn.functional.layer_norm(x, normalized_shape, weight=None, bias=None, epsilon=1e-05, name=None)",
        "F.layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-05)",
        {"x": "input", "normalized_shape": to("normalized_shape", "listed"), **EPSILON},
        case("F.layer_norm(x, 5)"),
        case("F.layer_norm(x, x.shape[1:])"),
        case("F.layer_norm(x, [5], w, b, epsilon=1e-3)", x="f2,3,4,5", w="f5", b="f5", held=True),
    ),
    api(
        "paddle.nn.functional.batch_norm(x, running_mean, running_var, weight=None, bias=None, training=False,"
        " momentum=0.9, epsilon=1e-05, data_format='NCHW', use_global_stats=None, name=None)",
        "F.batch_norm(input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1,"
        " eps=1e-05)",
        {
            "x": "input", "momentum": to("momentum", "one_minus"), **EPSILON,
            "data_format": only("NCHW", "NCL", "NC", "NCDHW"), "use_global_stats": only(None),
        },
        case("F.batch_norm(x, m.detach(), v.detach(), w, b, training=True, momentum=0.8, epsilon=1e-3)",
             x="f2,3,4,5", m="f3", v="p3", w="f3", b="f3", held=True),
        case("F.batch_norm(x, m.detach(), v.detach(), w, b)", x="f2,3,4,5", m="f3", v="p3", w="f3", b="f3"),
        *(case(f"F.batch_norm(x, m.detach(), v.detach(), w, b, training={training}, use_global_stats={told})",
               x="f2,3,4,5", m="f3", v="p3", w="f3", b="f3", grad=told or training)
          for training in (True, False) for told in (True, False)),
        variants=(
            when("F.batch_norm(input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1,"
                 " eps=1e-05)",
                 {"training": dropped("use_global_stats says which statistics are used, whatever the mode"),
                  "use_global_stats": to("training", "negated")},
                 use_global_stats="bool"),
        ),
        notes=VARIANCE,
    ),
    api(
        "paddle.nn.functional.instance_norm(x, running_mean=None, running_var=None, weight=None, bias=None,"
        " use_input_stats=True, momentum=0.9, eps=1e-05, data_format='NCHW', name=None)",
        "F.instance_norm(input, *, weight=None, bias=None, eps=1e-05)",
        {
            "x": "input", "running_mean": only(None), "running_var": only(None), "use_input_stats": only(True),
            "momentum": dropped("there are no running statistics"), "data_format": only("NCHW", "NCL", "NCDHW"),
        },
        case("F.instance_norm(x, eps=1e-3)", held=True),
        case("F.instance_norm(x)"),
        case("F.instance_norm(x, weight=w, bias=b)", x="f2,3,4,5", w="f3", b="f3"),
    ),
    api(
        "paddle.nn.functional.group_norm(x, num_groups, epsilon=1e-05, weight=None, bias=None, data_format='NCHW',"
        " name=None)",
        "F.group_norm(input, num_groups, weight=None, bias=None, eps=1e-05)",
        {"x": "input", **EPSILON, "data_format": only("NCHW", "NCL", "NCDHW")},
        case("F.group_norm(x, 3, epsilon=1e-3, weight=w, bias=b)", x="f2,3,4,5", w="f3", b="f3", held=True),
        case("F.group_norm(x, 3, weight=w, bias=b)", x="f2,3,4,5", w="f3", b="f3"),
    ),
    api(
        "paddle.nn.functional.normalize(x, p=2, axis=1, epsilon=1e-12, out=None, name=None)",
        "F.normalize(input, p=2, dim=1, eps=1e-12)",
        {"x": "input", "axis": "dim", **EPSILON, "out": only(None)},
        case("F.normalize(x * 0.1, p=3, epsilon=0.5)", held=True),
        case("F.normalize(x)"),
        case("F.normalize(x, p=1, axis=-1)"),
    ),
    api(
        "paddle.nn.functional.local_response_norm(x, size, alpha=0.0001, beta=0.75, k=1.0, data_format='NCHW',"
        " name=None)",
        "F.local_response_norm(input, size, alpha=0.0001, beta=0.75, k=1.0)",
        {"x": "input", "data_format": only("NCHW")},
        case("F.local_response_norm(x, 3, alpha=0.1, beta=0.5, k=2.0)", x="f2,6,3,4", held=True),
        case("F.local_response_norm(x, 3)", x="f2,6,3,4"),
    ),
)  # fmt: skip
