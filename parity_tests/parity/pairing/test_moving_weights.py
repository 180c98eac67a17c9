"""Weights go from one model of a pair to the other, and back."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks import parity  # noqa: E402
from nlblocks.parity.pairing.pair import pair  # noqa: E402
from nlblocks.parity.running import Subject  # noqa: E402
from parity_tests.helpers.nets import SHAPE, paddle_net, torch_net  # noqa: E402


def test_weights_move_as_views_and_come_back() -> None:
    subjects = Subject.both(torch_net(), paddle_net(), np.zeros(SHAPE), 0)
    pairing = pair(*Subject.structures(*subjects, training=True))
    left, right = (subject.own for subject in subjects)
    state = pairing.moved(left, right)
    assert np.shares_memory(state["head.weight"], left["fc.weight"])
    assert np.array_equal(state["head.weight"], left["fc.weight"].T)
    back = pairing.mirrored(state, left)
    assert set(back) == set(left)
    assert all(np.array_equal(back[name], left[name]) for name in left)


class TorchQuantised(torch.nn.Module):
    """A square weight on its way into its layer."""

    def __init__(self, turned: bool = False) -> None:
        super().__init__()
        self.a, self.b, self.turned = torch.nn.Linear(4, 4), torch.nn.Linear(4, 2), turned

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight = torch.tanh(self.a.weight)
        return self.b(torch.nn.functional.linear(x, weight.T if self.turned else weight, self.a.bias))


class PaddleQuantised(paddle.nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = paddle.nn.Linear(4, 4), paddle.nn.Linear(4, 2)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return self.b(paddle.nn.functional.linear(x, paddle.tanh(self.a.weight), self.a.bias))


def test_a_linear_weight_keeps_its_layout_though_another_operation_takes_it_first() -> None:
    x = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    assert parity.compare(TorchQuantised(), PaddleQuantised(), x).verdict == "same"
    assert parity.compare(PaddleQuantised(), TorchQuantised(), x).verdict == "same"
    assert parity.compare(TorchQuantised(turned=True), PaddleQuantised(), x).verdict == "different"
    assert parity.compare(TorchQuantised(turned=True), TorchQuantised(), x).verdict == "different"
