"""Steps of training: optimisers that differ are caught, and the setting that differs is named by trying it."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks import parity  # noqa: E402
from nlblocks.errors import InputError  # noqa: E402
from nlblocks.parity.running.optimisers import NAMED, named  # noqa: E402
from parity_tests.helpers.nets import paddle_rows, torch_rows  # noqa: E402

TORCH, PADDLE = torch.optim, paddle.optimizer


def trained(optimiser: Any, **options: Any) -> Any:
    return parity.compare(torch_rows(), paddle_rows(), (3, 4), optimiser=optimiser, **options)


@pytest.mark.parametrize("name", [*NAMED, "momentum:nesterov=1,weight_decay=0.1", "adam:amsgrad=true,eps=1e-4"])
def test_named_optimisers_train_alike_and_say_what_they_are(name: str) -> None:
    report = trained(name, steps=4)
    assert report, str(report)
    assert len(report.steps) == 4
    assert str(named(name)) in report.optimisers[0]
    assert str(named(name)) in report.optimisers[1]


@pytest.mark.parametrize(
    ("left", "right", "says"),
    [
        (
            lambda p: TORCH.AdamW(p, lr=0.01, weight_decay=0.1),
            lambda p: PADDLE.Adam(0.01, weight_decay=0.1, parameters=p),
            "decay of the weights themselves: yes on the left, no on the right; so",
        ),
        (
            lambda p: TORCH.Adam(p, lr=0.01),
            lambda p: PADDLE.Adam(0.01, epsilon=1e-4, parameters=p),
            "eps: 1e-08 on the left, 0.0001 on the right; so",
        ),
        (
            lambda p: TORCH.SGD(p, lr=0.1, momentum=0.9, dampening=0.1),
            lambda p: PADDLE.Momentum(0.1, 0.9, parameters=p),
            "dampening: 0.1 on the left, 0 on the right; so",
        ),
        (
            lambda p: TORCH.SGD(p, lr=0.1, momentum=0.9),
            lambda p: PADDLE.Momentum(0.1, 0.9, use_nesterov=True, parameters=p),
            "nesterov: no on the left, yes on the right; so",
        ),
        (
            lambda p: TORCH.SGD(p, lr=0.1),
            lambda p: PADDLE.SGD(0.1, parameters=p, grad_clip=paddle.nn.ClipGradByGlobalNorm(0.1)),
            "gradient clipping: none on the left, global norm 0.1 on the right; so",
        ),
        (
            lambda p: TORCH.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01),
            lambda p: PADDLE.Momentum(0.05, 0.8, parameters=p),
            "rate: 0.1 on the left, 0.05 on the right; weight decay: 0.01 on the left, 0 on the right; momentum",
        ),
        (
            lambda p: TORCH.SGD(p, lr=0.1),
            lambda p: PADDLE.Lamb(0.1, parameters=p),
            "rule: sgd on the left, lamb on the right",
        ),
    ],
)
def test_the_setting_that_differs_is_named(left: Any, right: Any, says: str) -> None:
    report = trained((left, right))
    assert not report
    assert report.finding.phase == "training"
    assert str(report.finding.cause).startswith("optimiser.")
    assert says in report.finding.explanation
    assert "after step" in report.finding.explanation


def test_settings_count_even_where_no_step_shows_them() -> None:
    report = trained(("momentum:momentum=0.9", "momentum:momentum=0.8"), steps=1)
    assert not report
    assert "momentum: 0.9 on the left, 0.8 on the right" in report.finding.explanation
    assert "does not show it" in report.finding.explanation


def test_one_step_is_compared_unless_it_is_not_wanted() -> None:
    assert len(parity.compare(torch_rows(), paddle_rows(), (3, 4)).steps) == 1
    assert not parity.compare(torch_rows(), paddle_rows(), (3, 4), steps=0).steps
    report = parity.compare(torch.nn.ReLU(), paddle.nn.ReLU(), (3, 4), steps=2)
    assert report
    assert report.not_compared == ["steps of training, because a model has nothing to train"]


@pytest.mark.parametrize("optimiser", [5, ("adam",), ("adam", 5), "adam:", "adam:lr=-1", "adam:momentum=0.9", "lion"])
def test_what_is_no_optimiser_is_one_line(optimiser: Any) -> None:
    with pytest.raises(InputError) as caught:
        trained(optimiser)
    assert "\n" not in str(caught.value)
