"""How the lab runs models: what it keeps, what it leaves alone, and the models' own dtype."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks.numerics import Comparison  # noqa: E402
from nlblocks.parity.judging.own_dtype import OwnDtype  # noqa: E402
from nlblocks.parity.running import Subject  # noqa: E402
from parity_tests.helpers.nets import SHAPE, compare, paddle_net, torch_net  # noqa: E402


class Rounded(torch.autograd.Function):
    """The identity; gradients pass through bfloat16, in a float32 model only."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return grad.bfloat16().float() if grad.dtype == torch.float32 else grad


def faulty_net(fault: str) -> Any:
    """Precision is lost in float32 alone, in the values or the gradients between two layers."""

    def between(x: Any) -> Any:
        if fault == "gradient":
            return Rounded.apply(x)
        return x.bfloat16().float() if fault == "value" and x.dtype == torch.float32 else x

    return torch_net(residual=False, between=between)


def test_a_pair_that_agrees_is_never_run_with_its_values_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, traces = [], []
    run = Subject.run

    def seen(self: Subject, **options: Any) -> Any:
        kept.append(options["keep"])
        traces.append(run(self, **options))
        return traces[-1]

    monkeypatch.setattr(Subject, "run", seen)
    assert compare(torch_net(), paddle_net())
    assert set(kept) == {"results", "digests"}
    assert all(len(trace.values) == len(trace.outputs) and not trace.grads for trace in traces)
    kept.clear()
    assert not compare(torch_net().double(), torch_net(), transfer=False)
    assert "values" in kept


def test_the_models_keep_their_weights_dtypes_and_gradients() -> None:
    left, right = torch_net(), paddle_net()
    left.eval()
    right.eval()
    left(torch.ones(SHAPE)).sum().backward()
    right(paddle.ones(SHAPE)).sum().backward()
    models = (left.named_parameters, right.named_parameters)
    before = [
        {n: (p.detach().numpy().copy(), p.grad.numpy().copy()) for n, p in model() if p.grad is not None}
        for model in models
    ]
    held = [(p.grad, before[1][n][1]) for n, p in right.named_parameters() if p.grad is not None]
    compare(left, right)
    assert held
    assert all(np.array_equal(gradient.numpy(), known) for gradient, known in held)  # what a user holds of it, too
    for model, known in zip(models, before, strict=True):
        for name, parameter in model():
            assert "float32" in str(parameter.dtype)
            if name not in known:
                continue
            assert np.array_equal(parameter.detach().numpy(), known[name][0])
            assert np.array_equal(parameter.grad.numpy(), known[name][1])
            assert known[name][1].any()


@pytest.mark.parametrize(("fault", "phase"), [("gradient", "float32 train"), ("value", "float32")])
def test_precision_lost_in_float32_alone_is_found_and_placed(fault: str, phase: str) -> None:
    report = compare(faulty_net(fault), paddle_net(residual=False))
    assert not report
    assert all(c.passed or c.accepted for c in report.comparisons if c.dtype == "float64")
    found = report.finding
    assert (found.phase, found.cause, found.place) == (phase, "precision.float32", "between")
    assert (found.after, found.before) == (("stem", "conv1"), ("norm", "bn1"))


def test_the_own_dtype_is_compared_in_training_too() -> None:
    report = compare(torch_net(), paddle_net())
    groups = {c.group for c in report.comparisons if c.phase == "float32 train"}
    assert groups == {"output", "grad_input", "grad_params", "buffers"}
    assert max(c.ratio for c in report.comparisons if c.phase.startswith("float32")) < 32


@pytest.mark.parametrize(
    ("elements", "shown", "excused", "said"), [(1, True, True, ""), (1, False, False, ""), (50, True, False, "50 of")]
)
def test_a_jump_is_excused_only_where_nudges_show_it_and_few_elements_move(
    elements: int, shown: bool, excused: bool, said: str
) -> None:
    mine, theirs = np.zeros(1000), np.zeros(1000)
    theirs[:elements] = 1.0
    comparer = Mock(jumping=Mock(return_value=(elements, shown)))
    found = Comparison.of(
        mine, theirs, phase="float32 train", group="grad_params", name="w", dtype="float32", noise=1e-7
    )
    runs = Mock(left=Mock(grad_params={"w": mine}), right=Mock(grad_params={"w": theirs}))
    pairs = Mock(mirrored=lambda right, left: Mock(beside=lambda name, own: (own, right[name]), known={}))
    notes, undecided = OwnDtype(comparer, Mock(pairs=pairs), {})._jump(runs, "float32 train", found)
    assert bool(notes) == excused
    assert all(note.severity == "note" for note in notes)
    assert said in undecided
    assert bool(undecided) == bool(said)
