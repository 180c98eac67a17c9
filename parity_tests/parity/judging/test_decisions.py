"""Models that decide: at ties and thresholds a nudge measures rounding and no jump, and hides nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

import paddle.nn.functional as P  # noqa: E402
import torch.nn.functional as T  # noqa: E402

from nlblocks import parity  # noqa: E402

Decide = Callable[[Any, Any], Any]
"""(input, features) → features, by what the input decides; both [B, N, 8]."""


class Left(torch.nn.Module):
    def __init__(self, decide: Decide) -> None:
        super().__init__()
        self.a, self.b, self.decide = torch.nn.Linear(8, 8), torch.nn.Linear(8, 3), decide

    def forward(self, x: Any) -> Any:
        return self.b(self.decide(x, self.a(x)))


class Right(paddle.nn.Layer):
    def __init__(self, decide: Decide, fault: str) -> None:
        super().__init__()
        self.a, self.b, self.decide, self.fault = paddle.nn.Linear(8, 8), paddle.nn.Linear(8, 3), decide, fault

    def forward(self, x: Any) -> Any:
        y = self.b(self.decide(x, self.a(x)))
        return y * 1.1 if self.fault == "factor" else y


class Stepped(torch.autograd.Function):
    """round, with the gradient passed through."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x.round()

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        return gradient


def torch_sorted(x: Any, h: Any) -> Any:
    order = torch.argsort(x[..., 0], dim=1, stable=True)
    return torch.gather(h, 1, order[..., None].expand(-1, -1, 8))


def paddle_sorted(x: Any, h: Any) -> Any:
    order = paddle.argsort(x[..., 0], 1, stable=True)
    return paddle.take_along_axis(h, order.unsqueeze(-1).expand([-1, -1, 8]), 1)


def grid(sample: Any, stack: Any) -> Decide:
    """Sampled at places that the input gives: the quarters lie half way between two pixels."""
    return lambda x, h: h + sample(h.unsqueeze(1), stack([x, x], -1), mode="nearest", align_corners=False).squeeze(1)


DECIDE: dict[str, tuple[Decide, Decide]] = {
    "windows": (
        lambda x, h: h * T.max_pool1d(x, 2).repeat_interleave(2, -1),
        lambda x, h: h * P.max_pool1d(x, 2).repeat_interleave(2, -1),
    ),
    "mask": (lambda x, h: h * (x > 0.25).to(h.dtype), lambda x, h: h * (x > 0.25).astype(h.dtype)),
    "where": (lambda x, h: torch.where(x >= 0.25, h, -h), lambda x, h: paddle.where(x >= 0.25, h, -h)),
    "sort": (torch_sorted, paddle_sorted),
    "straight through": (
        lambda x, h: h + Stepped.apply(2 * x),
        lambda x, h: h + 2 * x + (paddle.round(2 * x) - 2 * x).detach(),
    ),
    "nearest": (
        lambda x, h: h + T.interpolate(x[:, None], scale_factor=(1.0, 2.0), mode="nearest")[:, 0, :, ::2],
        lambda x, h: h + P.interpolate(x.unsqueeze(1), scale_factor=[1.0, 2.0], mode="nearest").squeeze(1)[:, :, ::2],
    ),
    "sampled": (grid(T.grid_sample, torch.stack), grid(P.grid_sample, paddle.stack)),
    "remainder": (lambda x, h: h + x % 0.5, lambda x, h: h + x % 0.5),
    "one hot": (
        lambda x, h: h * T.one_hot(x.argmax(-1), 8).to(h.dtype),
        lambda x, h: h * P.one_hot(x.argmax(-1), 8).astype(h.dtype),
    ),
    "largest": (lambda x, h: h * x.amax(-1, keepdim=True), lambda x, h: h * x.max(-1, keepdim=True)),
    "clipped": (lambda x, h: h * x.clamp(-0.25, 0.25), lambda x, h: h * x.clip(-0.25, 0.25)),
    "picked": (lambda x, h: h * x.topk(3, -1)[0].sum(-1, keepdim=True),) * 2,
    "branch": (lambda x, h: h if x[0].mean() > 0.25 else -h,) * 2,
}  # fmt: skip


def values(tied: bool) -> Any:
    """[4, 5, 8]; tied: multiples of a quarter, a row of equal ones, and a mean that stands at the threshold."""
    stream = np.random.default_rng(0)
    if not tied:
        return stream.normal(size=(4, 5, 8)).astype(np.float32).astype(np.float64)
    found = stream.integers(-2, 3, (4, 5, 8)) / 4 + 0.0
    found[0], found[1] = 0.25, found[1, :, :1]
    return found


@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
@pytest.mark.parametrize("name", DECIDE)
def test_what_lies_behind_a_decision_is_judged_as_if_there_were_none(name: str, tied: bool) -> None:
    left, right = DECIDE[name]
    assert parity.compare(Left(left), Right(right, ""), values(tied), training=tied).verdict == "same"
    report = parity.compare(Left(left), Right(right, "factor"), values(tied), training=False)
    assert report.verdict == "different"
    assert report.finding.cause == "scale.missing"
    assert report.worst("eval forward") > 1e-3


def test_a_decision_that_cannot_be_held_is_named_and_never_passed() -> None:
    """Made outside the framework: where nudges show a jump, nothing is judged by how far."""

    def outside(x: Any, h: Any) -> Any:
        return h + torch.from_numpy(np.floor(x.detach().numpy() * 4))

    def outside_too(x: Any, h: Any) -> Any:
        return h + paddle.to_tensor(np.floor(x.detach().numpy() * 4))

    assert parity.compare(Left(outside), Right(outside_too, ""), values(True), training=False).verdict == "same"
    report = parity.compare(Left(outside), Right(outside_too, "factor"), values(True), training=False)
    assert not report
    found = report.comparisons[0]
    assert not found.passed
    assert "jumps at" in found.undecided
    assert "element" in str(report)
    assert report.worst("eval forward") == found.difference.relative > 0.05


class Kink(torch.nn.Module):
    """A ReLU of what is zero but for rounding: the order of a sum tells on which side it falls."""

    def __init__(self, first: Any, turned: bool) -> None:
        super().__init__()
        self.a, self.b, self.turned = first(), torch.nn.Linear(6, 3), turned

    def forward(self, x: Any) -> Any:
        y = self.a(x)
        more, less = 0.7 * y.detach(), -1.7 * y.detach()
        return self.b(torch.relu(y + (more + less) if self.turned else (y + more) + less) + y)


def test_a_gradient_at_a_kink_that_rounding_decides_is_said_and_is_no_fault() -> None:
    def first() -> Any:
        return torch.nn.Linear(5, 6)

    x = np.random.default_rng(0).normal(size=(32, 5))
    torch.manual_seed(0)
    report = parity.compare(Kink(first, False), Kink(first, True), x)
    assert report.verdict == "same"
    assert any("relu" in note.explanation and "as the left does" in note.explanation for note in report.findings)
    assert any(c.accepted and c.difference.relative > 1e-3 for c in report.comparisons)


@pytest.mark.parametrize("fault", ["", "factor"])
def test_selections_among_equal_values_are_called_that_and_what_follows_is_judged(fault: str) -> None:
    def first(x: Any, h: Any) -> Any:
        return h * T.one_hot(x.argmax(-1), 8).to(h.dtype)

    def last(x: Any, h: Any) -> Any:
        return h * P.one_hot(7 - x.flip(-1).argmax(-1), 8).astype(h.dtype)

    report = parity.compare(Left(first), Right(last, fault), values(True))
    assert report.verdict == "different"
    assert {"selection.ties", *(["scale.missing"] if fault else [])} == {f.cause for f in report.faults}
