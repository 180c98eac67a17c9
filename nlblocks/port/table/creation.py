"""Tensors from nothing, from values and by chance."""

from __future__ import annotations

from nlblocks.port.table.row import Check, Fates, Row, api, case, dropped, only, refused, to, when

KEYWORDS = "*, out=None, device=None, requires_grad=False, pin_memory=False"
MADE: Fates = {
    "out": only(None), "device": dropped("the port runs where its inputs are"),
    "pin_memory": dropped("memory of Paddle's own copies"),
}  # fmt: skip
SHAPE: Fates = {**MADE, "shape": to("size", "shape"), "dtype": to("dtype", "dtype")}
LIKE: Fates = {**MADE, "x": "input", "dtype": to("dtype", "dtype")}


def _filled(name: str) -> Row:
    check: Check = "shape" if name == "empty" else "values"
    return api(
        f"paddle.{name}(shape, dtype=None, name=None, {KEYWORDS})",
        f"torch.{name}(size, *, dtype=None, requires_grad=False)",
        SHAPE,
        case(f"paddle.{name}([2, 3])", grad=False, check=check),
        case(f"paddle.{name}(shape=(2, 3), dtype='int64')", grad=False, check=check),
        case(f"paddle.{name}([x.shape[0], 1], dtype=x.dtype)", grad=False, check=check),
        case(f"paddle.{name}([4], paddle.float32)", grad=False, check=check),
        case(f"paddle.{name}(x.shape)", grad=False, check=check),
        case(f"paddle.{name}(3, dtype='bool')", grad=False, check="shape"),
        case(f"paddle.{name}(3, 4, device='cpu', pin_memory=False, out=None)", grad=False, check="shape"),
        case(f"paddle.{name}(size=[3, 4], requires_grad=True) * 2", check="shape"),
    )


def _like(name: str) -> Row:
    check: Check = "shape" if name == "empty_like" else "values"
    return api(
        f"paddle.{name}(x, dtype=None, name=None, *, device=None, requires_grad=False, pin_memory=False)",
        f"torch.{name}(input, *, dtype=None, requires_grad=False)",
        LIKE,
        case(f"paddle.{name}(x)", grad=False, check=check),
        case(f"paddle.{name}(x=x, dtype='int32')", grad=False, check=check),
        case(f"paddle.{name}(input=x, requires_grad=True) * 2", check="shape"),
        case(f"paddle.{name}(x, paddle.bool)", grad=False, check=check),
    )


def _random(name: str) -> Row:
    torch = {"standard_normal": "randn"}.get(name, name)
    more = f", {KEYWORDS}" if name != "standard_normal" else ""
    return api(
        f"paddle.{name}(shape, dtype=None, name=None{more})",
        f"torch.{torch}(size, *, dtype=None, requires_grad=False)",
        SHAPE,
        case(f"paddle.{name}([60, 50])", grad=False, check="distribution"),
        *([case(f"paddle.{name}(60, 50, requires_grad=True) * 2", check="distribution")] if more else []),
        case(f"paddle.{name}(shape=(60, 50), dtype='float32')", grad=False, check="distribution"),
        case(f"paddle.{name}([x.shape[0], 1, 1, 1]) + x", grad=False, check="shape"),
    )


ROWS = (
    *map(_filled, ("zeros", "ones", "empty")),
    *map(_like, ("zeros_like", "ones_like", "empty_like")),
    *map(_random, ("rand", "randn", "standard_normal")),
    api(
        f"paddle.full(shape, fill_value, dtype=None, name=None, {KEYWORDS})",
        "torch.full(size, fill_value, *, dtype=None, requires_grad=False)",
        SHAPE,
        case("paddle.full([2, 3], 0.5)", grad=False),
        case("paddle.full([2, 3], 0.5, requires_grad=True) * 2"),
        case("paddle.full([2, 3], 1)", grad=False),
        case("paddle.full([2, 3], True)", grad=False),
        case("paddle.full(shape=(2, 3), fill_value=1, dtype='int64')", grad=False),
        case("paddle.full([2], fill_value=float('-inf'))", grad=False),
        case("value = 3\npaddle.full([2], value, 'float32')", grad=False),
        case("value = 3\npaddle.full([2], value)", grad=False),
        case("paddle.full([2], x.max().item(), x.dtype)", grad=False),
        case("paddle.full([2], x.max())", grad=False),
        case("paddle.full([2], x.max(), 'float32')", grad=False),
        variants=(
            when(
                "torch.full(size, fill_value, *, requires_grad=False)",
                {"dtype": only(None)},
                dtype="none",
                fill_value="bool",
            ),
            when(
                "torch.full(size, fill_value, *, requires_grad=False)",
                {"dtype": only(None)},
                dtype="none",
                fill_value="float",
            ),
            when(
                "torch.full(size, fill_value, *, requires_grad=False)",
                {"dtype": only(None), "fill_value": to("fill_value", "real")},
                dtype="none",
                fill_value="int",
            ),
            when(
                "torch.full({size}, {fill_value}.item(), dtype={dtype})",
                {"requires_grad": only(False)},
                dtype="given",
                fill_value="tensor",
            ),
            when(
                "torch.full({size}, {fill_value}.item(), dtype=torch.get_default_dtype())",
                {"dtype": only(None), "requires_grad": only(False)},
                fill_value="tensor",
            ),
            when(
                "torch.full({size}, {fill_value}, dtype=torch.get_default_dtype())",
                {"dtype": only(None), "requires_grad": only(False)},
                dtype="none",
            ),
        ),
        notes="without a dtype whole numbers too give the default one",
    ),
    api(
        "paddle.full_like(x, fill_value, dtype=None, name=None, *, device=None, requires_grad=False, pin_memory=False)",
        "torch.full_like(input, fill_value, *, dtype=None, requires_grad=False)",
        LIKE,
        case("paddle.full_like(x, -1.0)", grad=False),
        case("paddle.full_like(x, -1.0, requires_grad=True) * 2"),
        case("paddle.full_like(x, fill_value=3, dtype='int64')", grad=False),
        case("paddle.full_like(x, 2)", x="i3,4:9", grad=False),
    ),
    api(
        f"paddle.arange(start=0, end=None, step=1, dtype=None, {KEYWORDS}, name=None)",
        "torch.arange(start, end, step=1, *, dtype=None, requires_grad=False)",
        {**MADE, "dtype": to("dtype", "dtype")},
        case("paddle.arange(5)", grad=False),
        case("paddle.arange(5.0, requires_grad=True) * 2"),
        case("paddle.arange(end=5, dtype='float32')", grad=False),
        case("paddle.arange(2, 9, 2, 'int32')", grad=False),
        case("paddle.arange(x.shape[1])", grad=False),
        case("paddle.arange(0.0, 1.0, 0.25)", grad=False),
        case("paddle.arange(0, 1, 0.25)", grad=False),
        case("paddle.arange(start=1, end=4, dtype=paddle.int64)", grad=False),
        case("paddle.arange(4, dtype='int64')", grad=False),
        case("paddle.arange(0, end=4, step=2)", grad=False),
        case("paddle.arange(0, paddle.max(x) + 1)", x="i3:9", grad=False),
        variants=(
            when(
                "torch.arange(end, *, dtype=None, requires_grad=False)",
                {"start": to("end"), "end": only(None), "step": only(1)},
                end="none",
            ),
            when(
                "torch.arange(end, *, dtype=None, requires_grad=False)",
                {"start": only(0), "step": only(1)},
                start=(0,),
                step=(1,),
            ),
        ),
    ),
    api(
        "paddle.linspace(start, stop, num, dtype=None, name=None, *, out=None, device=None, requires_grad=False)",
        "torch.linspace(start, end, steps, *, dtype=None, requires_grad=False)",
        {**MADE, "stop": "end", "num": "steps", "dtype": to("dtype", "dtype")},
        case("paddle.linspace(0, 1, 5)", grad=False),
        case("paddle.linspace(0, 1, 5, requires_grad=True) * 2"),
        case("paddle.linspace(-1.0, 1.0, x.shape[3])", grad=False),
        case("paddle.linspace(start=0.5, stop=7, num=4, dtype='float64')", grad=False),
        case("paddle.linspace(0, 6, 4, dtype=paddle.int64)", grad=False),
    ),
    api(
        "paddle.logspace(start, stop, num, base=10.0, dtype=None, name=None)",
        "torch.logspace(start, end, steps, base=10.0, *, dtype=None)",
        {"stop": "end", "num": "steps", "dtype": to("dtype", "dtype")},
        case("paddle.logspace(0, 2, 5)", grad=False),
        case("paddle.logspace(start=0.5, stop=3, num=4, base=2.0, dtype='float64')", grad=False),
    ),
    api(
        f"paddle.eye(num_rows, num_columns=None, dtype=None, name=None, {KEYWORDS})",
        "torch.eye(n, m, *, dtype=None, requires_grad=False)",
        {**MADE, "num_rows": "n", "num_columns": "m", "dtype": to("dtype", "dtype")},
        case("paddle.eye(3)", grad=False),
        case("paddle.eye(3, requires_grad=True) * 2"),
        case("paddle.eye(3, 4, 'int32')", grad=False),
        case("paddle.eye(num_rows=3, dtype='float32')", grad=False),
        variants=(
            when("torch.eye(n, *, dtype=None, requires_grad=False)", {"num_columns": only(None)}, num_columns="none"),
        ),
    ),
    api(
        "paddle.to_tensor(data, dtype=None, place=None, stop_gradient=True)",
        "torch.tensor(data, *, dtype=None, requires_grad=False)",
        {
            "dtype": to("dtype", "dtype"),
            "place": dropped("the port runs where its inputs are"),
            "stop_gradient": to("requires_grad", "negated"),
        },
        case("paddle.to_tensor(3.5)", grad=False),
        case("paddle.to_tensor([1, 2, 3])", grad=False),
        case("paddle.to_tensor([[1.0, 2.0]], dtype='float32')", grad=False),
        case("paddle.to_tensor(np.arange(4, dtype='float32'), stop_gradient=True)", grad=False),
        case("paddle.to_tensor(np.ones((2, 3)))", grad=False),
        case("paddle.to_tensor(True)", grad=False),
        case("paddle.to_tensor(data=(0.5, 1.5), dtype=paddle.float64, stop_gradient=False) * 2", grad=False),
        case("paddle.to_tensor(x)", grad=False),
        case("paddle.to_tensor(x, dtype='float32')", grad=False),
        case("paddle.to_tensor([x.shape[0], 1], dtype='int64')", grad=False),
        case("paddle.to_tensor([x.max(), x.min()])", grad=False),
        variants=(
            when(
                "{data}.detach().clone()",
                {"stop_gradient": only(True), "dtype": only(None)},
                data="tensor",
                dtype="none",
            ),
            when("{data}.detach().to({dtype}, copy=True)", {"stop_gradient": only(True)}, data="tensor"),
            when(
                "torch.stack({data}).detach()",
                {"stop_gradient": only(True), "dtype": only(None)},
                data="tensors",
                dtype="none",
            ),
            when("torch.stack({data}).detach().to({dtype})", {"stop_gradient": only(True)}, data="tensors"),
        ),
    ),
    api(
        "paddle.tensor(data, dtype=None, device=None, requires_grad=False, pin_memory=False)",
        "torch.tensor(data, *, dtype=None, requires_grad=False)",
        {**MADE, "dtype": to("dtype", "dtype")},
        case("paddle.tensor(3.5)", grad=False),
        case("paddle.tensor([1, 2, 3])", grad=False),
        case("paddle.tensor([[1.0, 2.0]], dtype='float32', device='cpu')", grad=False),
        case("paddle.tensor(data=(0.5, 1.5), dtype=paddle.float64, requires_grad=True) * 2", grad=False),
        case("paddle.tensor(np.ones((2, 3)), pin_memory=False)", grad=False),
        case("paddle.tensor(x)", grad=False),
        case("paddle.tensor(x, requires_grad=True) * 2"),
        case("paddle.tensor(x, dtype='float32')", grad=False),
        variants=(
            when(
                "{data}.detach().clone().requires_grad_()",
                {"requires_grad": only(True), "dtype": only(None)},
                data="tensor",
                dtype="none",
                requires_grad=(True,),
            ),
            when(
                "{data}.detach().clone()",
                {"requires_grad": only(False), "dtype": only(None)},
                data="tensor",
                dtype="none",
            ),
            when("{data}.detach().to({dtype}, copy=True)", {"requires_grad": only(False)}, data="tensor"),
            when(
                "torch.stack({data}).detach()",
                {"requires_grad": only(False), "dtype": only(None)},
                data="tensors",
                dtype="none",
            ),
            when("torch.stack({data}).detach().to({dtype})", {"requires_grad": only(False)}, data="tensors"),
        ),
    ),
    api(
        "paddle.assign(x, output=None)",
        "{x}.clone()",
        {"output": refused("writes into a tensor")},
        case("paddle.assign(x) * 2"),
        case("y = paddle.zeros_like(x)\npaddle.assign(x, y)\ny", grad=False),
        case("paddle.assign(np.ones((2, 3)))", grad=False),
        case("paddle.assign([1.0, 2.0])", grad=False),
        variants=(
            when("{output}.data.copy_({x})", {"output": "output"}, output="tensor", x="tensor"),
            when("torch.tensor({x})", x="array"),
            when("torch.tensor({x})", x="list"),
        ),
    ),
    api(
        "paddle.clone(x, name=None)",
        "{x}.clone()",
        {},
        case("paddle.clone(x) * 2"),
        case("x.clone()"),
        also="Tensor.clone",
    ),
    api(
        "paddle.meshgrid(*args)",
        "torch.meshgrid(*tensors, indexing='ij')",
        {"args": "tensors"},
        case("paddle.meshgrid(x, y)", x="f3", y="f4"),
        case("a, b = paddle.meshgrid([x, y])\na * b", x="f3", y="f4"),
        case("parts = [x, y]\npaddle.meshgrid(parts)", x="f3", y="f4"),
        case("paddle.meshgrid(x, y, indexing='ij')", x="f3", y="f4"),
        rule="meshgrid",
    ),
    api(
        "paddle.randint(low=0, high=None, shape=[1], dtype=None, name=None)",
        "torch.randint(low, high, size, *, dtype=None)",
        SHAPE,
        case("paddle.randint(2, 9, [60, 50])", grad=False, check="distribution"),
        case("paddle.randint(9, shape=[60, 50], dtype='int32')", grad=False, check="distribution"),
        case("paddle.randint(low=0, high=2, shape=(60, 50))", grad=False, check="distribution"),
        variants=(
            when("torch.randint(high, size, *, dtype=None)", {"low": to("high"), "high": only(None)}, high="none"),
        ),
    ),
    api(
        "paddle.randint_like(x, low=0, high=None, dtype=None, name=None)",
        "torch.randint_like(input, low, high, *, dtype=None)",
        LIKE,
        case("paddle.randint_like(x, 2, 9)", x="f60,50", grad=False, check="distribution"),
        case("paddle.randint_like(x, 2, high=9, dtype='int64')", x="f60,50", grad=False, check="distribution"),
        case("paddle.randint_like(x, 9)", x="f60,50", grad=False, check="distribution"),
        variants=(
            when(
                "torch.randint_like(input, high, *, dtype=None)", {"low": to("high"), "high": only(None)}, high="none"
            ),
        ),
    ),
    api(
        "paddle.randperm(n, dtype='int64', name=None)",
        "torch.randperm(n, *, dtype=None)",
        {"dtype": to("dtype", "dtype")},
        case("paddle.randperm(3000)", grad=False, check="distribution"),
        case("paddle.randperm(3000, dtype='int32')", grad=False, check="distribution"),
        variants=(when("torch.randperm(n)", {"dtype": dropped("torch's own")}, dtype=("int64",)),),
    ),
    api(
        "paddle.normal(mean=0.0, std=1.0, shape=None, name=None)",
        "torch.normal(mean, std, size)",
        {"shape": to("size", "shape")},
        case("paddle.normal(mean=1.0, std=0.5, shape=[60, 50])", grad=False, check="distribution"),
        case("paddle.normal(0, 0.02, shape=(60, 50))", grad=False, check="distribution"),
        case("paddle.normal(std=2.0, shape=[3000])", grad=False, check="distribution"),
        case("paddle.normal(x, 0.5)", x="f60,50", grad=False, check="distribution"),
        variants=(when("torch.normal(mean, std)", {"shape": only(None)}, shape="none"),),
    ),
    api(
        "paddle.uniform(shape, dtype=None, min=0, max=1.0, seed=0, name=None)",
        "torch.empty({size}, dtype={dtype}).uniform_({min}, {max})",
        {**SHAPE, "seed": only(0)},
        case("paddle.uniform([60, 50], min=-1.0, max=2.0)", grad=False, check="distribution"),
        case("paddle.uniform(shape=[60, 50], dtype='float32')", grad=False, check="distribution"),
        case("paddle.uniform((60, 50), 'float64', 0.5, 2)", grad=False, check="distribution"),
        variants=(when("torch.empty({size}).uniform_({min}, {max})", {"dtype": only(None)}, dtype="none"),),
    ),
    api(
        "paddle.bernoulli(x, p=None, name=None)",
        "torch.bernoulli(input)",
        {"x": "input", "p": only(None)},
        case("paddle.bernoulli(x)", x="u60,50", grad=False, check="distribution"),
    ),
    api(
        "paddle.multinomial(x, num_samples=1, replacement=False, name=None)",
        "torch.multinomial(input, num_samples, replacement=False)",
        {"x": "input"},
        case("paddle.multinomial(x, 5000, replacement=True)", x="p4", grad=False, check="distribution"),
        case("paddle.multinomial(x)", x="p4", grad=False, check="shape"),
    ),
)
