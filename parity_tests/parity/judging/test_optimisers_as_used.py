"""Optimisers as they are used: groups, regularisers, clipping, schedules, scaling; what differs is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks import parity  # noqa: E402

T, Q, R = torch.optim, paddle.optimizer, paddle.regularizer
TNN, PNN = torch.nn, paddle.nn
Make = Callable[[list[Any]], Any]


class Loop:
    """An optimiser and what a training loop does around its step."""

    def __init__(self, optimiser: Any, before: Any = None, after: Any = None) -> None:
        self.optimiser, self.before, self.after = optimiser, before, after

    def step(self) -> None:
        for call in (self.before, self.optimiser.step, self.after):
            if call is not None:
                call()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.optimiser, name)


def clipped(p: list[Any], how: str, limit: float, made: Any = None) -> Any:
    clip = getattr(TNN.utils, how)
    return Loop(made or T.SGD(p, lr=0.1), lambda: clip(p, limit))


def scheduled(p: list[Any], schedule: Any) -> Any:
    made = T.SGD(p, lr=0.1)
    return Loop(made, after=schedule(made).step)


def paddle_scheduled(p: list[Any], schedule: Any) -> Any:
    return Loop(Q.SGD(schedule, parameters=p), after=schedule.step)


def paddle_clipped(clip: Any, **how: Any) -> Make:
    return lambda p: Q.SGD(0.1, parameters=p, grad_clip=clip, **how)


def l1(p: list[Any], share: float) -> Any:
    def add() -> None:
        for one in p:
            one.grad.add_(one.detach().sign(), alpha=share)

    return Loop(T.SGD(p, lr=0.1), add)


def divided(p: list[Any], by: float) -> Any:
    def divide() -> None:
        for one in p:
            one.grad.div_(by)

    return Loop(T.SGD(p, lr=0.1), divide)


def compared(left: Make, right: Make, attr: Any = None, **options: Any) -> Any:
    a = TNN.Sequential(TNN.Linear(6, 8), TNN.Tanh(), TNN.Linear(8, 3))
    b = PNN.Sequential(PNN.Linear(6, 8), PNN.Tanh(), PNN.Linear(8, 3, weight_attr=attr))
    return parity.compare(a, b, (4, 6), optimiser=(left, right), **{"steps": 4, **options})


SAME: dict[str, tuple[Make, Make, Any]] = {
    "a group's rate, a factor in Paddle": (
        lambda p: T.AdamW([{"params": p[:2]}, {"params": p[2:], "lr": 0.01}], lr=0.1),
        lambda p: Q.AdamW(0.1, parameters=[{"params": p[:2]}, {"params": p[2:], "learning_rate": 0.1}]),
        None,
    ),
    "a factor of one parameter": (
        lambda p: T.SGD([{"params": [p[0], p[1], p[3]]}, {"params": p[2:3], "lr": 0.05}], lr=0.1),
        lambda p: Q.SGD(0.1, parameters=p),
        paddle.ParamAttr(learning_rate=0.5),
    ),
    "a regulariser of one parameter": (
        lambda p: T.SGD([{"params": [p[0], p[1], p[3]]}, {"params": p[2:3], "weight_decay": 0.1}], lr=0.1),
        lambda p: Q.SGD(0.1, parameters=p),
        paddle.ParamAttr(regularizer=R.L2Decay(0.1)),
    ),
    "no decay of some": (
        lambda p: T.AdamW([{"params": p[::2]}, {"params": p[1::2], "weight_decay": 0.0}], lr=0.1, weight_decay=0.2),
        lambda p: Q.AdamW(
            0.1, parameters=p, weight_decay=0.2, apply_decay_param_fun=lambda n: n in {one.name for one in p[::2]}
        ),
        None,
    ),
    "decay by number or by regulariser": (
        lambda p: T.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1),
        lambda p: Q.Momentum(0.1, 0.9, parameters=p, weight_decay=R.L2Decay(0.1)),
        None,
    ),
    "L1 decay in the loop": (
        lambda p: l1(p, 0.1), lambda p: Q.SGD(0.1, parameters=p, weight_decay=R.L1Decay(0.1)), None,
    ),
    "one norm of all": (
        lambda p: clipped(p, "clip_grad_norm_", 0.5), paddle_clipped(PNN.ClipGradByGlobalNorm(0.5)), None,
    ),
    "a clip that never cuts": (
        lambda p: clipped(p, "clip_grad_norm_", 1e6), paddle_clipped(PNN.ClipGradByGlobalNorm(1e6)), None,
    ),
    "values": (lambda p: clipped(p, "clip_grad_value_", 0.2), paddle_clipped(PNN.ClipGradByValue(0.2)), None),
    "a schedule": (
        lambda p: scheduled(p, lambda made: T.lr_scheduler.StepLR(made, 2, 0.5)),
        lambda p: paddle_scheduled(p, Q.lr.StepDecay(0.1, 2, 0.5)),
        None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_what_is_spelled_differently_and_trains_the_same_is_the_same(name: str) -> None:
    left, right, attr = SAME[name]
    report = compared(left, right, attr)
    assert report, str(report)
    assert len(report.steps) == 4


DIFFERENT: dict[str, tuple[Make, Make, Any, str, str]] = {
    "a group's rate, copied": (
        lambda p: T.AdamW([{"params": p[:2]}, {"params": p[2:], "lr": 0.01}], lr=0.1),
        lambda p: Q.AdamW(0.1, parameters=[{"params": p[:2]}, {"params": p[2:], "learning_rate": 0.01}]),
        None, "optimiser.learning_rate", "learning rate of 2.weight and 2.bias: 0.01 on the left, 0.001 on the right",
    ),
    "a factor of one parameter": (
        lambda p: T.SGD(p, lr=0.1), lambda p: Q.SGD(0.1, parameters=p), paddle.ParamAttr(learning_rate=0.5),
        "optimiser.learning_rate", "learning rate of 2.weight: 0.1 on the left, 0.05 on the right",
    ),
    "a regulariser of one parameter": (
        lambda p: T.SGD(p, lr=0.1), lambda p: Q.SGD(0.1, parameters=p), paddle.ParamAttr(regularizer=R.L2Decay(0.1)),
        "optimiser.weight_decay", "weight decay of 2.weight: 0 on the left, 0.1 on the right",
    ),
    "no decay of some": (
        lambda p: T.AdamW([{"params": p[::2]}, {"params": p[1::2], "weight_decay": 0.0}], lr=0.1, weight_decay=0.2),
        lambda p: Q.AdamW(0.1, parameters=p, weight_decay=0.2),
        None, "optimiser.weight_decay", "weight decay of 0.bias and 2.bias: 0 on the left, 0.2 on the right",
    ),
    "another decay of signs": (
        lambda p: l1(p, 0.2), lambda p: Q.SGD(0.1, parameters=p, weight_decay=R.L1Decay(0.1)), None,
        "optimiser.weight_decay", "L1 decay of the gradient: 0.2 on the left, 0.1 on the right",
    ),
    "another norm": (
        lambda p: clipped(p, "clip_grad_norm_", 0.25), paddle_clipped(PNN.ClipGradByGlobalNorm(0.5)), None,
        "optimiser.clipping", "gradient clipping: global norm 0.25 on the left, global norm 0.5 on the right",
    ),
    "a norm of all, a norm of each": (
        lambda p: clipped(p, "clip_grad_norm_", 0.5), paddle_clipped(PNN.ClipGradByNorm(0.5)), None,
        "optimiser.clipping", "gradient clipping: global norm 0.5 on the left, norm of each tensor 0.5 on the right",
    ),
    "a norm of each group": (
        lambda p: clipped(p, "clip_grad_norm_", 0.5),
        lambda p: Q.SGD(0.1, [{"params": p[:2]}, {"params": p[2:]}], grad_clip=PNN.ClipGradByGlobalNorm(0.5)), None,
        "optimiser.clipping", "global norm 0.5 over 83 numbers, 1e-06 added to the norm on the left",
    ),
    "values on the left alone": (
        lambda p: clipped(p, "clip_grad_value_", 0.2), lambda p: Q.SGD(0.1, parameters=p), None,
        "optimiser.clipping", "gradient clipping: values in [-0.2, 0.2] on the left, none on the right",
    ),
    "a loss that is scaled back on one side": (
        lambda p: divided(p, 128.0), lambda p: Q.SGD(0.1, parameters=p), None,
        "optimiser.clipping", "gradient clipping: times 0.0078125 on the left, none on the right",
    ),
    "a schedule with another end": (
        lambda p: scheduled(p, lambda made: T.lr_scheduler.PolynomialLR(made, 4)),
        lambda p: paddle_scheduled(p, Q.lr.PolynomialDecay(0.1, 4)),
        None, "optimiser.schedule", "learning rate in step 2: 0.075 on the left, 0.075025 on the right",
    ),
    "a schedule that nobody steps": (
        lambda p: T.SGD(p, lr=0.1), lambda p: paddle_scheduled(p, Q.lr.StepDecay(0.1, 2, 0.5)), None,
        "optimiser.schedule", "learning rate in step 3: 0.1 on the left, 0.05 on the right",
    ),
    "where RMSProp adds its epsilon": (
        lambda p: T.RMSprop(p, lr=0.01, alpha=0.95, eps=1e-3), lambda p: Q.RMSProp(0.01, 0.95, 1e-3, parameters=p),
        None,
        "optimiser.eps", "where eps is added: to the root on the left, under the root on the right",
    ),
    "two settings at once": (
        lambda p: T.SGD(p, lr=0.1, momentum=0.9), lambda p: Q.Momentum(0.05, 0.8, parameters=p), None,
        "optimiser.learning_rate", "learning rate: 0.1 on the left, 0.05 on the right; momentum: 0.9 on the left, 0.8",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DIFFERENT)
def test_the_setting_that_differs_is_the_cause(name: str) -> None:
    left, right, attr, cause, words = DIFFERENT[name]
    report = compared(left, right, attr)
    assert not report
    assert report.finding.cause == cause, str(report)
    assert words in report.finding.explanation
    assert "so the difference falls" in report.finding.explanation


def test_a_decay_that_one_side_lacks_is_named_whichever_its_kind() -> None:
    for left, right in (
        (lambda p: T.Adam(p, lr=0.1), lambda p: Q.AdamW(0.1, parameters=p, weight_decay=0.2)),
        (lambda p: T.AdamW(p, lr=0.1, weight_decay=0.2), lambda p: Q.Adam(0.1, parameters=p)),
    ):
        report = compared(left, right)
        assert [f.cause for f in report.findings] == ["optimiser.weight_decay"]
        assert "so the difference falls" in report.finding.explanation


def test_a_loop_needs_nothing_but_a_step() -> None:
    class Bare:
        def __init__(self, optimiser: Any) -> None:
            self.step = lambda: optimiser.step()

    report = compared(lambda p: Bare(T.SGD(p, lr=0.1)), lambda p: Bare(Q.SGD(0.1, parameters=p)))
    assert report, str(report)
    assert len(report.steps) == 4


def test_what_computes_the_loss_anew_is_refused_by_name() -> None:
    report = compared(lambda p: T.LBFGS(p), lambda p: Q.LBFGS(parameters=p))
    assert report.verdict == "not compared"
    assert "on the left the optimiser is LBFGS, whose step asks for a closure" in str(report)


def test_an_optimiser_whose_step_a_schedule_wraps_is_none_of_these() -> None:
    class Decayed(T.SGD):
        def __init__(self, parameters: Any, end: float) -> None:
            super().__init__(parameters, lr=0.1)
            self.schedule = T.lr_scheduler.LinearLR(self, 1.0, end, 4)

        def step(self, closure: Any = None) -> Any:
            loss = super().step(closure)
            self.schedule.step()
            return loss

    assert compared(lambda p: Decayed(p, 1.0), lambda p: Q.SGD(0.1, parameters=p))
    report = compared(lambda p: Decayed(p, 0.5), lambda p: Q.SGD(0.1, parameters=p))
    assert report.finding.cause == "optimiser.schedule"
    assert "so the difference falls" in report.finding.explanation


def test_what_an_optimiser_is_not_given_is_said() -> None:
    for left, right, side in (
        (lambda p: T.SGD(p[2:], lr=0.1), lambda p: Q.SGD(0.1, parameters=p), "left"),
        (lambda p: T.SGD(p, lr=0.1), lambda p: Q.SGD(0.1, parameters=p[2:]), "right"),
    ):
        report = compared(left, right)
        assert report.finding.cause == "gradient.frozen"
        assert f"the {side}'s optimiser is not given 0.weight and 0.bias" in report.finding.explanation
    assert compared(lambda p: T.SGD(p[2:], lr=0.1), lambda p: Q.SGD(0.1, parameters=p[2:]))


def test_a_loop_that_steps_less_often_is_said() -> None:
    class Second(Loop):
        count = 0

        def step(self) -> None:
            self.count += 1
            if self.count % 2 == 0:
                super().step()

    report = compared(lambda p: Second(T.SGD(p, lr=0.1)), lambda p: Q.SGD(0.1, parameters=p))
    assert "the left's optimiser takes no step there" in report.finding.explanation
    assert report.finding.cause == "optimiser.settings"
    assert compared(lambda p: Second(T.SGD(p, lr=0.1)), lambda p: Second(Q.SGD(0.1, parameters=p)))


def test_settings_are_tried_on_weights_that_are_joined_on_one_side() -> None:
    class Left(TNN.Module):
        def __init__(self) -> None:
            super().__init__()
            self.m = TNN.MultiheadAttention(8, 2, batch_first=True)

        def forward(self, x: Any) -> Any:
            return self.m(x, x, x, need_weights=False)[0]

    class Right(PNN.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.m = PNN.MultiHeadAttention(8, 2)

        def forward(self, x: Any) -> Any:
            return self.m(x, x, x)

    adam, other = (lambda p: T.Adam(p, lr=0.1)), (lambda p: Q.Adam(0.1, epsilon=1e-3, parameters=p))
    for models, makers in (((Left(), Right()), (adam, other)), ((Right(), Left()), (other, adam))):
        report = parity.compare(*models, (2, 5, 8), optimiser=makers)
        assert report.finding.cause == "optimiser.eps"
        assert "so the difference falls" in report.finding.explanation


def test_a_rule_of_the_users_own_is_held_to_the_same_steps() -> None:
    class Own(torch.optim.Optimizer):
        def __init__(self, parameters: Any, lr: float) -> None:
            super().__init__(parameters, {"lr": lr})

        def step(self, closure: Any = None) -> None:
            for group in self.param_groups:
                for parameter in group["params"]:
                    parameter.data.sub_(group["lr"] * parameter.grad.sign())

    signs = lambda p: Q.Rprop(0.1, (0.1, 0.1), p)  # noqa: E731
    assert compared(lambda p: Own(p, 0.1), signs, steps=1)
    report = compared(lambda p: Own(p, 0.2), signs, steps=1)
    assert report.finding.cause == "optimiser.learning_rate"
    assert "0.5 times as long for every tensor" in report.finding.explanation


def test_an_unseen_clip_counts_where_nothing_can_be_around_the_step() -> None:
    report = compared(lambda p: T.SGD(p, lr=0.1), paddle_clipped(PNN.ClipGradByGlobalNorm(1e6)))
    assert [f.cause for f in report.findings] == ["optimiser.clipping"]
    assert "training so far does not show it" in report.finding.explanation


def test_what_a_rule_that_is_not_known_does_is_no_cause() -> None:
    class Odd(T.SGD):
        def step(self, closure: Any = None) -> Any:
            super().step(closure)
            with torch.no_grad():
                self.param_groups[0]["params"][0].add_(0.1)

    report = compared(lambda p: Odd(p, lr=0.1), lambda p: Q.SGD(0.1, parameters=p))
    assert report.finding.cause is None
    assert "the optimisers' settings are the same, as far as read" in report.finding.explanation
