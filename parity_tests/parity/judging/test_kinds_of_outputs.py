"""Models whose tensors are no real numbers: complex ones are compared whole, integers and truth values exactly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks import parity  # noqa: E402
from nlblocks.parity.capture import capture, compare_captures, load_capture  # noqa: E402

X = np.random.default_rng(0).normal(size=(2, 8))
Z = X + 1j * np.random.default_rng(1).normal(size=X.shape)


class Spectrum(torch.nn.Module):
    def __init__(self, change: Any = lambda z: z) -> None:
        super().__init__()
        self.fc, self.change = torch.nn.Linear(8, 8), change

    def forward(self, x: Any) -> Any:
        return self.change(torch.fft.rfft(self.fc(x)))


class PaddleSpectrum(paddle.nn.Layer):
    def __init__(self, change: Any = lambda z: z) -> None:
        super().__init__()
        self.fc, self.change = paddle.nn.Linear(8, 8), change

    def forward(self, x: Any) -> Any:
        return self.change(paddle.fft.rfft(self.fc(x)))


def turned(z: Any) -> Any:
    """Another imaginary part."""
    return z.conj()


@pytest.mark.parametrize("after", [lambda z: z, lambda z: z.abs(), lambda z: z * z.conj()])
def test_complex_outputs_and_values_on_the_way_agree_and_train(after: Any) -> None:
    for right in (Spectrum(after), PaddleSpectrum(after)):
        report = parity.compare(Spectrum(after), right, X, optimiser="adam", steps=2)
        assert report, str(report)
        assert {"backward", "float32 train"} <= {c.phase for c in report.comparisons}


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (lambda z: z, turned),
        (lambda z: z, lambda z: z * 1.01),
        (lambda z: (z + 1).abs(), lambda z: (z.conj() * 1j + 1).abs()),
        (lambda z: z, lambda z: z.real() if isinstance(z, paddle.Tensor) else z.real),
    ],
)
def test_an_imaginary_part_is_no_detail(left: Any, right: Any, tmp_path: Path) -> None:
    for pair in ((Spectrum(left), PaddleSpectrum(right)), (Spectrum(right), Spectrum(left))):
        report = parity.compare(*pair, X, steps=0)
        assert report.verdict == "different", str(report)
        assert report.finding.phase == "eval forward"
        report.save(tmp_path / "r.html")
        report.save(tmp_path / "r.json")
        row = json.loads((tmp_path / "r.json").read_text())["comparisons"][0]
        assert not row["passed"]


class Turns(torch.autograd.Function):
    """The identity of complex numbers; the gradient's imaginary part changes its sign on the way back."""

    @staticmethod
    def forward(ctx: Any, z: Any) -> Any:
        return z.clone()

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return grad.conj()


def test_a_complex_gradient_counts_whole() -> None:
    class Sensitive(torch.nn.Module):
        def __init__(self, way: Any = lambda z: z) -> None:
            super().__init__()
            self.way = way

        def forward(self, z: Any) -> Any:
            return self.way(z * z).abs()

    assert parity.compare(Sensitive(), Sensitive(), Z)
    report = parity.compare(Sensitive(), Sensitive(Turns.apply), Z)
    assert not report
    assert {f.phase for f in report.faults} == {"backward"}


class Filter(torch.nn.Module):
    """A complex parameter, as of a Fourier layer."""

    def __init__(self, change: Any = lambda w: w) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(8, 3, dtype=torch.complex64))
        self.register_buffer("shift", torch.randn(3, dtype=torch.complex64))
        self.change = change

    def forward(self, x: Any) -> Any:
        return (torch.fft.fft(x) @ self.change(self.weight) + self.shift).abs()


def test_complex_parameters_are_moved_and_compared(tmp_path: Path) -> None:
    report = parity.compare(Filter(), Filter(), X, optimiser="momentum")
    assert report, str(report)
    assert report.finding is None
    assert not [text for text in report.not_compared if "dtype" in text]
    assert not parity.compare(Filter(), Filter(torch.conj), X)
    assert parity.compare(Filter(), Filter(), X, transfer=False).finding.cause == "parameters.values"
    capture(Filter(), X, optimiser="sgd").save(tmp_path / "a.safetensors")
    first = load_capture(tmp_path / "a.safetensors")
    capture(Filter(), like=first, optimiser="sgd").save(tmp_path / "b.safetensors")
    same = compare_captures(first, load_capture(tmp_path / "b.safetensors"))
    assert same, str(same)
    assert same.steps
    assert not compare_captures(first, capture(Filter(torch.conj), like=first))


class Labels(torch.nn.Module):
    """Integers, truth values, and scores if wanted."""

    def __init__(self, shift: int = 0, *, scores: bool = False, flip: bool = False) -> None:
        super().__init__()
        self.fc, self.shift, self.scores, self.flip = torch.nn.Linear(8, 5), shift, scores, flip

    def forward(self, x: Any) -> Any:
        y = self.fc(x)
        mask = (y > 0) ^ self.flip
        found = {"labels": y.argmax(-1) + 2**53 + self.shift, "mask": mask}
        return {**found, "scores": y} if self.scores else found


class PaddleLabels(paddle.nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.fc = paddle.nn.Linear(8, 5)

    def forward(self, x: Any) -> Any:
        y = self.fc(x)
        return {"labels": y.argmax(-1) + 2**53, "mask": y > 0}


def test_integers_and_truth_values_are_compared_and_have_no_gradient() -> None:
    for right in (Labels(), PaddleLabels()):
        report = parity.compare(Labels(), right, X, steps=2)
        assert report, str(report)
        assert "the backward pass, because no output has a gradient" in report.not_compared
        assert "steps of training, because no output has a gradient" in report.not_compared
        assert {c.phase for c in report.comparisons} == {"eval forward", "train forward", "float32", "float32 train"}
    for other in (Labels(1), Labels(flip=True)):
        report = parity.compare(Labels(), other, X)
        assert report.verdict == "different", str(report)
    with_scores = parity.compare(Labels(scores=True), Labels(scores=True), X)
    assert with_scores
    assert "backward" in {c.phase for c in with_scores.comparisons}
    assert not parity.compare(Labels(scores=True), Labels(1, scores=True), X)


def test_integers_in_captures() -> None:
    first = capture(Labels(), X, optimiser="sgd")
    assert compare_captures(first, capture(PaddleLabels(), like=first))
    assert not compare_captures(first, capture(Labels(1), like=first))


def test_a_gradient_on_one_side_only_is_a_fault() -> None:
    class Detached(torch.nn.Module):
        def __init__(self, detach: bool) -> None:
            super().__init__()
            self.fc, self.detach = torch.nn.Linear(8, 5), detach

        def forward(self, x: Any) -> Any:
            return self.fc(x).detach() if self.detach else self.fc(x)

    for first in (True, False):
        report = parity.compare(Detached(first), Detached(not first), X)
        assert not report
        assert (report.finding.phase, report.finding.cause) == ("backward", "gradient.detached"), str(report)
    both = parity.compare(Detached(True), Detached(True), X)
    assert both, str(both)


def test_integers_that_float32_alone_decides_otherwise_are_no_verdict() -> None:
    class Rounds(torch.nn.Module):
        def __init__(self, large: float) -> None:
            super().__init__()
            self.large = large

        def forward(self, x: Any) -> Any:
            return ((x + self.large) - self.large > 1e-3).long()

    x = np.array([[1.0, 0.0], [1e-2, 1.0]])
    report = parity.compare(Rounds(0.0), Rounds(1e8), x)
    assert report.verdict == "not compared", str(report)
    assert "integers fall otherwise in float32 alone" in str(report)
