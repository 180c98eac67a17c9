"""Devices, modes, seeds, precision and what is left of static graphs."""

from __future__ import annotations

from nlblocks.port.table.row import api, case, dropped, only, refused, to, when

ALWAYS_DYNAMIC = "torch runs what it reads"
ONE_OF_MANY = "torch.distributed.{}() if torch.distributed.is_initialized() else {}"


def constant(paddle: str, value: str, also: str = "", notes: str = ""):  # type: ignore[no-untyped-def]
    """An API without arguments whose answer in torch is always the same."""
    return api(f"{paddle}()", value, {}, case(f"{paddle}()", grad=False), also=also, notes=notes)


ROWS = (
    api("paddle.no_grad()", "torch.no_grad()", {},
        case("with paddle.no_grad():\n    y = x * 2\nx * y"),
        case("@paddle.no_grad()\ndef double(x):\n    return x * 2\n\nx * double(x)")),
    api("paddle.enable_grad()", "torch.enable_grad()", {}, case("with paddle.enable_grad():\n    y = x * 2\ny")),
    api("paddle.set_grad_enabled(mode)", "torch.set_grad_enabled(mode)", {},
        case("with paddle.set_grad_enabled(False):\n    y = x * 2\nx * y")),
    api("paddle.is_grad_enabled()", "torch.is_grad_enabled()", {}, case("paddle.is_grad_enabled()", grad=False)),
    api("paddle.device.get_device(input=None)", "('gpu:0' if torch.cuda.is_available() else 'cpu')", {"input": only(None)},
        case("paddle.device.get_device().startswith('npu')", grad=False), also="paddle.get_device"),
    api("paddle.device.set_device(device)", None, {}, also="paddle.set_device",
        notes="torch has no device for all that follows: move the model and its input"),
    api("paddle.device.is_compiled_with_cuda()", "torch.cuda.is_available()", {},
        case("paddle.is_compiled_with_cuda()", grad=False), also="paddle.is_compiled_with_cuda"),
    constant("paddle.is_compiled_with_xpu", "False", "paddle.device.is_compiled_with_xpu"),
    constant("paddle.is_compiled_with_rocm", "False", "paddle.device.is_compiled_with_rocm"),
    api("paddle.is_compiled_with_custom_device(device_type)", "False", {"device_type": dropped("Paddle's own devices")},
        case("paddle.is_compiled_with_custom_device('npu')", grad=False),
        also="paddle.device.is_compiled_with_custom_device"),
    api("paddle.device.cuda.device_count()", "torch.cuda.device_count()", {},
        case("paddle.device.cuda.device_count()", grad=False)),
    api("paddle.CPUPlace()", "torch.device('cpu')", {}, case("type(paddle.CPUPlace()) is None", grad=False)),
    constant("paddle.in_dynamic_mode", "True", "paddle.framework.in_dynamic_mode paddle.in_dygraph_mode"
             " paddle.framework.in_dynamic_or_pir_mode", ALWAYS_DYNAMIC),
    api("paddle.disable_static(place=None)", "None", {"place": only(None)}, case("paddle.disable_static()", grad=False)),
    api("paddle.enable_static()", None, {}, notes="torch has no static graphs"),
    api("paddle.static.amp.fp16_guard()", "nullcontext()", {},
        case("with paddle.static.amp.fp16_guard():\n    y = x * 2\ny"), notes="marks a part of a static graph"),
    api("paddle.base.dygraph.base.switch_to_static_graph(func)", None, {}, notes="torch has no static graphs"),
    api(
        "paddle.jit.to_static(function=None, input_spec=None, build_strategy=None, backend='CINN', **kwargs)",
        "{function}",
        {
            "input_spec": dropped("torch runs what it reads"), "build_strategy": dropped("torch runs what it reads"),
            "backend": dropped("torch runs what it reads"), "kwargs": dropped("torch runs what it reads"),
        },
        case("f = paddle.jit.not_to_static(lambda x: x * 2)\nf(x)"),
        also="paddle.jit.not_to_static",
    ),
    api(
        "paddle.amp.auto_cast(enable=True, custom_white_list=None, custom_black_list=None, level='O1',"
        " dtype='float16', use_promote=True)",
        None,
        {},
        case("with paddle.amp.auto_cast(enable=False):\n    y = x * 2\ny"),
        variants=(
            when("torch.autocast('cpu', enabled={enable})",
                 {"custom_white_list": dropped("it is off"), "custom_black_list": dropped("it is off"),
                  "level": dropped("it is off"), "dtype": dropped("it is off"), "use_promote": dropped("it is off")},
                 enable=(False,)),
        ),
        notes="torch wants to be told the device",
    ),
    api("paddle.seed(seed)", "torch.manual_seed(seed)", {},
        case("paddle.seed(3) is None", grad=False, check="shape")),
    api("paddle.get_default_dtype()", "str(torch.get_default_dtype()).removeprefix('torch.')", {},
        case("paddle.get_default_dtype()", grad=False)),
    api("paddle.set_default_dtype(d)", "torch.set_default_dtype(d)", {"d": to("d", "dtype")},
        case("paddle.set_default_dtype('float64')\nx * 2")),
    api("paddle.distributed.get_world_size(group=None)", f"({ONE_OF_MANY.format('get_world_size', 1)})",
        {"group": only(None)}, case("paddle.distributed.get_world_size()", grad=False)),
    api("paddle.distributed.get_rank(group=None)", f"({ONE_OF_MANY.format('get_rank', 0)})",
        {"group": only(None)}, case("paddle.distributed.get_rank()", grad=False)),
    api(
        "paddle.distributed.fleet.utils.recompute(function, *args, **kwargs)",
        "torch.utils.checkpoint.checkpoint({function}, *{args}, use_reentrant=False)",
        {"kwargs": refused("settings of recomputation")},
        case("from paddle.distributed.fleet.utils import recompute\nrecompute(lambda a, b: a * b, x, x + 1)"),
        rule="recompute",
    ),
    api("paddle.load(path, **configs)", None, {}, notes="reads Paddle's files; the weights lie converted beside the port"),
    api("paddle.save(obj, path, protocol=4, **configs)", None, {}, notes="writes Paddle's files; use torch.save"),
    api("paddle.flops(net, input_size, custom_ops=None, print_detail=False)", None, {}, notes="torch counts no operations"),
    api("paddle.summary(net, input_size=None, dtypes=None, input=None)", None, {}, notes="torch has no summary"),
    api("paddle.DataParallel(layers)", None, {}, notes="torch's DistributedDataParallel is set up otherwise"),
)  # fmt: skip
