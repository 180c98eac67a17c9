"""Losses are part of a model: right ones are the same, of wrong ones the setting is named; labels want no gradient."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks import parity  # noqa: E402
from nlblocks.errors import InputError  # noqa: E402
from nlblocks.parity.capturing import capture, load_capture  # noqa: E402
from nlblocks.parity.compare_captures import compare_captures  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:reduction. 'mean' divides:UserWarning")  # torch, of its own kl_div

F, PF = torch.nn.functional, paddle.nn.functional
Loss = Callable[..., Any]
DRAW = np.random.default_rng(1)
X = DRAW.normal(size=(4, 6))
SOFT, REAL = DRAW.dirichlet(np.ones(5), 4), DRAW.normal(size=(4, 5))
CLASSES, IGNORED = np.array([1, 0, 4, 2]), np.array([1, -100, 4, 2])
BITS, SIGNS = np.round(DRAW.random((4, 5))), np.sign(REAL)


class Torch(torch.nn.Module):
    def __init__(self, loss: Loss) -> None:
        super().__init__()
        self.fc, self.loss = torch.nn.Linear(6, 5), loss

    def forward(self, x: Any, *targets: Any) -> Any:
        return self.loss(self.fc(x), *targets)


class Paddle(paddle.nn.Layer):
    def __init__(self, loss: Loss) -> None:
        super().__init__()
        self.fc, self.loss = paddle.nn.Linear(6, 5), loss

    def forward(self, x: Any, *targets: Any) -> Any:
        return self.loss(self.fc(x), *targets)


def compared(left: Loss, right: Loss, *targets: Any, **options: Any) -> Any:
    return parity.compare(Torch(left), Paddle(right), (X, *targets), **options)


def kl(reduction: str) -> Loss:
    return lambda y, t: F.kl_div(y.log_softmax(1), t, reduction=reduction)


def paddle_kl(reduction: str) -> Loss:
    return lambda y, t: PF.kl_div(PF.log_softmax(y, 1), t, reduction=reduction)


def kl_by_hand(y: Any, t: Any) -> Any:
    return (t * (paddle.log(t) - PF.log_softmax(y, 1))).sum() / 4


def focal(y: Any, t: Any) -> Any:
    p = y.sigmoid()
    right = p * t + (1 - p) * (1 - t)
    each = F.binary_cross_entropy_with_logits(y, t, reduction="none") * (1 - right) ** 2
    return (each * (0.25 * t + 0.75 * (1 - t))).sum()


def weights(framework: Any, y: Any) -> Any:
    return framework.full([5], 2.0, dtype=y.dtype)


SAME: dict[str, tuple[Loss, Loss, Any]] = {
    "divergence": (kl("batchmean"), paddle_kl("batchmean"), SOFT),
    "divergence by hand": (kl("batchmean"), kl_by_hand, SOFT),
    "soft labels": (F.cross_entropy, lambda y, t: PF.cross_entropy(y, t, soft_label=True), SOFT),
    "classes": (lambda y, t: F.nll_loss(y.log_softmax(1), t), PF.cross_entropy, CLASSES),
    "bits": (
        F.binary_cross_entropy_with_logits, lambda y, t: PF.binary_cross_entropy(PF.sigmoid(y), t), BITS,
    ),
    "Huber": (F.huber_loss, PF.smooth_l1_loss, REAL),
    "hinges": (F.hinge_embedding_loss, PF.hinge_embedding_loss, SIGNS),
    "soft margins": (F.soft_margin_loss, PF.soft_margin_loss, SIGNS),
    "focal by hand": (focal, PF.sigmoid_focal_loss, BITS),
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_a_loss_that_is_right_is_the_same(name: str) -> None:
    left, right, target = SAME[name]
    report = compared(left, right, target)
    assert report, str(report)
    if target.dtype.kind == "f":
        assert report.not_compared == ["the gradient of input 1: a target, which a loss compares with"]


DIFFERENT: dict[str, tuple[Loss, Loss, Any, str, str]] = {
    "mean of a divergence": (
        kl("batchmean"), paddle_kl("mean"), SOFT, "loss.reduction", "reduction of kl_div",
    ),
    "sum of a divergence": (
        kl("mean"), paddle_kl("sum"), SOFT, "loss.reduction", "reduction of kl_div",
    ),
    "mean where the other is by hand": (
        kl("mean"), kl_by_hand, SOFT, "loss.reduction", "reduction of kl_div",
    ),
    "logarithms of the target": (
        lambda y, t: F.kl_div(y.log_softmax(1), t, reduction="sum", log_target=True), paddle_kl("sum"), SOFT,
        "loss.settings", "log target of kl_div",
    ),
    "smoothing": (
        lambda y, t: F.cross_entropy(y, t, label_smoothing=0.1), PF.cross_entropy, CLASSES,
        "loss.label_smoothing", "label smoothing of cross_entropy",
    ),
    "labels that are ignored": (
        F.cross_entropy, PF.cross_entropy, IGNORED, "loss.ignore_index", "all on",
    ),
    "another label that is ignored": (
        lambda y, t: F.nll_loss(y.log_softmax(1), t), lambda y, t: PF.nll_loss(PF.log_softmax(y), t, ignore_index=4),
        CLASSES, "loss.ignore_index", "ignore index of nll_loss",
    ),
    "positives on the left": (
        lambda y, t: F.binary_cross_entropy_with_logits(y, t, pos_weight=weights(torch, y)),
        PF.binary_cross_entropy_with_logits, BITS, "loss.weight", "pos_weight on one side only",
    ),
    "weights on the right": (
        F.binary_cross_entropy_with_logits,
        lambda y, t: PF.binary_cross_entropy_with_logits(y, t, weight=weights(paddle, y)),
        BITS, "loss.weight", "weight on one side only",
    ),
    "threshold": (
        lambda y, t: F.huber_loss(y, t, delta=0.5), PF.smooth_l1_loss, REAL, "loss.beta", "loss beta of",
    ),
    "SmoothL1 for Huber": (
        lambda y, t: F.smooth_l1_loss(y, t, beta=0.5), lambda y, t: PF.smooth_l1_loss(y, t, delta=0.5), REAL,
        "loss.beta", "scaled of smooth_l1",
    ),
    "margin": (
        F.hinge_embedding_loss, lambda y, t: PF.hinge_embedding_loss(y, t, margin=0.5), SIGNS,
        "loss.settings", "margin of hinge_embedding_loss",
    ),
    "mean for a sum by hand": (
        focal, lambda y, t: PF.sigmoid_focal_loss(y, t, reduction="mean"), BITS, "loss.reduction", "of focal_loss",
    ),
    "power": (
        focal, lambda y, t: PF.sigmoid_focal_loss(y, t, gamma=1.0), BITS,
        "loss.settings", "gamma of focal_loss",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DIFFERENT)
def test_the_setting_of_a_loss_is_the_cause(name: str) -> None:
    left, right, target, cause, words = DIFFERENT[name]
    report = compared(left, right, target)
    assert not report
    assert report.finding.cause == cause, str(report)
    assert words in report.finding.explanation


TIMES, LENGTHS = DRAW.normal(size=(9, 3, 6)), (np.array([9, 8, 9]), np.array([3, 2, 1]))
TEXT = DRAW.integers(1, 5, size=(3, 3))


def ctc(reduction: str) -> Loss:
    return lambda y, t, n, m: F.ctc_loss(y.log_softmax(2), t, n, m, reduction=reduction)


def ctc_of_all(y: Any, *rest: Any) -> Any:
    return PF.ctc_loss(y, *rest, reduction="none").mean()


@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize(
    ("left", "right", "cause"),
    [
        ("mean", lambda *given: PF.ctc_loss(*given), None),
        ("mean", ctc_of_all, "loss.reduction"),
        ("sum", lambda *given: PF.ctc_loss(*given), "loss.reduction"),
    ],
)
def test_ctc_in_integers_of_either_width(dtype: str, left: str, right: Loss, cause: str | None) -> None:
    report = parity.compare(Torch(ctc(left)), Paddle(right), (TIMES, TEXT.astype(dtype), *LENGTHS))
    assert bool(report) == (cause is None), str(report)
    assert cause in [finding.cause for finding in report.findings] or cause is None
    assert ("the right is given input 1 as int32" in str(report)) == (dtype == "int64")


def test_who_fails_on_integers_of_every_width_is_said_to() -> None:
    def failing(y: Any, t: Any) -> Any:
        raise ValueError("no")

    report = compared(F.cross_entropy, failing, CLASSES)
    assert report.finding.cause == "input.rejected"
    assert "is given" not in str(report)


def detached(y: Any, t: Any) -> Any:
    return kl_by_hand(y, t.detach())


def test_a_target_of_a_loss_by_hand_is_marked() -> None:
    plain: Loss = lambda y, t: (t * (t.log() - y.log_softmax(1))).sum() / 4  # noqa: E731
    assert compared(plain, detached, SOFT).finding.cause == "gradient.detached"
    assert compared(plain, detached, SOFT, targets=1)
    named = {"x": X, "targets": SOFT}
    for given in (named, (X, SOFT)):
        with pytest.raises(InputError, match=r"targets: 7 is no input; the inputs are (named|numbered)"):
            parity.compare(Torch(plain), Paddle(detached), given, targets=[1, 7])


def test_a_label_may_weigh_its_loss() -> None:
    def focal(y: Any, t: Any) -> Any:
        p = y.sigmoid()
        return (F.binary_cross_entropy_with_logits(y, t, reduction="none") * (t * (1 - p) + (1 - t) * p) ** 2).mean()

    def paddle_focal(y: Any, t: Any) -> Any:
        p = PF.sigmoid(y)
        return (PF.binary_cross_entropy_with_logits(y, t, reduction="none") * (t * (1 - p) + (1 - t) * p) ** 2).mean()

    assert compared(focal, paddle_focal, BITS)
    assert not compared(focal, lambda y, t: 2 * paddle_focal(y, t), BITS)


def test_a_teacher_that_is_trained_is_no_target() -> None:
    report = compared(
        lambda y: F.kl_div(y.log_softmax(1), (2 * y).softmax(1), reduction="sum"),
        lambda y: PF.kl_div(PF.log_softmax(y), PF.softmax(2 * y), reduction="sum"),
    )
    assert report.finding.cause == "gradient.detached"


def test_a_prediction_in_a_labels_place_makes_no_target_of_what_it_is_made_of() -> None:
    report = compared(lambda y, t: F.mse_loss(t, y), lambda y, t: PF.mse_loss(t, y), REAL)
    assert report, str(report)
    assert report.not_compared == []
    assert {c.name for c in report.comparisons if c.group == "grad_input"} == {"0", "1"}


def test_what_a_model_reads_besides_is_no_target() -> None:
    report = parity.compare(
        Torch(lambda y, t: F.mse_loss(y + t, t)), Paddle(lambda y, t: PF.mse_loss(y + t.detach(), t)), (X, REAL)
    )
    assert report.finding.cause == "gradient.detached"


def test_captures_know_their_targets(tmp_path: Path) -> None:
    left = capture(Torch(kl("batchmean")), (X, SOFT))
    assert left.targets == (1,)
    left.save(tmp_path / "left.safetensors")
    first = load_capture(tmp_path / "left.safetensors")
    assert compare_captures(first, capture(Paddle(paddle_kl("batchmean")), like=first))
    assert not compare_captures(first, capture(Paddle(paddle_kl("mean")), like=first))


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_margin_that_paddle_divides_by_the_classes_in_float32(p: int, reduction: str, weighted: bool) -> None:
    weight = np.linspace(0.5, 1.5, 5)

    def right(y: Any, t: Any, margin: float = 0.7, classes: Any = weight) -> Any:
        own = paddle.to_tensor(classes, y.dtype) if weighted else None
        return PF.multi_margin_loss(y, t, p=p, margin=margin, weight=own, reduction=reduction)

    def left(y: Any, t: Any) -> Any:
        own = torch.tensor(weight, dtype=y.dtype) if weighted else None
        return F.multi_margin_loss(y, t, p=p, margin=0.7, weight=own, reduction=reduction)

    assert compared(left, right, CLASSES, steps=0)
    report = compared(left, lambda y, t: right(y, t, 0.7 + 1e-5), CLASSES, steps=0)
    assert (report.verdict, report.finding.cause) == ("different", "loss.settings"), report


def test_an_epsilon_that_no_call_is_told_is_one_finding() -> None:
    def left(y: Any, t: Any) -> Any:
        return F.cosine_embedding_loss(y, y.flip(0), t)

    def right(y: Any, t: Any) -> Any:
        return PF.cosine_embedding_loss(y, y.flip(0), t)

    report = compared(left, right, np.array([1, -1, 1, 1]), steps=0)
    assert [finding.cause for finding in report.faults] == ["loss.settings"], report
