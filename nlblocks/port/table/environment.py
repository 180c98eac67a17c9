"""What surrounds the computation: gradients on and off, defaults, devices, distribution, mixed precision."""

from __future__ import annotations

from nlblocks.port.table.row import api, case, dropped, only, to, when

OPTIMISER = "a matter of the optimiser: torch's take weight_decay by parameter group"
COMPILED = "settings of a compiled graph"

ROWS = (
    api(
        "paddle.no_grad(func=None)",
        "torch.no_grad()",
        {"func": only(None)},
        case("with paddle.no_grad():\n    y = x * 2\nx + y"),
        case("@paddle.no_grad()\ndef double(y):\n    return y * 2\nx + double(x)"),
        value="torch.no_grad",
        also="paddle.base.dygraph.no_grad",
    ),
    api(
        "paddle.enable_grad(func=None)",
        "torch.enable_grad()",
        {"func": only(None)},
        case("with paddle.no_grad():\n    with paddle.enable_grad():\n        y = x * 2\ny"),
        value="torch.enable_grad",
    ),
    api(
        "paddle.set_grad_enabled(mode)",
        "torch.set_grad_enabled(mode)",
        {},
        case("with paddle.set_grad_enabled(False):\n    y = x * 2\nx + y"),
        case("with paddle.set_grad_enabled(mode=True):\n    y = x * 2\ny"),
    ),
    api(
        "paddle.amp.auto_cast.amp_state()",
        "torch.is_autocast_enabled()",
        {},
        case("from paddle.amp.auto_cast import amp_state\nx * 2 if amp_state() or x.ndim == 4 else x"),
        case("from paddle.amp.auto_cast import amp_state\nx * 2 if not amp_state() else x"),
        also="paddle.fluid.dygraph.amp.auto_cast.amp_state",
        notes="Paddle's is the state itself, or None.",
        rule="truth",
    ),
    api("paddle.is_grad_enabled()", "torch.is_grad_enabled()", {}, case("paddle.is_grad_enabled()", grad=False)),
    api(
        "paddle.grad(outputs, inputs, grad_outputs=None, retain_graph=None, create_graph=False, only_inputs=True,"
        " allow_unused=False, no_grad_vars=None)",
        "torch.autograd.grad(outputs, inputs, grad_outputs=None, retain_graph=None, create_graph=False)",
        {"only_inputs": only(True), "no_grad_vars": only(None), "allow_unused": only(False)},
        case("paddle.grad((x * x).sum(), x)[0]", x="f3,4", grad=False),
        case("paddle.grad(outputs=(x * x * x).sum(), inputs=x, create_graph=True)[0] * 2", x="f3,4"),
        case(
            "g, = paddle.grad([x * x], [x], grad_outputs=[x], retain_graph=True, only_inputs=True)\ng",
            x="f3,4",
            grad=False,
        ),
        rule="parts",
    ),
    api(
        "paddle.get_default_dtype()",
        "torch.get_default_dtype()",
        {},
        case("paddle.zeros([2], dtype=paddle.get_default_dtype())", grad=False),
        case("paddle.get_default_dtype() == 'float64'", grad=False),
        case("paddle.get_default_dtype() in ['float16', 'bfloat16']", grad=False),
        case("kind = paddle.get_default_dtype()\nx.astype(kind)"),
        case("kind = paddle.get_default_dtype()\nx.astype(kind) * 2 if kind == 'float64' else x"),
        case("def wide(kind):\n    return kind == 'float64'\nwide(paddle.get_default_dtype())", grad=False),
        also="paddle.framework.get_default_dtype",
        rule="default_dtype",
    ),
    api(
        "paddle.set_default_dtype(d)",
        "torch.set_default_dtype(d)",
        {"d": to("d", "dtype")},
        case("paddle.set_default_dtype('float64')\nx * 2"),
        also="paddle.framework.set_default_dtype",
    ),
    api(
        "paddle.is_tensor(x)",
        "torch.is_tensor(obj)",
        {"x": "obj"},
        case("paddle.is_tensor(x)", grad=False),
        case("paddle.is_tensor([1.0])", grad=False),
        also="Tensor.is_tensor",
    ),
    *(
        api(
            f"paddle.is_{name}(x)",
            torch,
            {},
            case(f"paddle.is_{name}(x)", grad=False),
            case(f"paddle.is_{name}(x > 0)", grad=False),
        )
        for name, torch in (
            ("floating_point", "torch.is_floating_point({x})"),
            ("complex", "torch.is_complex({x})"),
            ("integer", "not ({x}.is_floating_point() or {x}.is_complex() or {x}.dtype == torch.bool)"),
        )
    ),
    api(
        "paddle.finfo(dtype)",
        "torch.finfo(dtype)",
        {"dtype": to("dtype", "dtype")},
        case("paddle.finfo(x.dtype).min", grad=False),
        case("paddle.finfo('float32').max", grad=False),
        case("paddle.finfo(paddle.float16).eps", grad=False),
    ),
    api(
        "paddle.iinfo(dtype)",
        "torch.iinfo(dtype)",
        {"dtype": to("dtype", "dtype")},
        case("paddle.iinfo('int32').max", grad=False),
    ),
    api(
        "paddle.seed(seed)",
        "torch.manual_seed(seed)",
        {},
        case("paddle.seed(3)\nx * 2"),
        also="paddle.framework.seed",
        notes="the same seed gives other values",
    ),
    api(
        "paddle.in_dynamic_mode()",
        "True",
        {},
        case("x * 2 if paddle.in_dynamic_mode() else x"),
        also="paddle.framework.in_dynamic_mode paddle.base.framework.in_dygraph_mode paddle.in_dynamic_or_pir_mode"
        " paddle.framework.in_dynamic_or_pir_mode paddle.nn.layer.layers.in_dynamic_mode",
        notes="the port has no static graphs",
    ),
    *(
        api(
            f"paddle.{name}()",
            "False",
            {},
            case(f"x if paddle.{name}() else x * 2"),
            notes="the port has no such thing",
            also=also,
        )
        for name, also in (
            ("base.framework.in_pir_mode", "paddle.framework.in_pir_mode"),
            (
                "nn.layer.layers.in_declarative_mode",
                "paddle.base.dygraph.base.in_declarative_mode paddle.base.dygraph.base.in_to_static_mode",
            ),
            ("is_compiled_with_xpu", ""),
            ("is_compiled_with_rocm", ""),
            ("is_compiled_with_cinn", ""),
        )
    ),
    api(
        "paddle.is_compiled_with_custom_device(device_type)",
        "False",
        {"device_type": dropped("there is none")},
        case("x if paddle.is_compiled_with_custom_device('npu') else x * 2"),
        notes="the port has no such thing",
    ),
    api(
        "paddle.is_compiled_with_cuda()",
        "torch.backends.cuda.is_built()",
        {},
        case("isinstance(paddle.is_compiled_with_cuda(), bool)", grad=False),
        also="paddle.device.is_compiled_with_cuda",
    ),
    api(
        "paddle.disable_static(place=None)",
        "None",
        {"place": dropped("the port runs where its inputs are")},
        case("paddle.disable_static()\nx * 2"),
        notes="a port has no static graphs",
    ),
    api(
        "paddle.CPUPlace()",
        'torch.device("cpu")',
        {},
        case("paddle.to_tensor([1.0], place=paddle.CPUPlace())", grad=False),
        also="paddle.base.core.CPUPlace",
    ),
    api(
        "paddle.CUDAPlace(id)",
        'torch.device("cuda", {id})',
        {},
        case("x.ndim if x.ndim else paddle.CUDAPlace(0)", grad=False),
        value="torch.device",
        also="paddle.base.core.CUDAPlace",
    ),
    api(
        "paddle.device.get_device(input=None)",
        "device_name()",
        {"input": only(None)},
        case("paddle.device.get_device()[:3]", grad=False),
        also="paddle.get_device",
    ),
    api(
        "paddle.device.cuda.device_count()",
        "torch.cuda.device_count()",
        {},
        case("paddle.device.cuda.device_count()", grad=False),
    ),
    api(
        "paddle.device.cuda.empty_cache()",
        "torch.cuda.empty_cache()",
        {},
        case("paddle.device.cuda.empty_cache()\nx * 2"),
    ),
    api(
        "paddle.device.set_device(device)",
        None,
        {},
        notes="torch's default device is set otherwise, and the port runs where its inputs are",
        also="paddle.set_device",
    ),
    api(
        "paddle.distributed.get_world_size(group=None)",
        "world_size()",
        {"group": only(None)},
        case("x * paddle.distributed.get_world_size()"),
        also="paddle.distributed.parallel.get_world_size",
    ),
    api(
        "paddle.distributed.get_rank(group=None)",
        "rank()",
        {"group": only(None)},
        case("x * (1 + paddle.distributed.get_rank())"),
        also="paddle.distributed.parallel.get_rank",
    ),
    api(
        "paddle.distributed.is_initialized()",
        "torch.distributed.is_initialized()",
        {},
        case("x if paddle.distributed.is_initialized() else x * 2"),
    ),
    api(
        "paddle.distributed.fleet.utils.recompute(function, *args, use_reentrant=True, preserve_rng_state=True)",
        "torch.utils.checkpoint.checkpoint({function}, {*args}, use_reentrant=False)",
        {
            "use_reentrant": dropped("both ways compute the same"),
            "preserve_rng_state": only(True),
        },
        case("from paddle.distributed.fleet.utils import recompute\nrecompute(layer, x)", layer="nn.Linear(5, 4)"),
        case("paddle.distributed.fleet.utils.recompute(lambda a, b: a * b, x, y, use_reentrant=False)", x="f3", y="f3"),
        also="paddle.distributed.fleet.recompute.recompute paddle.distributed.fleet.utils.recompute.recompute",
        notes="saves memory in training",
    ),
    api(
        "paddle.amp.auto_cast(enable=True, custom_white_list=None, custom_black_list=None, level='O1', dtype='float16',"
        " use_promote=True)",
        None,
        {},
        case("with paddle.amp.auto_cast(False):\n    y = x * 2\ny"),
        case("with paddle.amp.auto_cast(enable=False):\n    y = x * 2\ny"),
        variants=(
            when(
                'torch.autocast("cuda", enabled={enable})',
                {
                    "custom_white_list": dropped("nothing is cast"),
                    "custom_black_list": dropped("nothing is cast"),
                    "level": dropped("nothing is cast"),
                    "dtype": dropped("nothing is cast"),
                    "use_promote": dropped("nothing is cast"),
                },
                enable=(False,),
            ),
        ),
        notes="mixed precision: what is cast differs between the frameworks",
        also="paddle.amp.amp_guard",
    ),
    api(
        "paddle.regularizer.L2Decay(coeff=0.0)",
        "None",
        {"coeff": dropped(OPTIMISER)},
        case(layer="nn.Linear(5, 4, weight_attr=paddle.ParamAttr(regularizer=paddle.regularizer.L2Decay(1e-4)))"),
        case(
            layer="decay = paddle.regularizer.L2Decay(coeff=0.0)\n"
            "nn.Linear(5, 4, weight_attr=paddle.ParamAttr(regularizer=decay))"
        ),
        also="paddle.regularizer.L1Decay",
    ),
    api(
        "paddle.version.full_version",
        "'3.3.1'",
        {},
        case("paddle.version.full_version", grad=False),
        also="paddle.__version__",
        notes="code that asks takes the way that it took in this version",
        value="'3.3.1'",
    ),
    api("paddle.version.major", "'3'", {}, case("paddle.version.major", grad=False), value="'3'"),
    api("paddle.version.minor", "'3'", {}, case("paddle.version.minor", grad=False), value="'3'"),
    api(
        "paddle.inf",
        "float('inf')",
        {},
        case("paddle.where(x > 0, x, paddle.full_like(x, -paddle.inf))", x="f3,4"),
        value="float('inf')",
    ),
    api("paddle.nan", "float('nan')", {}, case("x * paddle.nan", grad=False), value="float('nan')"),
    api("paddle.pi", "math.pi", {}, case("x * paddle.pi")),
    api("paddle.e", "math.e", {}, case("x * paddle.e")),
    api("paddle.newaxis", "None", {}, case("x[:, paddle.newaxis]")),
    api(
        "paddle.static.amp.fp16_guard()",
        "nullcontext()",
        {},
        case("with paddle.static.amp.fp16_guard():\n    y = x * 2\ny"),
        notes="marks a part of a static graph",
    ),
    api(
        "paddle.distributed.fleet.meta_parallel.get_rng_state_tracker.states_",
        "{}",
        {},
        case(
            "from paddle.distributed.fleet.meta_parallel import get_rng_state_tracker\n"
            "x if 'local_seed' in get_rng_state_tracker().states_ else x * 2"
        ),
        notes="random states of parts on several devices: on one there are none, and what would add one is refused",
    ),
    api(
        "paddle.distributed.ParallelEnv.nranks",
        "world_size()",
        {},
        case("x * paddle.distributed.ParallelEnv().nranks"),
        case("x if x.ndim else x * paddle.distributed.ParallelEnv().world_size"),
        also="paddle.distributed.ParallelEnv.world_size",
    ),
    api(
        "paddle.distributed.ParallelEnv.local_rank",
        "rank()",
        {},
        case("x * (1 + paddle.distributed.ParallelEnv().local_rank)"),
        also="paddle.distributed.ParallelEnv.rank",
    ),
    api(
        "paddle.distributed.ParallelEnv()",
        "ParallelEnv()",
        {},
        case(
            "env = paddle.distributed.ParallelEnv()\n[env.local_rank, env.nranks, env.rank, env.world_size]", grad=False
        ),
    ),
)
