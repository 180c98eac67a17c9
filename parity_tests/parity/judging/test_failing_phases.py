"""A model or an optimiser that raises in one phase: what could be compared is, and the rest is said to be open."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks import parity  # noqa: E402
from nlblocks.errors import InputError  # noqa: E402

SHAPE = (6, 4)
Between = Callable[[Any, Any], Any]


class Torch(torch.nn.Module):
    """Linear, BatchNorm, what is between, Linear."""

    def __init__(self, between: Between = lambda model, x: x, eps: float = 1e-5) -> None:
        super().__init__()
        self.first, self.norm, self.last = (
            torch.nn.Linear(4, 5),
            torch.nn.BatchNorm1d(5, eps=eps),
            torch.nn.Linear(5, 3),
        )
        self.between = between

    def forward(self, x: Any) -> Any:
        return self.last(self.between(self, self.norm(self.first(x))))


class Paddle(paddle.nn.Layer):
    def __init__(self, between: Between = lambda model, x: x) -> None:
        super().__init__()
        self.first, self.norm, self.last = paddle.nn.Linear(4, 5), paddle.nn.BatchNorm1D(5), paddle.nn.Linear(5, 3)
        self.between = between

    def forward(self, x: Any) -> Any:
        return self.last(self.between(self, self.norm(self.first(x))))


def raising(error: Exception, when: Callable[[Any, Any], bool] = lambda model, x: True) -> Between:
    def between(model: Any, x: Any) -> Any:
        if when(model, x):
            raise error
        return x

    return between


def in_float64(model: Any, x: Any) -> bool:
    return "float64" in str(x.dtype)


def in_float32(model: Any, x: Any) -> bool:
    return "float32" in str(x.dtype)


class Back(torch.autograd.Function):
    """The identity, whose gradient cannot be had where ``when`` says so."""

    @staticmethod
    def forward(ctx: Any, x: Any, when: Callable[[Any, Any], bool]) -> Any:
        ctx.when = when
        return x.clone()

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        if ctx.when(None, grad):
            raise ValueError("no gradient here")
        return grad, None


def compared(left: Any, right: Any, **options: Any) -> Any:
    return parity.compare(left, right, SHAPE, **{"accept": ("batch_norm.variance",), **options})


def phases(report: Any) -> set[str]:
    """Those in which tensors were compared; all of them must agree, or be accepted."""
    assert all(c.passed or c.accepted for c in report.comparisons), str(report)
    return {c.phase for c in report.comparisons}


def open_(report: Any) -> str:
    """What was left open, where that is all that is to be said."""
    assert report.verdict == "not compared", str(report)
    assert not report.faults, str(report)
    return "\n".join(report.undecided)


FLOAT32 = {"float32", "float32 train"}
FLOAT64 = {"eval forward", "train forward", "buffers", "backward"}


@pytest.mark.parametrize("side", ["left", "right", "both"])
def test_what_has_no_float64_is_compared_in_float32(side: str) -> None:
    fails = raising(RuntimeError("no kernel for Double"), in_float64)
    left = Torch() if side == "right" else Torch(fails)
    right = Paddle(fails) if side == "right" else Torch() if side == "left" else Torch(fails)
    report = compared(left, right)
    said = open_(report)
    assert "the evaluation pass in float64 and the training pass in float64, because" in said
    if side == "both":
        assert "both fail" in said
    else:
        assert re.search(rf"the {side} fails: RuntimeError: no kernel for Double \(\S+\.py:\d+\); it runs", said)
    assert phases(report) == {*FLOAT32, "buffers"}
    assert len(report.pairing.pairs) == 3
    if side == "right":
        assert [f.cause for f in compared(left, right, accept=()).faults] == ["batch_norm.variance"]


@pytest.mark.parametrize(
    ("fault", "cause"), [({"between": lambda model, x: x * 1.1}, "scale.missing"), ({"eps": 1e-3}, "batch_norm.eps")]
)
def test_float32_alone_still_finds_a_fault(fault: dict[str, Any], cause: str) -> None:
    report = compared(Torch(**fault), Torch(raising(RuntimeError("no kernel for Double"), in_float64)))
    assert report.verdict == "different", str(report)
    assert report.finding.cause == cause, str(report)
    assert "float64 agrees" not in str(report)


def test_what_fails_in_its_own_dtype_alone_was_compared_in_float64() -> None:
    report = compared(Torch(), Torch(raising(ValueError("too few bits"), in_float32)))
    said = open_(report)
    assert "the evaluation pass in float32 and the training pass in float32, because the right fails" in said
    assert phases(report) == FLOAT64
    assert report.steps


@pytest.mark.parametrize("both", [False, True])
def test_what_fails_in_evaluation_is_compared_in_training(both: bool) -> None:
    fails = raising(ValueError("train me"), lambda model, x: not model.training)
    report = compared(Torch(fails) if both else Torch(), Torch(fails))
    assert phases(report) >= FLOAT64 - {"eval forward"}, str(report)
    if both:
        assert "both fail" in open_(report)
    else:
        (fault,) = report.faults
        assert (fault.phase, fault.cause) == ("eval forward", "input.rejected")
        assert "the right fails: ValueError: train me" in fault.explanation


@pytest.mark.parametrize("both", [False, True])
def test_what_fails_in_training_is_compared_in_evaluation(both: bool) -> None:
    fails = raising(ValueError("never train"), lambda model, x: model.training)
    report = compared(Torch(fails) if both else Torch(), Torch(fails), optimiser="adam")
    assert phases(report) == ({"eval forward", "float32"} if both else {"eval forward"})
    if both:
        assert "--eval-only" in open_(report)
        assert report.not_compared == ["steps of training, because the gradients could not be judged"]
    else:
        (fault,) = report.faults
        assert (fault.phase, fault.cause) == ("train forward", "input.rejected")


@pytest.mark.parametrize("kind", [MemoryError, NotImplementedError])
def test_what_the_machine_lacks_is_no_fault(kind: type[Exception]) -> None:
    report = compared(Torch(), Torch(raising(kind("no more"), lambda model, x: model.training)))
    assert f"the right fails: {kind.__name__}: no more" in open_(report)
    assert phases(report) == {"eval forward", "float32"}


@pytest.mark.parametrize(
    "text", ["DefaultCPUAllocator: can't allocate memory: 8 TB", "\"x\" not implemented for 'Half'"]
)
def test_what_torch_lacks_is_no_fault(text: str) -> None:
    report = compared(Torch(), Torch(raising(RuntimeError(text))))
    assert text in open_(report)
    assert not report.comparisons
    assert "NOTHING WAS COMPARED" in str(report)


def test_a_backward_pass_that_raises_leaves_the_forward_pass_compared() -> None:
    always = Torch(lambda model, x: Back.apply(x, lambda *_: True))
    report = compared(Torch(), always)
    (fault,) = report.faults
    assert (fault.phase, fault.cause) == ("backward", "input.rejected")
    assert phases(report) == FLOAT64 - {"backward"}
    report = compared(always, always)
    assert "the gradients in float64 and the gradients in float32, because both fail" in open_(report)
    report = compared(Torch(lambda model, x: Back.apply(x, in_float64)), Torch())
    said = r"the gradients in float64, because the left fails: ValueError: no gradient here \(\S+\.py:\d+\); it runs"
    assert re.search(said, open_(report))
    assert phases(report) == {*FLOAT64, *FLOAT32} - {"backward"}
    assert any(c.phase == "float32 train" and c.group == "grad_params" for c in report.comparisons)


def test_a_shape_that_does_not_fit_is_one_fault_and_nothing_follows_from_it() -> None:
    report = compared(Torch(), Torch(lambda model, x: x.reshape(3, 10)))
    (fault,) = report.faults
    assert (fault.cause, fault.phase, fault.layer_right) == ("input.rejected", "eval forward", "last")
    assert not any(f.phase == "pairing" for f in report.findings), str(report)
    report = compared(Torch(raising(ValueError("no"))), Paddle())
    assert [f.cause for f in report.faults] == ["input.rejected"]
    assert not any(f.phase == "pairing" for f in report.findings), str(report)


def test_no_output_on_one_side_is_a_fault() -> None:
    class Nothing(Torch):
        def forward(self, x: Any) -> Any:
            super().forward(x)

    (fault,) = compared(Torch(), Nothing()).faults
    assert "the right fails: Nothing returned NoneType, which holds no tensor" in fault.explanation
    with pytest.raises(InputError, match="both models fail"):
        compared(Nothing(), Nothing())


@pytest.mark.parametrize("hook", ["forward", "gradient"])
def test_a_hook_that_raises_is_the_models_own(hook: str) -> None:
    right = Torch()

    def fail(*_: Any) -> Any:
        raise ValueError("hooked")

    if hook == "forward":
        right.norm.register_forward_hook(fail)
    else:
        right.norm.weight.register_hook(fail)
    (fault,) = compared(Torch(), right).faults
    assert fault.cause == "input.rejected"
    assert "ValueError: hooked" in fault.explanation


def test_what_fails_once_is_said_and_compared() -> None:
    runs: list[int] = []

    def once(model: Any, x: Any) -> Any:
        runs.append(1)
        if len(runs) == 2:
            raise RuntimeError("out of luck")
        return x

    report = compared(Torch(), Torch(once))
    assert report, str(report)
    assert phases(report) == {*FLOAT64, *FLOAT32}
    assert "in one run, and not in the next, the right fails: RuntimeError: out of luck" in str(report)


class Stopping(torch.optim.SGD):
    """Steps once."""

    def step(self, closure: Any = None) -> Any:
        if self.param_groups[0].setdefault("steps", 0):
            raise RuntimeError("that is enough")
        self.param_groups[0]["steps"] += 1
        return super().step(closure)


def test_an_optimiser_that_raises_leaves_everything_before_it() -> None:
    good, stopping = (lambda p: torch.optim.SGD(p, lr=0.1)), (lambda p: Stopping(p, lr=0.1))
    for left, right, side in ((stopping, good, "left"), (good, stopping, "right")):
        report = compared(Torch(), Torch(), optimiser=(left, right))
        assert f"training from step 2 on, because on the {side} training raises RuntimeError: that is" in open_(report)
        assert [step for step, *_ in report.steps] == [1]
        assert phases(report) == {*FLOAT64, *FLOAT32}
    report = compared(Torch(), Torch(), optimiser=(good, lambda p: 1 / 0))
    assert "training from step 1 on, because on the right the optimiser raises ZeroDivisionError" in open_(report)
    assert phases(report) == {*FLOAT64, *FLOAT32}
    report = compared(Torch(), Torch(), optimiser=(lambda p: torch.optim.SGD(p, lr=0.2), stopping))
    assert report.finding.cause == "optimiser.learning_rate"


def test_who_stops_a_comparison_stops_it() -> None:
    for phase in (lambda model, x: True, lambda model, x: model.training, in_float32):
        model = Torch(raising(KeyboardInterrupt(), phase))  # type: ignore[arg-type]
        with pytest.raises(KeyboardInterrupt):
            compared(Torch(), model)
        assert model.first.weight.dtype == torch.float32
        assert torch.get_default_dtype() == torch.float32
