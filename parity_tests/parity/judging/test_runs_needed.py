"""How often a comparison runs the two models: no more often than what it finds makes needed."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks import parity  # noqa: E402
from nlblocks.parity.recording import Tracer  # noqa: E402

SHAPE = (4, 3, 6, 6)
KNOWN = ("batch_norm.variance",)


def pair(**norm: Any) -> tuple[Any, Any]:
    """A convolution, its BatchNorm and a linear layer; the right's norm has these settings."""
    left = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3, bias=False), torch.nn.BatchNorm2d(4), torch.nn.ReLU(), torch.nn.Flatten(),
        torch.nn.Linear(64, 5),
    )  # fmt: skip
    right = paddle.nn.Sequential(
        paddle.nn.Conv2D(3, 4, 3, bias_attr=False), paddle.nn.BatchNorm2D(4, **norm), paddle.nn.ReLU(),
        paddle.nn.Flatten(), paddle.nn.Linear(64, 5),
    )  # fmt: skip
    return left, right


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[str, bool, bool]]:
    """The runs of both models, by (dtype, whether in training, whether nudged)."""
    counted: Counter[tuple[str, bool, bool]] = Counter()
    run = Tracer.run

    def noted(self: Any, model: Any, state: Any, **how: Any) -> Any:
        counted[how["dtype"], how["training"], how.get("nudge") is not None] += 1
        return run(self, model, state, **how)

    monkeypatch.setattr(Tracer, "run", noted)
    return counted


def test_a_right_pair_is_run_once_a_pass_and_nudged_once_in_float32(runs: Counter[tuple[str, bool, bool]]) -> None:
    assert parity.compare(*pair(), SHAPE, accept=KNOWN)
    structure = 1
    assert runs == {
        ("float64", False, False): 2 * (1 + structure), ("float64", True, False): 2,
        ("float32", False, False): 2, ("float32", False, True): 2,
        ("float32", True, False): 2, ("float32", True, True): 2,
    }  # fmt: skip


def test_a_statistic_that_differs_without_a_cause_is_held_against_what_nudges_do(
    runs: Counter[tuple[str, bool, bool]],
) -> None:
    left, right = pair()
    norm = right[1]
    forward = norm.forward

    def off(x: Any) -> Any:
        result = forward(x)
        if norm.training:
            norm._variance.set_value(norm._variance + paddle.to_tensor([1e-4, 0.0, 2e-4, 0.0]).astype(x.dtype))
        return result

    norm.forward = off
    report = parity.compare(left, right, SHAPE, accept=KNOWN)
    assert report.verdict == "different", report
    assert runs["float64", True, True] >= 2, runs


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The frameworks whose models were run once more for their steps of training."""
    found, train = list[str](), Tracer.train

    def noted(self: Any, *given: Any, **how: Any) -> Any:
        found.append(self.name)
        return train(self, *given, **how)

    monkeypatch.setattr(Tracer, "train", noted)
    return found


def test_a_step_that_nobody_asked_for_needs_no_run_more(trained: list[str]) -> None:
    by_pass, asked = (parity.compare(*pair(), SHAPE, accept=KNOWN, steps=steps) for steps in (None, 1))
    assert by_pass.verdict == asked.verdict == "same"
    assert by_pass.optimisers == asked.optimisers != ("", "")
    assert trained == ["torch", "paddle"], "for the steps that were asked for"


@pytest.mark.parametrize("steps", [None, 1])
def test_what_an_optimiser_does_otherwise_is_seen_with_and_without_a_run(steps: int | None) -> None:
    left, right = pair()
    right[0].weight.optimize_attr["learning_rate"] = 1.5
    report = parity.compare(left, right, SHAPE, accept=KNOWN, steps=steps)
    assert not report
    assert [f.phase for f in report.faults] == ["training"], report


def test_a_model_that_writes_to_its_weights_as_it_runs_is_trained_by_runs(trained: list[str]) -> None:
    left, right = pair()
    forward = left.forward

    def shrinking(x: Any) -> Any:
        y = forward(x)
        with torch.no_grad():
            left[4].bias.mul_(0.9)  # which no backward pass needs
        return y

    left.forward = shrinking
    report = parity.compare(left, right, SHAPE, accept=KNOWN)
    assert trained == ["torch", "paddle"]
    assert {f.phase for f in report.faults} == {"training"}, report
