"""ParamAttr and the initialisers: functions of a parameter, as torch.nn.init has them."""

from __future__ import annotations

from nlblocks.port.table.row import api, case, dropped, only

ROWS = (
    api(
        "paddle.ParamAttr(name=None, initializer=None, learning_rate=1.0, regularizer=None, trainable=True,"
        " do_model_average=True, need_clip=True)",
        "None",
        {
            "initializer": only(None),
            "learning_rate": dropped("a matter of the optimiser: torch's take it by parameter group"),
            "regularizer": dropped("a matter of the optimiser: torch's take weight_decay by parameter group"),
            "trainable": only(True), "do_model_average": dropped("a matter of the optimiser"),
            "need_clip": dropped("a matter of the optimiser"),
        },
        case(layer="nn.Linear(5, 4, weight_attr=paddle.ParamAttr(learning_rate=2.0, regularizer=None))"),
        also="paddle.base.param_attr.ParamAttr",
        rule="param_attr",
    ),
    api(
        "paddle.nn.initializer.Constant(value=0.0)",
        "nn.init.constant_(tensor, val)",
        {"value": "val"},
        case("nn.Linear(3, 4, weight_attr=nn.initializer.Constant(2.5)).weight.sum()", grad=False),
        case("fill = nn.initializer.Constant()\nfill(layer.weight)\nlayer(x)", layer="nn.Linear(5, 4)"),
        rule="start",
    ),
    api(
        "paddle.nn.initializer.Uniform(low=-1.0, high=1.0, name=None)",
        "nn.init.uniform_(tensor, a=0.0, b=1.0)",
        {"low": "a", "high": "b"},
        case(layer="nn.Linear(5, 4, weight_attr=paddle.ParamAttr(initializer=nn.initializer.Uniform(-0.5, 0.5)))"),
        case("nn.Linear(80, 80, weight_attr=nn.initializer.Uniform(-0.5, 0.25)).weight", check="distribution",
             grad=False),
        rule="start",
    ),
)  # fmt: skip
