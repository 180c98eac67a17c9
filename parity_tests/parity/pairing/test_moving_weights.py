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


class Heads(torch.nn.Module):
    """Multi-head attention whose fused weight is normalised on its way."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.heads, self.scale = torch.nn.MultiheadAttention(8, 2), scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        own, out = self.heads, self.heads.out_proj
        weight, bias = torch.tanh(own.in_proj_weight) * self.scale, own.in_proj_bias * self.scale
        found = torch.nn.functional.multi_head_attention_forward(
            x, x, x, 8, 2, weight, bias, None, None, False, 0.0, out.weight, out.bias
        )
        return found[0]


class NormedHeads(torch.nn.Module):
    """The same layer with torch's own normalisation of it."""

    def __init__(self) -> None:
        super().__init__()
        heads = torch.nn.MultiheadAttention(8, 2)
        self.heads = torch.nn.utils.parametrizations.weight_norm(heads, "in_proj_weight")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.heads(x, x, x)[0]


def test_rows_of_a_weight_that_is_computed_are_results() -> None:
    x = np.random.default_rng(0).normal(size=(5, 2, 8)).astype(np.float32)
    assert parity.compare(Heads(), Heads(), x).verdict == "same"
    assert parity.compare(Heads(), Heads(1.1), x).verdict == "different"
    assert parity.compare(NormedHeads(), NormedHeads(), x).verdict == "same"
