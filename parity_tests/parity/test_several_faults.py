"""Pairs with more than one fault: the lab goes on behind each, and names them all."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from parity_tests.helpers.nets import DEEP_SHAPE, compare, paddle_deep, torch_deep  # noqa: E402

Options = dict[str, Any]


def faults(**options: Any) -> tuple[Any, set[tuple[str, str, str]]]:
    report = compare(torch_deep(), paddle_deep(**options), DEEP_SHAPE)
    places = {f: f.after if f.place == "between" else (f.layer_left, f.layer_right) for f in report.faults}
    return report, {(f.cause, *place) for f, place in places.items()}


ALL: list[tuple[str, Options, set[tuple[str, str, str]]]] = [
    (
        "an eps, a slope and a momentum",
        {"eps": (1e-5, 1e-3, 1e-5), "slope": (0.1, 0.1, 0.3), "momentum": 0.8},
        {("batch_norm.eps", "norms.1", "norms.1"), ("leaky_relu.slope", "acts.2", "acts.2")}
        | {("batch_norm.momentum", f"norms.{i}", f"norms.{i}") for i in range(3)},
    ),
    (
        "an eps and the slope right behind it",
        {"eps": (1e-3, 1e-5, 1e-5), "slope": (0.3, 0.1, 0.1)},
        {("batch_norm.eps", "norms.0", "norms.0"), ("leaky_relu.slope", "acts.0", "acts.0")},
    ),
    (
        "the same eps in every layer, another activation and a dropout that shows in training only",
        {"eps": (1e-3,) * 3, "gelu": 1, "p": 0.5},
        {("batch_norm.eps", f"norms.{i}", f"norms.{i}") for i in range(3)}
        | {("activation.kind", "acts.1", "acts.1"), ("dropout.p", "drop", "drop")},
    ),
    (
        "a forgotten residual, a pool that leaves out its padding, and a dropout mode",
        {"residual": False, "exclusive": True, "mode": "downscale_in_infer"},
        {("residual.missing", "convs.1", "convs.1"), ("avg_pool.count_include_pad", "pool", "pool"),
         ("dropout.mode", "drop", "drop")},
    ),
    (
        "an activation, and a residual that is detached",
        {"gelu": 0, "detached": True},
        {("activation.kind", "acts.0", "acts.0"), ("gradient.detached", "convs.0", "convs.0")},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("options", "expected"), [case[1:] for case in ALL], ids=[case[0] for case in ALL])
def test_all_faults_are_named(options: Options, expected: set[tuple[str, str, str]]) -> None:
    report, found = faults(**options)
    assert expected <= found, str(report)
    assert {cause for cause, *_ in found} == {cause for cause, *_ in expected}, str(report)
    assert report.finding.rank == 0
    assert report.finding is next(f for f in report.faults if f.phase == "eval forward")


def test_a_single_fault_is_a_single_finding() -> None:
    report, found = faults(eps=(1e-5, 1e-3, 1e-5))
    assert found == {("batch_norm.eps", "norms.1", "norms.1")}, str(report)
    assert report.worst("train forward") < 1e-12


def test_a_difference_in_shape_ends_the_walk_in_words() -> None:
    class Wide(paddle.nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.net = paddle_deep(eps=(1e-3,) * 3)

        def forward(self, x: Any) -> Any:
            return self.net(x)[:, :4]

    report = compare(torch_deep(), Wide(), DEEP_SHAPE, accept=())
    assert report.finding.cause == "batch_norm.eps"
    assert any(f.rank for f in report.faults), str(report)
    assert any("training pass" in text for text in report.not_compared), str(report)


def test_captures_say_what_they_cannot_show() -> None:
    from nlblocks.parity.capturing import capture
    from nlblocks.parity.compare_captures import compare_captures

    left = capture(torch_deep(), DEEP_SHAPE)
    right = capture(paddle_deep(eps=(1e-3, 1e-5, 1e-5), slope=(0.1, 0.3, 0.1)), like=left)
    report = compare_captures(left, right)
    assert [f.cause for f in report.faults if f.phase == "eval forward"] == ["batch_norm.eps"]
    assert report.not_compared


def test_what_could_not_be_judged_is_said() -> None:
    report, _ = faults(eps=(1e-3,) * 3)
    assert any("float32" in text for text in report.not_compared)
    assert "not compared" in str(report)


def test_dropouts_that_the_attributes_tell_do_not_use_up_the_search() -> None:
    """Each is a fault by its p before anything runs in training; ten of them are more than are looked for there."""

    class Dropping(torch.nn.Module):
        def __init__(self, p: float) -> None:
            super().__init__()
            self.linears, self.p = torch.nn.ModuleList(torch.nn.Linear(6, 6) for _ in range(10)), p

        def forward(self, x: Any) -> Any:
            for linear in self.linears:
                x = torch.nn.functional.dropout(torch.tanh(linear(x)), self.p, self.training)
            return x

    report = compare(Dropping(0.2), Dropping(0.4), (4, 6))
    assert {f.cause for f in report.faults} == {"dropout.p"}
    assert report.worst("backward") is not None, str(report)
    assert not any("one by one" in text for text in report.not_compared), str(report)
