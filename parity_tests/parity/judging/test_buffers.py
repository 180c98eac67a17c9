"""Buffers after a training pass: what a layer forgets, keeps in copies, or keeps where evaluation never looks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks import parity  # noqa: E402

INPUT = np.random.default_rng(0).normal(size=(3, 2, 4, 4)).astype(np.float32)
KNOWN = ("batch_norm.variance",)


class Forgetting(paddle.nn.BatchNorm2D):
    """Statistics are put back after each pass."""

    def forward(self, x: Any) -> Any:
        mean, variance = self._mean.clone(), self._variance.clone()
        result = super().forward(x)
        self._mean.set_value(mean)
        self._variance.set_value(variance)
        return result


class Copying(torch.nn.BatchNorm2d):
    """Statistics are updated in copies; these are written back if it ``keeps`` them."""

    keeps = False

    def forward(self, x: Any) -> Any:
        mean, variance = self.running_mean.clone(), self.running_var.clone()
        result = torch.nn.functional.batch_norm(
            x, mean, variance, self.weight, self.bias, self.training, self.momentum, self.eps
        )
        if self.keeps:
            with torch.no_grad():
                self.running_mean.copy_(mean)
                self.running_var.copy_(variance)
        return result


class Keeping(Copying):
    keeps = True


class Averaging(torch.nn.Module):
    """Training keeps an average of the features, which nothing uses."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.conv, self.rate = torch.nn.Conv2d(2, 3, 1), rate
        self.register_buffer("average", torch.zeros(3))

    def forward(self, x: Any) -> Any:
        y = self.conv(x)
        if self.training:
            with torch.no_grad():
                self.average.lerp_(y.mean((0, 2, 3)), self.rate)
        return y


def torch_net(norm: type[Any] = torch.nn.BatchNorm2d) -> Any:
    return torch.nn.Sequential(torch.nn.Conv2d(2, 3, 1), norm(3), torch.nn.ReLU())


def paddle_net(norm: type[Any] = paddle.nn.BatchNorm2D) -> Any:
    return paddle.nn.Sequential(paddle.nn.Conv2D(2, 3, 1), norm(3), paddle.nn.ReLU())


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (torch_net(), paddle_net(Forgetting)),
        (paddle_net(Forgetting), paddle_net()),
        (torch_net(Copying), torch_net()),
        (torch_net(), torch_net(Copying)),
        (paddle_net(), torch_net(Copying)),
    ],
)
def test_statistics_that_one_side_forgets_differ_whoever_copies_them(left: Any, right: Any) -> None:
    report = parity.compare(left, right, INPUT, accept=(*KNOWN, "batch_norm.momentum"))
    buffers = {c.name.rpartition(".")[2] for c in report.comparisons if c.group == "buffers" and not c.passed}
    assert report.verdict == "different"
    assert {"running_mean", "running_var"} <= buffers
    assert {(f.phase, f.cause) for f in report.faults} == {("buffers", None)}
    assert all("as before on the" in f.explanation for f in report.faults)


def test_statistics_that_are_copied_and_kept_are_the_same() -> None:
    report = parity.compare(torch_net(Keeping), torch_net(), INPUT)
    assert report.verdict == "same"
    assert {c.name for c in report.comparisons if c.group == "buffers"} == {"1.running_mean", "1.running_var"}


def test_an_average_that_evaluation_never_uses_is_compared() -> None:
    assert parity.compare(Averaging(0.1), Averaging(0.1), INPUT).verdict == "same"
    report = parity.compare(Averaging(0.1), Averaging(0.2), INPUT)
    assert report.verdict == "different"
    assert [f.phase for f in report.faults] == ["buffers"]


def shared(framework: Any, layer: type[Any], norm: type[Any]) -> Any:
    """A model that normalises two pictures by one layer."""

    class Shared(layer):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.norm = norm(2)

        def forward(self, x: Any) -> Any:
            return self.norm(x) - self.norm(framework.exp(x))

    return Shared()


def test_a_layer_that_is_called_twice_keeps_the_other_variance_twice() -> None:
    left = shared(paddle, paddle.nn.Layer, paddle.nn.BatchNorm2D)
    report = parity.compare(left, shared(torch, torch.nn.Module, torch.nn.BatchNorm2d), inputs=[INPUT], accept=KNOWN)
    assert report, str(report)
    assert any(c.accepted for c in report.comparisons)


class Own(paddle.nn.BatchNorm2D):
    """Written by hand; the variance that it keeps is ``off`` by a factor."""

    off = 1.0

    def forward(self, x: Any) -> Any:
        if not self.training:
            return super().forward(x)
        mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
        kept = variance * (48 / 47) * self.off
        self._mean.set_value(self._mean * 0.9 + mean * 0.1)
        self._variance.set_value(self._variance * 0.9 + kept * 0.1)
        rows = [t.reshape([1, -1, 1, 1]) for t in (mean, variance, self.weight, self.bias)]
        return (x - rows[0]) / paddle.sqrt(rows[1] + 1e-5) * rows[2] + rows[3]


class Off(Own):
    off = 1.0 + 1e-6


@pytest.mark.parametrize(("norm", "verdict"), [(Own, "same"), (Off, "different")])
def test_beside_a_kernel_that_holds_its_momentum_a_small_fault_of_the_statistics_shows(norm: Any, verdict: str) -> None:
    left = torch.nn.Sequential(torch.nn.BatchNorm2d(2), torch.nn.Conv2d(2, 2, 1), torch.nn.BatchNorm2d(2))
    right = paddle.nn.Sequential(norm(2), paddle.nn.Conv2D(2, 2, 1), paddle.nn.BatchNorm2D(2))
    report = parity.compare(left, right, 30.0 * INPUT, accept=KNOWN)
    assert report.verdict == verdict, report


@pytest.mark.parametrize(
    ("momentum", "verdict"),
    [(0.9, "same"), (float(np.float32(0.9)), "same"), (0.9 * (1 + 2e-7), "different"), (0.9 + 1e-6, "different")],
)
def test_a_momentum_that_float32_rounded_is_the_same_one_and_no_other(momentum: float, verdict: str) -> None:
    left, right = (
        paddle.nn.Sequential(paddle.nn.BatchNorm2D(2, momentum=m), paddle.nn.Conv2D(2, 2, 1)) for m in (0.9, momentum)
    )
    report = parity.compare(left, right, 30.0 * INPUT)
    assert report.verdict == verdict, report


@pytest.mark.parametrize("size", [1.0, 1e-2, 1e-4])
def test_the_variance_of_small_values_has_its_cause(size):
    """The less a statistic moves, the less of it the estimator is: it is still that, and nothing else."""
    torch.manual_seed(0)
    left = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3))
    with torch.no_grad():
        left[0].weight.mul_(size)
        left[0].bias.mul_(size)
    right = paddle.nn.Sequential(paddle.nn.Conv2D(2, 3, 3), paddle.nn.BatchNorm2D(3))
    report = parity.compare(left, right, INPUT, accept=KNOWN)
    assert report, report
    assert {found.cause for found in report.findings} == set(KNOWN)
