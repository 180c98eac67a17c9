"""A run lets go of its graph of gradients, with all that this holds: the trace is what is left of it."""

from __future__ import annotations

import gc
from typing import Any, ClassVar
from weakref import WeakSet

import numpy as np
import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks.parity.running import Subject  # noqa: E402
from nlblocks.parity.tracing import vocabulary  # noqa: E402

KERNEL = paddle._C_ops.tanh
"""Taken before any run: nothing sees it, and the graph is searched for what it was made from."""


class Hook:
    """Stays for as long as the graph of gradients that it is on."""

    there: ClassVar[WeakSet[Hook]] = WeakSet()

    def __init__(self) -> None:
        self.there.add(self)

    def __call__(self, gradient: Any) -> None:
        """Let it go on as it is."""

    @classmethod
    def count(cls) -> int:
        gc.collect()
        return len(cls.there)


class TorchNet(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)

    def forward(self, x: Any) -> Any:
        y = self.norm(self.conv(x))
        y.register_hook(Hook())
        return torch.tanh(y) * 2.0


class PaddleNet(paddle.nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = paddle.nn.Conv2D(3, 4, 3), paddle.nn.BatchNorm2D(4)

    def forward(self, x: Any) -> Any:
        y = self.norm(self.conv(x))
        y.register_hook(Hook())
        return KERNEL(y) * 2.0


@pytest.mark.parametrize("keep", ["values", "digests", "results"])
@pytest.mark.parametrize("net", [TorchNet, PaddleNet])
def test_a_run_in_training_is_let_go_of(net: Any, keep: str) -> None:
    trace = Subject.alone(net(), (2, 3, 6, 6), 0).run(training=True, keep=keep)
    assert trace.differentiated
    assert Hook.count() == 0


@pytest.mark.parametrize("net", [TorchNet, PaddleNet])
def test_a_run_that_is_given_gradients_is_let_go_of(net: Any) -> None:
    subject = Subject.alone(net(), (2, 3, 6, 6), 0)
    trace = subject.run(training=True, keep="values")
    conv = next(op for op in trace.ops if op.kind == "conv")
    gradient = np.full(trace.values[conv.outputs[0]].shape, 2.0)
    given = vocabulary.Given({}, {}, {(conv.site, 0): gradient})
    again = subject.run(training=True, keep="values", given=given)
    assert np.allclose(again.grad_params["conv.bias"], gradient.sum((0, 2, 3)))
    assert Hook.count() == 0


def test_a_graph_that_is_searched_is_let_go_of() -> None:
    trace = Subject.alone(PaddleNet(), (2, 3, 6, 6), 0).run(training=True, keep="values")
    assert any(op.kind == vocabulary.UNTRACED and op.inputs for op in trace.ops)
    assert Hook.count() == 0


@pytest.mark.parametrize("net", [TorchNet, PaddleNet])
def test_a_run_forward_computes_the_same_and_has_no_gradients(net: Any) -> None:
    subject = Subject.alone(net(), (2, 3, 6, 6), 0)
    whole, forward = (subject.run(training=True, keep=keep) for keep in ("values", "forward"))
    assert [op.kind for op in forward.ops] == [op.kind for op in whole.ops]
    assert all(np.array_equal(value, forward.values[number]) for number, value in whole.values.items())
    assert whole.grads
    assert whole.differentiated
    assert not forward.grads
    assert not forward.differentiated
