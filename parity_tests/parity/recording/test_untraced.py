"""What the tracer cannot see is no constant: a fault before, behind and at it is put where it is."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks import parity  # noqa: E402
from nlblocks.parity.running import Subject  # noqa: E402

SHAPE = (2, 3, 6, 6)
KERNEL = paddle._C_ops.tanh
"""Taken before any run: nothing can be put in its place."""


def same(x: Any) -> Any:
    return x


class TorchNet(torch.nn.Module):
    """conv → ``act`` → mid → ``then`` → mean → fc."""

    def __init__(self, act: Callable[[Any], Any], padding: int = 1, then: Callable[[Any], Any] = same) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 3, padding=padding)
        self.mid = torch.nn.Conv2d(4, 4, 1)
        self.fc = torch.nn.Linear(4, 5)
        self.act, self.then = act, then

    def forward(self, x: Any) -> Any:
        return self.fc(self.then(self.mid(self.act(self.conv(x)))).mean((2, 3)))


class PaddleNet(paddle.nn.Layer):
    """The same."""

    def __init__(self, act: Callable[[Any], Any], padding: int = 1, then: Callable[[Any], Any] = same) -> None:
        super().__init__()
        self.conv = paddle.nn.Conv2D(3, 4, 3, padding=padding)
        self.mid = paddle.nn.Conv2D(4, 4, 1)
        self.fc = paddle.nn.Linear(4, 5)
        self.act, self.then = act, then

    def forward(self, x: Any) -> Any:
        return self.fc(self.then(self.mid(self.act(self.conv(x)))).mean([2, 3]))


class TorchFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return torch.from_numpy(np.tanh(x.detach().numpy()))

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return grad * (1 - torch.tanh(ctx.saved_tensors[0]) ** 2)


class PaddleFunction(paddle.autograd.PyLayer):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return paddle.to_tensor(np.tanh(x.numpy()))

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return grad * (1 - paddle.tanh(ctx.saved_tensor()[0]) ** 2)


@torch.library.custom_op("nlblocks_tests::tanh", mutates_args=())
def registered(x: torch.Tensor) -> torch.Tensor:
    return torch.tanh(x)


registered.register_autograd(
    lambda ctx, grad: grad * (1 - ctx.result**2),
    setup_context=lambda ctx, inputs, output: setattr(ctx, "result", output),
)


def scripted(x: torch.Tensor) -> torch.Tensor:
    return torch.tanh(x)


with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # TorchScript is deprecated, and in use
    scripted = torch.jit.script(scripted)


ROUTES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "autograd function": (TorchFunction.apply, paddle.tanh),
    "script": (scripted, paddle.tanh),
    "custom op": (registered, paddle.tanh),
    "vmap": (torch.vmap(torch.tanh), paddle.tanh),
    "PyLayer": (torch.tanh, PaddleFunction.apply),
    "kernel kept from before": (torch.tanh, partial(KERNEL)),
    "legacy kernel": (torch.tanh, lambda x: paddle._legacy_C_ops.tanh(x)),
    "numpy": (lambda x: torch.from_numpy(np.tanh(x.detach().numpy())), lambda x: paddle.to_tensor(np.tanh(x.numpy()))),
    "a list": (
        lambda x: torch.tensor(x.tolist(), dtype=x.dtype),
        lambda x: paddle.to_tensor(x.tolist(), dtype=x.dtype),
    ),
    "a number": (lambda x: x * torch.tensor(x.mean().item()), lambda x: x * paddle.to_tensor(x.mean().item())),
}


@pytest.mark.parametrize("route", ROUTES)
def test_a_fault_is_put_where_it_is(route: str) -> None:
    left, right = ROUTES[route]
    assert parity.compare(TorchNet(left), PaddleNet(right), SHAPE)

    before = parity.compare(TorchNet(left), PaddleNet(right, padding=2), SHAPE).finding
    assert (before.layer_left, before.layer_right, before.cause) == ("conv", "conv", "conv.padding")

    behind = parity.compare(TorchNet(left, then=torch.relu), PaddleNet(right), SHAPE).finding
    assert (behind.after, behind.before, behind.cause) == (("mid", "mid"), ("fc", "fc"), "activation.missing")

    at = parity.compare(TorchNet(left), PaddleNet(lambda x: right(x * 1.5)), SHAPE).finding
    assert (at.place, at.after, at.before) == ("between", ("conv", "conv"), ("mid", "mid"))
    assert at.cause in (None, "scale.missing")
    assert at.cause or "out of sight" in at.explanation


@pytest.mark.parametrize("training", [False, True])
def test_an_unseen_result_is_linked_to_what_it_was_made_from(training: bool) -> None:
    subject = Subject.alone(PaddleNet(partial(KERNEL)), SHAPE, 0)
    subject.structure(training=False)
    trace = subject.run(training=training)
    unseen = next(op for op in trace.ops if op.kind == "untraced")
    maker = next(op for op in trace.ops if op.scope == "conv")
    assert set(unseen.inputs) == set(maker.outputs)
    assert unseen.scope == ""


TABLE = {"constant": torch.full((4, 1, 1), 0.5)}


def test_what_was_there_before_stays_a_constant() -> None:
    def shifted(x: Any, by: Any = torch.full((4, 1, 1), 0.25)) -> Any:  # noqa: B008
        return x + by + TABLE["constant"]

    subject = Subject.alone(TorchNet(shifted), SHAPE, 0)
    subject.structure(training=False)
    trace = subject.run(training=True)
    assert not [op for op in trace.ops if op.kind == "untraced"]
    assert list(trace.origin.values()).count("constant:") == 2


@pytest.mark.parametrize("act", ["relu", "sigmoid", "tanh", "swish"])
def test_an_activation_of_the_old_batch_norm_is_seen(act: str) -> None:
    class Old(paddle.nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.norm = paddle.nn.BatchNorm(3, act=act)

        def forward(self, x: Any) -> Any:
            return self.norm(x)

    subject = Subject.alone(Old(), SHAPE, 0)
    subject.structure(training=False)
    trace = subject.run(training=False)
    assert not trace.error
    assert [op.kind for op in trace.ops][-1].split(".")[-1] in (act, "silu")


def test_a_function_is_seen_wherever_it_is_held() -> None:
    import paddle.nn.functional as F

    def default(x: Any, function: Callable[[Any], Any] = F.sigmoid) -> Any:
        return function(x)

    class Holding(paddle.nn.Layer):
        functions = {"gelu": F.gelu}  # noqa: RUF012
        act = staticmethod(F.silu)

        def __init__(self) -> None:
            super().__init__()
            self.fc = paddle.nn.Linear(4, 4)
            self.elu = partial(F.elu, alpha=0.5)
            self.late = lambda x, f=F.mish: f(x)

        def forward(self, x: Any) -> Any:
            return self.late(self.elu(self.act(self.functions["gelu"](default(self.fc(x)))))) > 0.5

    trace = Subject.alone(Holding(), (2, 4), 0).structure(training=False)
    assert [op.kind for op in trace.ops] == ["linear", "sigmoid", "gelu", "silu", "elu", "mish", "greater"]
