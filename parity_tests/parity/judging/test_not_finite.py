"""NaN and infinity are values: on one side alone a fault, by name; on both sides alike said, and the rest compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks import parity  # noqa: E402
from nlblocks.parity.capture import capture, compare_captures  # noqa: E402

NAN = float("nan")
X = np.random.default_rng(0).normal(size=(4, 3))


class Spoils(torch.autograd.Function):
    """The identity; one element of the gradient is lost on the way back."""

    @staticmethod
    def forward(ctx: Any, x: Any, value: float) -> Any:
        ctx.value = value
        return x.clone()

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        grad = grad.clone()
        grad.view(-1)[0] = ctx.value
        return grad, None


class Net(torch.nn.Module):
    """A gate and a layer; ``where`` says what is not finite: a gradient, the buffer or the output."""

    def __init__(self, where: str = "", value: float = NAN) -> None:
        super().__init__()
        self.fc, self.where, self.value = torch.nn.Linear(3, 3), where, value
        self.gate = torch.nn.Parameter(torch.ones(3))
        self.norm = torch.nn.BatchNorm1d(3)

    def forward(self, x: Any) -> Any:
        gate = Spoils.apply(self.gate, self.value) if self.where == "parameter" else self.gate
        x = Spoils.apply(x, self.value) if self.where == "input" else x
        y = self.norm(self.fc(x) * gate)
        if self.training and self.where == "buffer":
            self.norm.running_mean.data[0] = self.value
        return torch.where(y == y[0, 0], self.value, y) if self.where == "output" else y


@pytest.mark.parametrize("value", [NAN, float("inf"), float("-inf")])
@pytest.mark.parametrize("where", ["parameter", "input", "buffer", "output"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_on_one_side_alone_it_is_a_fault_by_name(where: str, side: str, value: float) -> None:
    pair = Net(where, value), Net()
    report = parity.compare(*(pair if side == "left" else pair[::-1]), X, steps=0)
    assert not report
    if where != "output" or np.isnan(value):  # infinity in the place of a mask is one
        assert report.finding.cause == "values.not_finite", str(report)
    assert [c.difference.spoilt for c in report.comparisons if c.difference.problem][:1] == [side]


@pytest.mark.parametrize("where", ["parameter", "input", "buffer", "output"])
def test_on_both_sides_alike_it_is_said_and_the_rest_is_compared(where: str) -> None:
    report = parity.compare(Net(where), Net(where), X)
    assert report, str(report)
    notes = [f for f in report.findings if f.cause == "values.not_finite"]
    assert notes
    assert all(f.severity == "note" for f in notes)
    assert "1 NaN on both sides" in str(report)
    other = Net(where)
    other.fc = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.LeakyReLU(0.5))
    different = parity.compare(Net(where), other, X)
    assert not different
    assert different.finding.cause != "values.not_finite", str(different)


def test_the_same_value_in_another_place_is_a_fault() -> None:
    class Elsewhere(Net):
        def forward(self, x: Any) -> Any:
            y = self.norm(self.fc(x) * self.gate)
            return torch.where(y == y[1, 1], NAN, y)

    report = parity.compare(Net("output"), Elsewhere(), X, steps=0)
    assert report.verdict == "different"
    assert report.finding.cause == "values.not_finite"


def test_nan_all_over_on_both_sides_is_no_verdict() -> None:
    class Lost(Net):
        def forward(self, x: Any) -> Any:
            return super().forward(x) * NAN

    report = parity.compare(Lost(), Lost(), X, steps=0)
    assert report.verdict == "not compared", str(report)
    assert "it is NaN all over on both sides" in str(report)


def rows(detached: tuple[str, ...] = (), spoilt: str = "") -> Any:
    """Query, key and value as layers, against one fused layer: rows of a tensor that have partners of their own."""

    class Rows(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.q, self.k, self.v = (torch.nn.Linear(3, 3) for _ in range(3))
            for name in detached:
                getattr(self, name).requires_grad_(False)
            if spoilt:
                getattr(self, spoilt).weight.register_hook(lambda gradient: gradient * NAN)

        def forward(self, x: Any) -> Any:
            q, k, v = self.q(x), self.k(x), self.v(x)
            return torch.softmax(q @ k.T, -1) @ v

    return Rows()


class Fused(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv = torch.nn.Linear(3, 9)

    def forward(self, x: Any) -> Any:
        q, k, v = self.qkv(x).chunk(3, -1)
        return torch.softmax(q @ k.T, -1) @ v


@pytest.mark.parametrize("turned", [False, True])
def test_some_rows_without_a_gradient_or_with_a_nan_in_it_are_found(turned: bool) -> None:
    def compared(other: Any) -> Any:
        return parity.compare(*((other, Fused()) if turned else (Fused(), other)), X)

    assert compared(rows())
    assert compared(rows(detached=("v",))).finding.cause == "gradient.frozen"
    assert compared(rows(spoilt="v")).finding.cause == "values.not_finite"


def filled(value: float, elements: slice = slice(None)) -> Any:
    """An optimiser that leaves a value in the weights."""

    class Filling(torch.optim.SGD):
        def step(self, closure: Any = None) -> Any:
            super().step(closure)
            with torch.no_grad():
                for parameter in self.param_groups[0]["params"]:
                    parameter.view(-1)[elements] = value

    return lambda parameters: Filling(parameters, lr=0.1)


def test_an_optimiser_that_fills_weights_with_nan_is_found_on_either_side() -> None:
    sound = lambda parameters: torch.optim.SGD(parameters, lr=0.1)  # noqa: E731
    first = slice(0, 1)
    for broken in (filled(NAN), filled(NAN, first), filled(float("inf"), first)):
        for pair in ((broken, sound), (sound, broken)):
            report = parity.compare(torch.nn.Linear(3, 3), torch.nn.Linear(3, 3), X, optimiser=pair, steps=2)
            assert not report
            assert (report.finding.phase, report.finding.cause) == ("training", "values.not_finite"), str(report)
    both = parity.compare(torch.nn.Linear(3, 3), torch.nn.Linear(3, 3), X, optimiser=(filled(NAN),) * 2, steps=1)
    assert both.verdict == "not compared", str(both)
    some = parity.compare(torch.nn.Linear(3, 3), torch.nn.Linear(3, 3), X, optimiser=(filled(NAN, first),) * 2, steps=1)
    assert some, str(some)
    assert "weights weight: of 9 elements 1 NaN on both sides" in str(some)


def test_captures_are_judged_alike(tmp_path: Path) -> None:
    left = capture(Net(), X)
    for where in ("parameter", "input", "buffer", "output"):
        right = capture(Net(where), like=left)
        for pair in ((left, right), (right, left)):
            report = compare_captures(*pair)
            assert not report
            assert report.finding.cause == "values.not_finite", str(report)
        again = compare_captures(right, capture(Net(where), like=right))
        assert again, str(again)
        assert "1 NaN on both sides" in str(again)


def test_what_float32_alone_makes_infinite_is_found() -> None:
    class Large(Net):
        def forward(self, x: Any) -> Any:
            return super().forward(x) * 1e30 * 1e30 / 1e30 / 1e30

    report = parity.compare(Net(), Large(), X, steps=0)
    assert not report
    assert report.finding.phase == "float32"
    assert "the right has" in report.finding.explanation
