"""What is accepted hides what it explains, and nothing else; a line says what a difference follows from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks import parity  # noqa: E402
from nlblocks.parity.capture import capture, compare_captures, load_capture  # noqa: E402
from parity_tests.helpers.nets import paddle_rows, torch_rows  # noqa: E402

SHAPE = (2, 3, 6, 6)
MOMENTUM, VARIANCE, EPS = "batch_norm.momentum", "batch_norm.variance", "batch_norm.eps"


def torch_norm(momentum: float = 0.1, channels: int = 4) -> Any:
    return torch.nn.Sequential(torch.nn.Conv2d(3, channels, 3), torch.nn.BatchNorm2d(channels, momentum=momentum))


def paddle_norm(momentum: float = 0.9, eps: float = 1e-5, channels: int = 4) -> Any:
    norm = paddle.nn.BatchNorm2D(channels, momentum=momentum, epsilon=eps)
    return paddle.nn.Sequential(paddle.nn.Conv2D(3, channels, 3), norm)


def buffers(report: Any) -> set[tuple[str, str]]:
    return {(f.cause, f.severity) for f in report.findings if f.phase == "buffers"}


@pytest.mark.parametrize("channels", [4, 1])
@pytest.mark.parametrize(
    ("accept", "same"), [((), False), ((MOMENTUM,), False), ((VARIANCE,), False), ((MOMENTUM, VARIANCE), True)]
)
def test_of_two_causes_of_one_difference_both_are_named(accept: tuple[str, ...], same: bool, channels: int) -> None:
    report = parity.compare(torch_norm(0.2, channels), paddle_norm(channels=channels), SHAPE, accept=accept, steps=0)
    assert bool(report) is same, str(report)
    assert buffers(report) == {(c, "note" if c in accept else "fault") for c in (MOMENTUM, VARIANCE)}
    lines = [line for line in str(report).splitlines() if line.startswith("  buffers ")]
    assert len(lines) == 1
    words = "accepted: " if same else "explained by "
    assert f"{words}{MOMENTUM}, {VARIANCE}" in lines[0]


def test_an_accepted_variance_hides_neither_momentum_nor_eps() -> None:
    report = parity.compare(torch_norm(0.3), paddle_norm(eps=1e-2), SHAPE, accept=(VARIANCE,), steps=0)
    assert not report
    causes = {f.cause for f in report.faults}
    assert {MOMENTUM, EPS} <= causes
    assert VARIANCE not in causes


def test_an_accepted_layer_does_not_excuse_another_buffer_of_it() -> None:
    class Spoilt(torch.nn.Module):
        """The running mean moves otherwise than any momentum makes it."""

        def __init__(self) -> None:
            super().__init__()
            self.net = torch_norm()

        def forward(self, x: Any) -> Any:
            y = self.net(x)
            if self.training:
                self.net[1].running_var.data[1] *= 1.5
            return y

    report = parity.compare(Spoilt(), torch_norm(0.2), SHAPE, accept=(MOMENTUM,), steps=0)
    assert not report
    assert (None, "fault") in buffers(report)


def test_on_captures() -> None:
    left = capture(torch_norm(0.2), SHAPE)
    right = capture(paddle_norm(), like=left)
    assert not compare_captures(left, right, accept=(MOMENTUM,))
    assert not compare_captures(left, right, accept=(VARIANCE,))
    both = compare_captures(left, right, accept=(MOMENTUM, VARIANCE))
    assert both, str(both)


def trained(left: str, right: str, *accept: str, models: Any = None, **options: Any) -> Any:
    pair = models or (torch_rows(), paddle_rows())
    return parity.compare(*pair, (3, 4), optimiser=(left, right), accept=accept, **options)


def test_accepted_settings_hide_what_they_make_of_training_alone() -> None:
    assert not trained("sgd:lr=0.1", "sgd:lr=0.05")
    report = trained("sgd:lr=0.1", "sgd:lr=0.05", "optimiser.learning_rate")
    assert report, str(report)
    assert "accepted: optimiser.learning_rate" in str(report)
    both = trained("momentum:lr=0.1", "momentum:lr=0.05,momentum=0.5", "optimiser.learning_rate")
    assert not both
    assert {f.cause for f in both.faults} == {"optimiser.momentum"}
    assert trained("momentum:lr=0.1", "momentum:lr=0.05,momentum=0.5", "optimiser.learning_rate", "optimiser.momentum")


def test_what_settings_do_not_explain_stays_a_fault() -> None:
    def doubled(parameters: Any) -> Any:
        made = torch.optim.SGD(parameters, lr=0.1)
        step = made.step
        made.step = lambda *args: (step(*args), step(*args))[0]  # type: ignore[method-assign]
        return made

    report = parity.compare(
        torch_rows(), torch_rows(), (3, 4), optimiser=(doubled, "sgd:lr=0.1"), accept=("optimiser.learning_rate",)
    )
    assert report.verdict == "different", str(report)
    assert "the optimisers' settings are the same, as far as read" in str(report)


def test_settings_of_captures_are_taken_away_too(tmp_path: Path) -> None:
    first = capture(torch_rows(), (3, 4), optimiser="sgd:lr=0.1")
    first.save(tmp_path / "left.safetensors")
    capture(paddle_rows(), like=first, optimiser="sgd:lr=0.05").save(tmp_path / "right.safetensors")
    left, right = (load_capture(tmp_path / f"{side}.safetensors") for side in ("left", "right"))
    assert compare_captures(left, right).verdict == "different"
    assert compare_captures(left, right, accept=("optimiser.learning_rate",))


def test_nothing_is_called_accepted_that_was_not(tmp_path: Path) -> None:
    class Left(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.q, self.k, self.v = (torch.nn.Linear(4, 4) for _ in range(3))

        def forward(self, x: Any) -> Any:
            return torch.softmax(self.q(x) @ self.k(x).transpose(1, 2), self.axis) @ self.v(x)

        axis = -1

    class Right(Left):
        axis = 1

    report = parity.compare(Left(), Right(), (2, 4, 4))
    assert not report
    for phase in {c.phase for c in report.comparisons}:
        line = next(line for line in str(report).splitlines() if line.startswith(f"  {phase} "))
        assert "accepted" not in line
    report.save(tmp_path / "r.html")
    assert "accepted" not in (tmp_path / "r.html").read_text().partition("<!--")[0]
