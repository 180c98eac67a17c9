"""Methods and attributes of tensors that are no functions: dtypes, places, copies, values, in-place methods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nlblocks.port.table.names import DTYPES
from nlblocks.port.table.row import Fate, Row, api, case, dropped, only, refused, to, when


def _cast(name: str, dtype: str) -> Row:
    back = "" if dtype in ("float32", "float64", "float16", "bfloat16") else ".astype('float64')"
    return api(
        f"Tensor.{name}()",
        f"{{self}}.{name}()",
        {},
        case(f"x.{name}(){back} * 2", grad=dtype == "float64", x="f3,4"),
    )


def _inplace(
    name: str, signature: str, torch: str, args: Mapping[str, Fate | str], *codes: str, grad: bool = True, **more: Any
) -> Row:
    """A method that changes its receiver; the receiver is no leaf, which neither framework lets be changed."""
    return api(
        f"Tensor.{name}({signature})",
        torch,
        args,
        *(case(f"y = x * 1\n{code}\ny", x="f3,4", grad=grad) for code in codes),
        **more,
    )


ROWS = (
    api(
        "Tensor.astype(dtype)",
        "{self}.to(dtype)",
        {"dtype": to("dtype", "dtype")},
        case("x.astype('float32')"),
        case("x.astype(dtype=paddle.float64) * 2"),
        case("x.astype(y.dtype)", x="i3:9", y="f3", grad=False),
        case("x.astype('bool')", grad=False),
        case("x.astype('int').astype('half').astype('float')", grad=False),
        case("kind = 'int64'\nx.astype(kind)", grad=False),
        case("(x > 0).astype('float32').sum()", grad=False),
    ),
    api(
        "paddle.cast(x, dtype)",
        "{x}.to({dtype})",
        {"dtype": to("dtype", "dtype")},
        case("paddle.cast(x, 'float32')"),
        case("x.cast(paddle.float32)"),
        case("paddle.cast(x, dtype=y.dtype) * y", x="i3:9", y="f3"),
        case("paddle.cast(x=x > 0, dtype='int64')", grad=False),
        also="Tensor.cast",
    ),
    *(
        _cast(name, dtype)
        for name, dtype in (
            ("float", "float32"),
            ("double", "float64"),
            ("half", "float16"),
            ("int", "int32"),
            ("long", "int64"),
            ("bool", "bool"),
        )
    ),
    api(
        "Tensor.dtype",
        "{self}.dtype",
        {},
        case("x.dtype == paddle.float64", grad=False),
        case("x.dtype == y.dtype", x="i3:9", y="f3", grad=False),
        case("paddle.zeros([2], dtype=x.dtype)", grad=False),
        case("x.dtype in (paddle.float32, paddle.float64)", grad=False),
    ),
    api("Tensor.ndim", "{self}.ndim", {}, case("x * x.ndim"), case("x[0].ndim", grad=False)),
    api("Tensor.dim()", "{self}.dim()", {}, case("x * x.dim()")),
    api("Tensor.ndimension()", "{self}.ndim", {}, case("x * x.ndimension()")),
    api("Tensor.rank()", "{self}.ndim", {}, case("x * x.rank()")),
    api("paddle.rank(input)", "{input}.ndim", {}, case("x * paddle.rank(x)")),
    api(
        "Tensor.size",
        "{self}.numel()",
        {},
        case("x / x.size"),
        case("x.reshape(x.size())"),
        case("found = x.size()\nfound", grad=False),
        case("x.reshape([x.size(0), x.size(dim=1), -1])"),
        rule="size",
        notes="called it is torch's: extents",
    ),
    api(
        "paddle.numel(x, name=None)",
        "{x}.numel()",
        {},
        case("x / paddle.numel(x)"),
        case("int(x.numel())", grad=False),
        case("paddle.numel(x).astype('float64')", grad=False),
        case("x.sum() / x.numel()"),
        case("x * sum(y.numel() for y in (x, x[0]))"),
        case("x * int(f'{x.numel()}')"),
        also="Tensor.numel",
        rule="numel",
    ),
    api(
        "Tensor.T",
        "{self}.permute(*range({self}.ndim)[::-1])",
        {},
        case("x.T"),
        case("x.T @ x", x="f3,4"),
        rule="reversed_axes",
    ),
    api("Tensor.mT", "{self}.mT", {}, case("x.mT")),
    api(
        "Tensor.numpy()",
        "{self}.detach().cpu().numpy()",
        {},
        case("x.numpy().mean()", grad=False),
        case("x.shape[0] * x.numpy()", grad=False),
    ),
    api(
        "Tensor.item(*args)",
        "{self}.item(*args)",
        {"args": refused("torch's item takes no place")},
        case("x.sum().item()", grad=False),
        case("x.max().item() + 1", x="i3:9", grad=False),
    ),
    api(
        "paddle.tolist(x)",
        "{x}.tolist()",
        {},
        case("x.tolist()", x="i2,3:9", grad=False),
        case("paddle.tolist(x)[0][1]", x="i2,3:9", grad=False),
        also="Tensor.tolist",
    ),
    api("Tensor.detach()", "{self}.detach()", {}, case("x.detach() * x")),
    api("Tensor.contiguous()", "{self}.contiguous()", {}, case("x.transpose([0, 2, 1, 3]).contiguous()")),
    api("Tensor.is_contiguous()", "{self}.is_contiguous()", {}, case("x.is_contiguous()", grad=False)),
    api("Tensor.cpu()", "{self}.cpu()", {}, case("x.cpu() * 2")),
    api(
        "Tensor.cuda(device_id=None, blocking=True)",
        "{self}.cuda(device=None)",
        {"device_id": "device", "blocking": dropped("speed alone")},
        case("x if x.place is not None else x.cuda(device_id=0)"),
    ),
    api("Tensor.place", "{self}.device", {}, case("x.place is None", grad=False)),
    api("Tensor.element_size()", "{self}.element_size()", {}, case("x.element_size()", grad=False)),
    api(
        "Tensor.stop_gradient",
        "not {self}.requires_grad",
        {},
        case("x.stop_gradient", grad=False),
        case("x * 2 if not x.stop_gradient else x"),
    ),
    api("Tensor.is_leaf", "{self}.is_leaf", {}, case("(x * 2).is_leaf", grad=False)),
    api("Tensor.grad", "{self}.grad", {}, case("x.grad is None", grad=False)),
    api(
        "Tensor.backward(grad_tensor=None, retain_graph=False)",
        "{self}.backward(gradient=None, retain_graph=None)",
        {"grad_tensor": "gradient"},
        case("(x * x).sum().backward()\nx.grad * 1", grad=False, x="f3,4"),
        case("y = x * x\ny.backward(x, retain_graph=True)\nx.grad * 1", grad=False, x="f3,4"),
        variants=(
            when("{self}.backward(gradient=None)", {"retain_graph": dropped("torch's default")}, retain_graph=(False,)),
        ),
    ),
    api(
        "Tensor.clear_grad()",
        "setattr({self}, 'grad', None)",
        {},
        case("(x * x).sum().backward()\nx.clear_grad()\nx * 2"),
        notes="torch has no such method",
    ),
    api(
        "Tensor.register_hook(hook)",
        "{self}.register_hook(hook)",
        {},
        case("y = x * 2\ny.register_hook(lambda g: g * 3)\ny * y", x="f3,4"),
    ),
    api(
        "Tensor.set_value(value)",
        "{self}.data.copy_({value})",
        {"value": to("value", "as_tensor")},
        case("y = x * 1\ny.set_value(x * 2)\ny", grad=False),
        case("layer.weight.set_value(paddle.full(layer.weight.shape, 0.5))\nlayer(x)", layer="nn.Linear(5, 4)"),
        case("layer.bias.set_value(np.ones(4))\nlayer(x)", layer="nn.Linear(5, 4)"),
        case(
            "layer.weight.set_value(paddle.normal(0.0, 0.02, shape=layer.weight.shape))\nlayer.weight.shape",
            layer="nn.Embedding(5, 4)",
            grad=False,
        ),
        case(
            "layer[0].weight.set_value(layer[1].weight)\nlayer(x)",
            layer="nn.Sequential(nn.Linear(5, 5), nn.Linear(5, 5))",
            grad=False,
        ),
        case("layer.weight.set_value(layer.weight * 0.5)\nlayer(x)", layer="nn.Linear(5, 4)", grad=False),
        case("layer.weight.set_value(layer.weight * x)\nlayer(x)", layer="nn.Linear(4, 4)", x="f4,4", grad=False),
        case("layer.weight.set_value(layer.weight - 1.0)\nlayer(x)", layer="nn.Linear(5, 4)", grad=False),
        case("layer.bias.set_value(layer.bias * 0.5)\nlayer(x)", layer="nn.Linear(5, 4)", grad=False),
        also="Parameter.set_value",
        rule="set_value",
    ),
    api(
        "Tensor.copy_(other, blocking=True)",
        "{self}.data.copy_({other})",
        {"blocking": dropped("speed alone")},
        case("y = x * 1\ny.copy_(x * 2, False)\ny", grad=False),
    ),
    api(
        "Tensor.to(target=None, device=None, dtype=None, blocking=None)",
        "{self}.to({target})",
        {"dtype": only(None), "device": only(None), "blocking": dropped("speed alone")},
        case("x.to('float32')", x="f3,4"),
        case("x.to(dtype=paddle.float32)", x="f3,4"),
        case("x.to(y.dtype) * y", x="i3,4:9", y="f3,4"),
        case("x.to('cpu') * 2", x="f3,4"),
        case("x.to('float64') * 2", x="f3,4"),
        variants=(
            when("{self}.to({dtype})", {"dtype": to("dtype", "dtype"), "target": only(None)}, target="none"),
            when("{self}.to({target})", {"target": to("target", "dtype")}, target=DTYPES),
            when('{self}.to("cpu")', {"target": dropped("written out")}, target=("cpu",)),
            when(None, why="a device by Paddle's name", target="text"),
        ),
    ),
    _inplace("zero_", "", "{self}.zero_()", {}, "y.zero_()", grad=False),
    _inplace("fill_", "value", "{self}.fill_(value)", {}, "y.fill_(2.5)", grad=False),
    _inplace("add_", "y", "{self}.add_(other)", {"y": "other"}, "y.add_(x)", "y.add_(y=x)"),
    _inplace("subtract_", "y", "{self}.sub_(other)", {"y": "other"}, "y.subtract_(x * x)"),
    _inplace("multiply_", "y", "{self}.mul_(other)", {"y": "other"}, "y.multiply_(x.sin())"),
    _inplace("divide_", "y", "{self}.div_(other)", {"y": "other"}, "y.divide_(x.exp())"),
    _inplace("exp_", "name=None", "{self}.exp_()", {}, "y.exp_()"),
    _inplace("sqrt_", "name=None", "{self}.sqrt_()", {}, "y = y + 9\ny.sqrt_()"),
    _inplace("floor_", "name=None", "{self}.floor_()", {}, "y.floor_()"),
    _inplace("tanh_", "name=None", "{self}.tanh_()", {}, "y.tanh_()"),
    _inplace(
        "clip_",
        "min=None, max=None, name=None",
        "{self}.clamp_(min=None, max=None)",
        {},
        "y.clip_(-0.5, 0.5)",
        "y.clip_(max=0.3)",
    ),
    _inplace(
        "scale_",
        "scale=1.0, bias=0.0, bias_after_scale=True, act=None, name=None",
        "{self}.mul_({scale}).add_({bias})",
        {"bias_after_scale": only(True), "act": only(None)},
        "y.scale_(2.0)",
        "y.scale_(scale=0.5, bias=1.0)",
    ),
    _inplace(
        "reshape_",
        "shape, name=None",
        "{self}.reshape({shape})",
        {"shape": to("shape", "shape")},
        "y = y.reshape_([4, 3])",
        rule="reshape",
    ),
    _inplace(
        "squeeze_",
        "axis=None, name=None",
        "{self}.squeeze_(dim)",
        {"axis": to("dim", "axes")},
        "y = y.reshape([3, 1, 4])\ny.squeeze_(1)",
        "y = y.reshape([3, 1, 4])\ny.squeeze_()",
        variants=(when("{self}.squeeze_()", {"axis": only(None)}, axis="none"),),
    ),
    _inplace("unsqueeze_", "axis, name=None", "{self}.unsqueeze_(dim)", {"axis": "dim"}, "y.unsqueeze_(0)"),
    _inplace(
        "masked_fill_", "mask, value, name=None", "{self}.masked_fill_(mask, value)", {}, "y.masked_fill_(x > 0, 0.5)"
    ),
    api(
        "Tensor.uniform_(min=0, max=1.0, seed=0, name=None)",
        "{self}.uniform_({min}, {max})",
        {"seed": only(0)},
        case("y = paddle.zeros([60, 50])\ny.uniform_()\ny", grad=False, check="distribution"),
        case("y = paddle.zeros([60, 50])\ny.uniform_(-1, 1)\ny", grad=False, check="distribution"),
    ),
    api(
        "Tensor.normal_(mean=0.0, std=1.0, name=None)",
        "{self}.normal_(mean=0.0, std=1.0)",
        {},
        case("y = paddle.zeros([60, 50])\ny.normal_(1, 2)\ny", grad=False, check="distribution"),
    ),
)
