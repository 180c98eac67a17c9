"""Random draws: both sides get the same numbers, whichever way each writes it, or it is said that they do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

import paddle.nn.functional as PF  # noqa: E402
import torch.nn.functional as TF  # noqa: E402

from nlblocks import parity  # noqa: E402
from nlblocks.parity.capture import capture  # noqa: E402
from nlblocks.parity.compare_captures import compare_captures  # noqa: E402

SHAPE = (8, 6)
KEEP = 0.7
Branch = Callable[[Any], Any]


class TorchNet(torch.nn.Module):
    """x + ``branch``(a(x)) → b, the branch in training alone unless ``always``."""

    def __init__(self, branch: Branch, always: bool = False) -> None:
        super().__init__()
        self.a, self.b = torch.nn.Linear(6, 6), torch.nn.Linear(6, 3)
        self.branch, self.always = branch, always

    def forward(self, x: Any) -> Any:
        y = self.a(x)
        return self.b(x + (self.branch(y) if self.training or self.always else y))


class PaddleNet(paddle.nn.Layer):
    """The same."""

    def __init__(self, branch: Branch, always: bool = False) -> None:
        super().__init__()
        self.a, self.b = paddle.nn.Linear(6, 6), paddle.nn.Linear(6, 3)
        self.branch, self.always = branch, always

    def forward(self, x: Any) -> Any:
        y = self.a(x)
        return self.b(x + (self.branch(y) if self.training or self.always else y))


def number() -> float:
    return float(np.random.rand())  # noqa: NPY002  (the global generator is what it is about)


def floor(y: Any) -> Any:
    return y / KEEP * torch.floor(KEEP + torch.rand((y.shape[0], 1), dtype=y.dtype))


def below(y: Any) -> Any:
    return y / KEEP * (torch.rand(y.shape[0], 1) < KEEP).to(y.dtype)


def drawn_in_place(y: Any) -> Any:
    return y * y.new_empty((y.shape[0], 1)).bernoulli_(KEEP).div_(KEEP)


def filled(y: Any) -> Any:
    return y.masked_fill(torch.rand(y.shape[0], 1) < 1 - KEEP, 0.0) / KEEP


def paddle_floor(y: Any) -> Any:
    return y / KEEP * paddle.floor(KEEP + paddle.rand([y.shape[0], 1], dtype=y.dtype))


def paddle_below(y: Any) -> Any:
    return y / KEEP * (paddle.rand([y.shape[0], 1, 1]).squeeze(-1) < KEEP).astype(y.dtype)


def paddle_drawn(y: Any) -> Any:
    return y * paddle.bernoulli(paddle.full([y.shape[0], 1], KEEP)) / KEEP


def paddle_dropped(y: Any) -> Any:
    return PF.dropout(paddle.ones_like(y[:, :1]), 1 - KEEP) * y


@pytest.mark.parametrize("right", [paddle_floor, paddle_below, paddle_drawn, paddle_dropped])
@pytest.mark.parametrize("left", [floor, below, drawn_in_place, filled])
def test_stochastic_depth_keeps_the_same_in_every_spelling(left: Branch, right: Branch) -> None:
    assert parity.compare(TorchNet(left), PaddleNet(right), SHAPE)


DRAWS: dict[str, tuple[Branch, Branch]] = {
    "randn": (lambda y: y + torch.randn_like(y), lambda y: y + paddle.normal(shape=y.shape)),
    "normal_": (lambda y: y + torch.empty_like(y).normal_(1, 2), lambda y: y + 1 + 2 * paddle.randn(y.shape)),
    "uniform": (lambda y: y + torch.empty_like(y).uniform_(-1, 2), lambda y: y + 3 * paddle.rand(y.shape) - 1),
    "randint": (lambda y: y * torch.randint(5, (8, 1)), lambda y: y * paddle.randint(0, 5, [8, 1]).astype(y.dtype)),
    "randperm": (lambda y: y[torch.randperm(8)], lambda y: y[paddle.randperm(8)]),
    "multinomial": (
        lambda y: y[torch.multinomial(torch.ones(8), 4)].sum(0),
        lambda y: y[paddle.multinomial(paddle.ones([8]), 4)].sum(0)
    ),
    "exponential": (
        lambda y: y * torch.empty_like(y).exponential_(2.0), lambda y: y * paddle.empty_like(y).exponential_(2.0)
    ),
    "gumbel_softmax": (
        lambda y: TF.gumbel_softmax(y, tau=2.0, hard=True) * y,
        lambda y: PF.gumbel_softmax(y, temperature=2.0, hard=True) * y
    ),
    "rrelu": (lambda y: TF.rrelu(y, training=True), lambda y: PF.rrelu(y)),
    "alpha_dropout": (lambda y: TF.alpha_dropout(y, 0.3, True), lambda y: PF.alpha_dropout(y, 0.3)),
    "numpy": (lambda y: y * number(), lambda y: y * number()),
    "generator": (
        lambda y: y + torch.randn(y.shape, generator=torch.Generator().manual_seed(1)),
        lambda y: y + paddle.randn(y.shape)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DRAWS)
def test_a_draw_is_the_same_on_both_sides(name: str) -> None:
    left, right = DRAWS[name]
    assert parity.compare(TorchNet(left, always=True), PaddleNet(right, always=True), SHAPE)


def test_the_numbers_are_what_the_distribution_says() -> None:
    """Of many: the mean of each draw is what it has to be, so that no formula is another's."""
    found: dict[str, float] = {}

    def many(y: Any) -> Any:
        wide = (40, 1000)
        draws = {
            "uniform": torch.rand(wide), "low": torch.empty(wide).uniform_(2, 4),
            "p": torch.full(wide, 0.3).bernoulli(), "ints": torch.randint(2, 5, wide),
            "normal": torch.randn(wide) ** 2, "exp": torch.empty(wide).exponential_(4),
            "geometric": torch.empty(wide).geometric_(0.25),
            "choice": torch.multinomial(torch.tensor([1.0, 3.0]), 9999, True),
        }  # fmt: skip
        found.update({key: float(value.double().mean()) for key, value in draws.items()})
        return y

    assert parity.compare(TorchNet(many), TorchNet(lambda y: y), SHAPE)
    expected = {"uniform": 0.5, "low": 3, "p": 0.3, "ints": 3, "normal": 1, "exp": 0.25, "geometric": 4, "choice": 0.75}
    assert found == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize(
    ("left", "right", "said"),
    [
        (lambda y: y + torch.randn_like(y), lambda y: y + paddle.rand(y.shape), "normal"),
        (lambda y: y * torch.rand_like(y), lambda y: y * paddle.rand([8, 1]), "[8, 6]"),
        (lambda y: y * torch.poisson(torch.ones(8, 1)), lambda y: y * paddle.poisson(paddle.ones([8, 1])), "poisson"),
        (lambda y: y + torch.randn_like(y), lambda y: y * number(), "numpy.random"),
    ],
    ids=["another distribution", "another shape", "none of the lab's", "another generator"],
)
def test_draws_without_their_like_are_not_compared(left: Branch, right: Branch, said: str) -> None:
    report = parity.compare(TorchNet(left), PaddleNet(right), SHAPE)
    assert report.verdict == "not compared"
    assert not report.faults
    assert [text for text in report.undecided if text.startswith("random: ") and said in text]


def test_a_fault_beside_a_draw_is_a_fault() -> None:
    wrong = parity.compare(TorchNet(drawn_in_place), PaddleNet(lambda y: paddle_drawn(y) * 1.1), SHAPE)
    assert wrong.verdict == "different"
    less = parity.compare(TorchNet(below), TorchNet(lambda y: y / KEEP * (torch.rand(8, 1) < 0.4).to(y.dtype)), SHAPE)
    assert less.verdict == "different"
    lacking = parity.compare(TorchNet(drawn_in_place), PaddleNet(lambda y: y), SHAPE)
    assert lacking.verdict == "different"
    dropped = parity.compare(TorchNet(lambda y: y), PaddleNet(lambda y: PF.dropout(y, 0.5)), SHAPE)
    assert dropped.verdict == "different"


def test_captures_draw_the_same() -> None:
    first = capture(TorchNet(floor), SHAPE, steps=2)
    assert compare_captures(first, capture(PaddleNet(paddle_drawn), like=first, steps=2))
