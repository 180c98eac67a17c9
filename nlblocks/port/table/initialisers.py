"""ParamAttr and the initialisers: functions of a parameter, as torch.nn.init has them."""

from __future__ import annotations

from nlblocks.port.table.helpers import helper
from nlblocks.port.table.row import Variant, api, attr, case, dropped, only, to, when

OPTIMISER = "a matter of the optimiser: torch's take it by parameter group"
BY_DEFAULT = "what layers start as where nothing says it: a port does not keep that, its weights are converted"
TAKES_WEIGHT = "nn.Linear({}, weight_attr={}).weight.flatten()"
FANS = {"fan_in": to("fan_in"), "fan_out": to("fan_out")}


def drawn(text: str, extents: str = "80, 80"):  # type: ignore[no-untyped-def]
    """A case: what a linear layer's weight starts as."""
    return case(TAKES_WEIGHT.format(extents, f"nn.initializer.{text}"), check="distribution", grad=False)


def drawn_bias(text: str):  # type: ignore[no-untyped-def]
    """A case: what a linear layer's bias starts as."""
    return case(f"nn.Linear(2, 4000, bias_attr=nn.initializer.{text}).bias", check="distribution", grad=False)


for _drawn, _from in (("uniform", "-math.sqrt(3.0) * {0}, math.sqrt(3.0) * {0}"), ("normal", "std={0}")):
    helper(f"xavier_{_drawn}", f'''
def xavier_{_drawn}(parameter, gain=1.0):
    """Torch's start, that takes vectors too: in Paddle their length is both fans."""
    if parameter.dim() > 1:
        return nn.init.xavier_{_drawn}_(parameter, gain)
    std = gain / math.sqrt(parameter.numel())
    return nn.init.{_drawn}_(parameter, {_from.format("std")})
''', "nn", "math")  # fmt: skip

    helper(f"xavier_{_drawn}_of", f'''
def xavier_{_drawn}_of(parameter, fan_in=None, fan_out=None, gain=1.0):
    """Torch's start with fans of one's own; what is not given is the parameter's. Zeros where a fan is 0."""
    own = nn.init._calculate_fan_in_and_fan_out(parameter)
    fans = own[0] if fan_in is None else fan_in, own[1] if fan_out is None else fan_out
    std = gain * math.sqrt(2.0 / sum(fans)) if all(fans) else 0.0
    return nn.init.{_drawn}_(parameter, {_from.format("std")})
''', "nn", "math")  # fmt: skip

    helper(f"kaiming_{_drawn}", f'''
def kaiming_{_drawn}(parameter, a=0, mode="fan_in", nonlinearity="leaky_relu"):
    """Torch's start, that takes vectors too: in Paddle their length is both fans."""
    if parameter.dim() > 1:
        return nn.init.kaiming_{_drawn}_(parameter, a, mode, nonlinearity)
    std = nn.init.calculate_gain(nonlinearity, a) / math.sqrt(parameter.numel())
    return nn.init.{_drawn}_(parameter, {_from.format("std")})
''', "nn", "math")  # fmt: skip


helper(
    "attr_list",
    '''
def attr_list(attr, n):
    """How each of several parameters starts: as a list says, or all alike."""
    attrs = list(attr) if isinstance(attr, (list, tuple)) else [attr] * n
    assert len(attrs) == n, f"{len(attrs)} attributes for {n} parameters"
    return [None if one is True else one for one in attrs]
''',
)

LISTED = "attrs = paddle.nn.layer.transformer._convert_param_attr_to_list({}, 2)\n"


def listed(attrs: str, taken: str = "[one is False for one in attrs]"):  # type: ignore[no-untyped-def]
    """A case: what is made of a list of attributes."""
    return case(LISTED.format(attrs) + taken, grad=False)


def _xavier(name: str) -> tuple[Variant, ...]:
    """A start whose fans are given, and that of a vector."""
    own = f"{name}_of(tensor, fan_in=None, fan_out=None, gain=1.0)"
    return (
        when(own, FANS, fan_in="given"),
        when(own, FANS, fan_out="given"),
        when(f"{name}(tensor, gain=1.0)", ndim=(1,)),
    )


ROWS = (
    api(
        "paddle.ParamAttr(name=None, initializer=None, learning_rate=1.0, regularizer=None, trainable=True,"
        " do_model_average=True, need_clip=True)",
        "None",
        {
            "initializer": attr(""), "learning_rate": dropped(OPTIMISER), "regularizer": dropped(OPTIMISER),
            "trainable": only(True), "do_model_average": dropped(OPTIMISER), "need_clip": dropped(OPTIMISER),
        },
        case(layer="nn.Linear(5, 4, weight_attr=paddle.ParamAttr(learning_rate=2.0, regularizer=None))"),
        case(layer="attr = paddle.ParamAttr(initializer=nn.initializer.Constant(0.5))\nnn.Linear(5, 4, attr, attr)"),
        case(layer="nn.Linear(5, 4, bias_attr=paddle.ParamAttr(initializer=nn.initializer.Constant(0.5),"
                   " trainable=False))"),
        also="paddle.framework.ParamAttr paddle.base.ParamAttr paddle.base.param_attr.ParamAttr",
        rule="param_attr",
    ),
    api(
        "paddle.nn.layer.transformer._convert_param_attr_to_list(param_attr, n)", "attr_list(attr, n)",
        {"param_attr": "attr"},
        listed("nn.initializer.Constant(0.5)", "nn.Linear(2, 3, attrs[0], attrs[1]).weight.sum()"),
        listed("paddle.ParamAttr(initializer=nn.initializer.Constant(0.5))", "nn.Linear(2, 3, None, attrs[1]).bias"),
        listed("[None, nn.initializer.Constant(0.5)]", "nn.Linear(2, 3, attrs[0], attrs[1]).bias"),
        listed("None"),
        listed("False"),
        listed("True"),
        listed("(True, False)"),
    ),
    api(
        "paddle.nn.initializer.Constant(value=0.0)", "nn.init.constant_(tensor, val)", {"value": "val"},
        case("nn.Linear(3, 4, weight_attr=nn.initializer.Constant(2.5)).weight.sum()"),
        case("fill = nn.initializer.Constant()\nfill(layer.weight)\nlayer(x)", layer="nn.Linear(5, 4)"),
        rule="start",
    ),
    api(
        "paddle.nn.initializer.Uniform(low=-1.0, high=1.0, name=None)", "nn.init.uniform_(tensor, a=0.0, b=1.0)",
        {"low": "a", "high": "b"},
        case(layer="nn.Linear(5, 4, weight_attr=paddle.ParamAttr(initializer=nn.initializer.Uniform(-0.5, 0.5)))"),
        drawn("Uniform(-0.5, 0.25)"),
        drawn("Uniform()"),
        rule="start",
    ),
    api(
        "paddle.nn.initializer.Normal(mean=0.0, std=1.0, name=None)", "nn.init.normal_(tensor, mean=0.0, std=1.0)", {},
        drawn("Normal(std=0.02)"),
        drawn("Normal(1.0, 0.5)"),
        rule="start",
    ),
    api(
        "paddle.nn.initializer.TruncatedNormal(mean=0.0, std=1.0, a=-2.0, b=2.0, name=None)",
        "nn.init.trunc_normal_(tensor, mean=0.0, std=1.0, a=-2.0, b=2.0)", {},
        drawn("TruncatedNormal(std=0.02)"),
        drawn("TruncatedNormal()"),
        drawn("TruncatedNormal(mean=0.5, std=2.0, a=-1.0, b=1.0)"),
        rule="start",
    ),
    api(
        "paddle.nn.initializer.XavierUniform(fan_in=None, fan_out=None, gain=1.0, name=None)",
        "nn.init.xavier_uniform_(tensor, gain=1.0)", {"fan_in": only(None), "fan_out": only(None)},
        drawn("XavierUniform(gain=2.0)", "80, 300"),
        drawn("XavierUniform()"),
        drawn_bias("XavierUniform()"),
        drawn_bias("XavierUniform(gain=2.0)"),
        drawn("XavierUniform(fan_out=10)"),
        drawn("XavierUniform(fan_in=40, fan_out=10)"),
        drawn("XavierUniform(fan_in=40, gain=0.5)"),
        drawn("XavierUniform(fan_in=0)"),
        variants=_xavier("xavier_uniform"),
        rule="start",
    ),
    api(
        "paddle.nn.initializer.XavierNormal(fan_in=None, fan_out=None, gain=1.0, name=None)",
        "nn.init.xavier_normal_(tensor, gain=1.0)", {"fan_in": only(None), "fan_out": only(None)},
        drawn("XavierNormal(gain=2.0)", "80, 300"),
        drawn("XavierNormal()"),
        drawn_bias("XavierNormal()"),
        drawn_bias("XavierNormal(gain=2.0)"),
        drawn("XavierNormal(fan_out=10)"),
        drawn("XavierNormal(fan_in=40, fan_out=10, gain=0.5)"),
        drawn("XavierNormal(fan_in=None, fan_out=0)"),
        variants=_xavier("xavier_normal"),
        rule="start",
    ),
    api(
        "paddle.nn.initializer.KaimingNormal(fan_in=None, negative_slope=0.0, nonlinearity='relu', mode='fan_in')",
        "nn.init.kaiming_normal_(tensor, a=0, mode='fan_in', nonlinearity='leaky_relu')",
        {"fan_in": only(None), "negative_slope": "a"},
        drawn("KaimingNormal(mode='fan_out')", "80, 300"),
        drawn("KaimingNormal()"),
        drawn_bias("KaimingNormal()"),
        drawn_bias("KaimingNormal(negative_slope=0.5, nonlinearity='leaky_relu', mode='fan_out')"),
        drawn("KaimingNormal(fan_in=10)"),
        drawn("KaimingNormal(nonlinearity='leaky_relu', negative_slope=0.5)"),
        variants=(
            when("partial(nn.init.normal_, std=math.sqrt(2.0 / {fan_in}))",
                 {"fan_in": to("fan_in"), "negative_slope": only(0.0, 0), "nonlinearity": only("relu"),
                  "mode": only("fan_in")},
                 fan_in="given"),
            when("kaiming_normal(tensor, a=0, mode='fan_in', nonlinearity='leaky_relu')", ndim=(1,)),
        ),
        rule="start",
    ),
    api(
        "paddle.nn.initializer.KaimingUniform(fan_in=None, negative_slope=0.0, nonlinearity='relu', mode='fan_in')",
        "nn.init.kaiming_uniform_(tensor, a=0, mode='fan_in', nonlinearity='leaky_relu')",
        {"fan_in": only(None), "negative_slope": "a"},
        drawn("KaimingUniform(negative_slope=0.5, nonlinearity='leaky_relu', mode='fan_out')", "80, 300"),
        drawn("KaimingUniform()"),
        drawn_bias("KaimingUniform()"),
        drawn_bias("KaimingUniform(negative_slope=0.5, nonlinearity='leaky_relu', mode='fan_out')"),
        drawn("KaimingUniform(fan_in=10)"),
        variants=(
            when("partial(nn.init.uniform_, a=-math.sqrt(6.0 / {fan_in}), b=math.sqrt(6.0 / {fan_in}))",
                 {"fan_in": to("fan_in"), "negative_slope": only(0.0, 0), "nonlinearity": only("relu"),
                  "mode": only("fan_in")},
                 fan_in="given"),
            when("kaiming_uniform(tensor, a=0, mode='fan_in', nonlinearity='leaky_relu')", ndim=(1,)),
        ),
        rule="start",
    ),
    api(
        "paddle.nn.initializer.Orthogonal(gain=1.0, name=None)", "nn.init.orthogonal_(tensor, gain=1)", {},
        drawn("Orthogonal(gain=2.0)", "80, 60"),
        drawn("Orthogonal()"),
        rule="start",
    ),
    api(
        "paddle.nn.initializer.Dirac(groups=1, name=None)", "nn.init.dirac_(tensor, groups=1)", {},
        case("nn.Conv2D(4, 6, 3, weight_attr=nn.initializer.Dirac(groups=2)).weight.sum()", grad=False),
        case("nn.Conv2D(3, 4, 3, weight_attr=nn.initializer.Dirac()).weight.sum()", grad=False),
        rule="start",
    ),
    api(
        "paddle.nn.initializer.Assign(value, name=None)", "assign(tensor, value)", {},
        case("fill = nn.initializer.Assign(np.ones([3, 2, 1, 1]))\nnn.Conv2D(2, 3, 1, weight_attr=fill).weight.sum()"),
        rule="start",
    ),
    api(
        "paddle.nn.initializer.calculate_gain(nonlinearity, param=None)",
        "nn.init.calculate_gain(nonlinearity, param=None)", {},
        case("nn.initializer.calculate_gain('leaky_relu', 0.2)", grad=False),
    ),
    api(
        "paddle.create_parameter(shape, dtype, name=None, attr=None, is_bias=False, default_initializer=None)",
        "nn.Parameter(torch.zeros({shape}))",
        {
            "shape": to("shape", "shape"), "attr": attr("weight"), "is_bias": only(False, True),
            "dtype": only("float32", "float64"), "default_initializer": attr("weight"),
        },
        case("paddle.create_parameter([3, 4], 'float64', is_bias=True) + x.sum()"),
        case("paddle.create_parameter([3, 4], dtype=paddle.get_default_dtype(), is_bias=True) + x.sum()"),
        variants=(
            when("nn.Parameter(torch.zeros({shape}))", dtype=(None, "float32")),
            when("nn.Parameter(torch.zeros({shape}, dtype={dtype}))", {"dtype": to("dtype", "dtype")}, dtype="given"),
        ),
        rule="create_parameter",
    ),
    api(
        "Initializer.__call__(param, block=None)", "{self}({param})",
        {"block": dropped("a part of static graphs, which a port does not have")},
        case("fill = nn.initializer.Constant(0.5)\nfill(layer.weight, layer.weight.block)\nlayer(x)",
             layer="nn.Linear(5, 4)"),
        case("nn.initializer.Constant(0.5)(param=layer.weight)\nlayer(x)", layer="nn.Linear(5, 4)"),
        case("if x.ndim == 1:\n    fill = nn.initializer.Constant(value=0.5)\n    fill(layer.weight, None)\nlayer(x)",
             layer="nn.Linear(5, 4)"),
        case("nn.initializer.Constant(0.5).__call__(layer.weight, None)\nlayer(x)", layer="nn.Linear(5, 4)"),
        case("fill = nn.initializer.Assign(np.arange(16.0).reshape([4, 4]))\nfill(layer.weight)\nlayer(x)",
             layer="nn.Linear(4, 4)", x="f2,4"),
        case("nn.initializer.KaimingNormal()(layer.weight)\nlayer.weight.flatten()",
             layer="nn.Linear(400, 40)", grad=False, check="distribution"),
        rule="fill",
    ),
    api(
        "Tensor.block", "None", {},
        case("fill = nn.initializer.Constant(0.5)\nfill(layer.weight, layer.weight.block)\nlayer(x)",
             layer="nn.Linear(5, 4)"),
        value="None",
        notes="a part of static graphs, which a port does not have: initialisers take it",
    ),
    api(
        "paddle.nn.initializer.set_global_initializer(weight_init, bias_init=None)", "None",
        {"weight_init": dropped(BY_DEFAULT), "bias_init": dropped(BY_DEFAULT)},
        case("nn.initializer.set_global_initializer(nn.initializer.Constant(2.0), nn.initializer.Constant())\n"
             "nn.initializer.set_global_initializer(None)\nx * 2"),
    ),
)  # fmt: skip
