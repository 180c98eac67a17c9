"""How the lab runs models: what it keeps, what it leaves alone, and the models' own dtype."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks import parity  # noqa: E402
from nlblocks.numerics.difference import measure  # noqa: E402
from nlblocks.numerics.ulp import nudged  # noqa: E402
from nlblocks.parity.findings.comparison import Comparison  # noqa: E402
from nlblocks.parity.findings.report import LabReport  # noqa: E402
from nlblocks.parity.judging.judge import Judge  # noqa: E402
from nlblocks.parity.pairing.pair import Pairing, pair  # noqa: E402
from nlblocks.parity.pairing.transfer import mirrored, moved  # noqa: E402
from nlblocks.parity.recording.rounding import Rounding  # noqa: E402
from nlblocks.parity.running.passes import Runs  # noqa: E402
from nlblocks.parity.running.subject import Subject  # noqa: E402
from nlblocks.parity.tracing.digest import digest  # noqa: E402

SHAPE = (2, 3, 16, 16)


class Rounded(torch.autograd.Function):
    """The identity; gradients pass through bfloat16, in a float32 model only."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        return grad.bfloat16().float() if grad.dtype == torch.float32 else grad


def torch_net(fault: str = "") -> Any:
    from torch import nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(3, 8, 3, padding=1)
            self.norm = nn.BatchNorm2d(8)
            self.conv = nn.Conv2d(8, 8, 3)
            self.fc = nn.Linear(8, 4)

        def forward(self, x: Any) -> Any:
            x = self.norm(self.stem(x))
            if fault == "gradient":
                x = Rounded.apply(x)
            if fault == "value" and x.dtype == torch.float32:
                x = x.bfloat16().float()
            return self.fc(torch.relu(self.conv(x)).mean((2, 3)))

    return Net()


def paddle_net() -> Any:
    from paddle import nn

    class Net(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.conv1 = nn.Conv2D(3, 8, 3, padding=1)
            self.bn = nn.BatchNorm2D(8)
            self.conv2 = nn.Conv2D(8, 8, 3)
            self.head = nn.Linear(8, 4)

        def forward(self, x: Any) -> Any:
            return self.head(nn.functional.relu(self.conv2(self.bn(self.conv1(x)))).mean([2, 3]))

    return Net()


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)
    paddle.seed(0)


def compare(left: Any, right: Any, **options: Any) -> Any:
    return parity.compare(left, right, SHAPE, accept=("batch_norm.variance",), **options)


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
    assert not compare(torch_net("value").double(), torch_net(), transfer=False)
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
    compare(left, right)
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
    report = compare(torch_net(fault), paddle_net())
    assert not report
    assert all(c.passed or c.accepted for c in report.comparisons if c.dtype == "float64")
    found = report.finding
    assert (found.phase, found.cause, found.place) == (phase, "precision.float32", "between")
    assert (found.after, found.before) == (("norm", "bn"), ("conv", "conv2"))


def test_the_own_dtype_is_compared_in_training_too() -> None:
    report = compare(torch_net(), paddle_net())
    groups = {c.group for c in report.comparisons if c.phase == "float32 train"}
    assert groups == {"output", "grad_input", "grad_params", "buffers"}
    assert max(c.ratio for c in report.comparisons if c.phase.startswith("float32")) < 32


def test_a_digest_tells_tensors_apart() -> None:
    x = np.random.default_rng(0).normal(size=(3, 40, 50))
    mine = digest(x)
    assert mine.meets(digest(x * (1 + 1e-15)), 1e-12)
    assert mine.meets(digest(x.transpose(0, 2, 1)), 1e-12)
    assert mine.meets(digest(x.reshape(-1)), 1e-12)
    assert not mine.meets(digest(x * (1 + 1e-6)), 1e-9)
    assert not mine.meets(digest(x + 1e-6), 1e-9)
    assert not mine.meets(digest(np.flip(x, 1)), 1e-9)
    assert not mine.meets(digest(x[:2]), 1e-9)


def test_a_nudge_moves_by_one_unit_and_leaves_zero() -> None:
    x = np.array([0.0, 1.0, -3.0, 1e-3] * 50)
    for dtype in ("float64", "float32"):
        moved_x = nudged(x, 0, "x", dtype)
        own = x.astype(dtype)
        assert moved_x.dtype == dtype
        assert (moved_x[::4] == 0).all()
        assert (np.abs(moved_x - own)[own != 0] > 0).all()
        assert (np.abs(moved_x - own) <= np.spacing(np.abs(own))).all()


def test_weights_move_as_views_and_come_back() -> None:
    subjects = [Subject(model, (np.zeros(SHAPE),), 0, Rounding()) for model in (torch_net(), paddle_net())]
    pairing = pair(*(subject.probe() for subject in subjects))
    left, right = (subject.own for subject in subjects)
    state = moved(pairing, left, right)
    assert np.shares_memory(state["head.weight"], left["fc.weight"])
    assert np.array_equal(state["head.weight"], left["fc.weight"].T)
    back = mirrored(pairing, state, left)
    assert set(back) == set(left)
    assert all(np.array_equal(back[name], left[name]) for name in left)


@pytest.mark.parametrize(("elements", "swing", "excused"), [(1, 1.0, True), (1, 1e-3, False), (50, 1.0, False)])
def test_a_jump_is_excused_only_where_nudges_show_it_and_few_elements_move(
    elements: int, swing: float, excused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, theirs = np.zeros(1000), np.zeros(1000)
    theirs[:elements] = 1.0
    report = LabReport(left="", right="", pairing=Pairing(), seed=0, shapes=())
    judge = Judge(report, Runs(run=Mock(), noise=Mock()), Runs(run=Mock(), noise=Mock()), Pairing(), 0)
    monkeypatch.setattr("nlblocks.parity.judging.judge.mirrored", lambda pairs, right, left: right)
    monkeypatch.setattr(judge.scales, "swing", lambda *_: swing)
    found = Comparison(
        phase="float32 train", group="grad_params", name="w", dtype="float32",
        difference=measure(mine, theirs), noise=1e-7, passed=False,
    )  # fmt: skip
    report.comparisons.append(found)
    runs = Mock(left=Mock(grad_params={"w": mine}), right=Mock(grad_params={"w": theirs}))
    assert judge._jumps(runs, "float32 train", "w") == found.accepted == excused
    assert len(report.findings) == excused
    assert not report.faults
