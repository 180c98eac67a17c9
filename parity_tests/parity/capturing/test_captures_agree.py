"""A pair gets one verdict: live, from captures in memory, and from captures in files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks import parity  # noqa: E402
from nlblocks.parity.capturing import capture, load_capture  # noqa: E402
from nlblocks.parity.compare_captures import compare_captures  # noqa: E402

nn, pnn = torch.nn, paddle.nn
SHAPE = (6, 4)
ACCEPT = ("batch_norm.variance",)


class Net(nn.Module):
    """Linear, BatchNorm, what is between, Linear."""

    def __init__(self, between: Callable[[Any, Any], Any] = lambda model, x: x, **norm: Any) -> None:
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(4, 5), nn.BatchNorm1d(5, **norm), nn.Linear(5, 3)
        self.between = between

    def forward(self, x: Any) -> Any:
        return self.last(self.between(self, self.norm(self.first(x))))


class Dropping(nn.Module):
    """Dropout over [N, C], before or after the rows of the input are merged."""

    def __init__(self, *, merged: bool) -> None:
        super().__init__()
        self.fc, self.drop, self.merged = nn.Linear(4, 3), nn.Dropout(0.5), merged

    def forward(self, x: Any) -> Any:
        flat = x.reshape(-1, 4)
        return self.fc(self.drop(flat)) if self.merged else self.fc(self.drop(x).reshape(-1, 4))


class Gated(nn.Module):
    """A gate that starts at zero, and one more that nobody else has."""

    def __init__(self, *, extra: bool = False) -> None:
        super().__init__()
        self.fc, self.gate = nn.Linear(4, 4), nn.Parameter(torch.zeros(1))
        self.extra = nn.Parameter(torch.ones(4)) if extra else None

    def forward(self, x: Any) -> Any:
        y = x + self.gate * torch.tanh(self.fc(x))
        return y if self.extra is None else y * self.extra


def paddle_net() -> Any:
    return pnn.Sequential(pnn.Linear(4, 5), pnn.BatchNorm1D(5), pnn.Linear(5, 3))


def raising(when: Callable[[Any, Any], bool]) -> Callable[[Any, Any], Any]:
    def between(model: Any, x: Any) -> Any:
        if when(model, x):
            raise ValueError("not here")
        return x

    return between


def thrice(model: Any, x: Any) -> Any:
    """The same values with three times the gradient, behind an operation that overwrites its input."""
    y = torch.relu_(x * 1.0)
    return y + (y - y.detach()) * 2.0


def rounded(model: Any, x: Any) -> Any:
    return x.bfloat16().float() if x.dtype == torch.float32 else x


def frozen() -> Any:
    net = Net()
    net.last.weight.requires_grad_(False)
    return net


PAIRS: dict[str, tuple[Callable[[], Any], Callable[[], Any], dict[str, Any]]] = {
    "right": (Net, paddle_net, {}),
    "right, three steps": (Net, Net, {"optimiser": "adam"}),
    "right, evaluation only": (Net, Net, {"training": False}),
    "gates at zero": (Gated, Gated, {}),
    "dropout on merged axes": (lambda: Dropping(merged=False), lambda: Dropping(merged=True), {"shape": (3, 2, 4)}),
    "float64 beside float32": (lambda: Net().double(), Net, {}),
    "eps": (Net, lambda: Net(eps=1e-3), {}),
    "momentum": (Net, lambda: Net(momentum=0.5), {}),
    "a parameter more": (Gated, lambda: Gated(extra=True), {}),
    "three times the gradient": (lambda: Net(lambda m, x: torch.relu(x)), lambda: Net(thrice), {}),
    "frozen": (Net, frozen, {}),
    "precision": (Net, lambda: Net(rounded), {}),
    "raises in training": (Net, lambda: Net(raising(lambda m, x: m.training)), {}),
    "raises in evaluation": (Net, lambda: Net(raising(lambda m, x: not m.training)), {}),
    "no float64": (Net, lambda: Net(raising(lambda m, x: x.dtype == torch.float64)), {}),
    "no float64, and a fault": (
        lambda: Net(lambda m, x: x * 1.5), lambda: Net(raising(lambda m, x: x.dtype == torch.float64)), {},
    ),
    "no float32": (Net, lambda: Net(raising(lambda m, x: x.dtype == torch.float32)), {}),
    "weight decay": (Net, Net, {"optimiser": ("sgd", "sgd:weight_decay=0.5")}),
}  # fmt: skip
BEHIND = ("what follows", "the training pass, because", "where the outputs part")
"""What a capture cannot show, for it cannot be run again: how what is not compared begins there."""


def said(report: Any) -> list[tuple[Any, ...]]:
    faults = [(f.phase, f.cause, f.layer_left, f.layer_right, f.place) for f in report.findings if not f.rank]
    return sorted(faults, key=str)


@pytest.mark.parametrize("name", PAIRS)
def test_one_verdict_however_it_is_come_by(name: str, tmp_path: Path) -> None:
    torch.manual_seed(3)
    left, right, options = PAIRS[name]
    shape, models = options.get("shape", SHAPE), (left(), right())
    options = {key: value for key, value in options.items() if key != "shape"}
    live = parity.compare(*models, shape, accept=ACCEPT, **options)
    rules = options.get("optimiser")
    rules = rules if isinstance(rules, tuple) else (rules, rules)
    rest = {key: value for key, value in options.items() if key != "optimiser"}
    first = capture(models[0], shape, optimiser=rules[0], **rest)
    second = capture(models[1], like=first, optimiser=rules[1], **rest)
    for side, made in (("a", first), ("b", second)):
        made.save(tmp_path / f"{side}.safetensors")
    files = [load_capture(tmp_path / f"{side}.safetensors") for side in "ab"]
    memory, read = compare_captures(first, second, accept=ACCEPT), compare_captures(*files, accept=ACCEPT)
    assert str(read).partition("\n")[2] == str(memory).partition("\n")[2]
    for found in (memory, read):
        assert found.verdict == live.verdict, f"{live}\n{found}"
        assert found.undecided == live.undecided
        assert said(found) == said(live), f"{live}\n{found}"
        unheld = {text for text in found.not_compared if text.endswith("which a capture does not hold")}
        assert bool(unheld) == (not options.get("training", True))
        assert [t for t in found.not_compared if not t.startswith(BEHIND) and t not in unheld] == [
            t for t in live.not_compared if not t.startswith(BEHIND)
        ]
        if live.verdict == "same":
            assert found.not_compared == [*live.not_compared, *found.not_compared[len(live.not_compared) :]]
            assert {(c.phase, c.group, c.name) for c in found.comparisons} == {
                (c.phase, c.group, c.name) for c in live.comparisons
            }


def test_the_pairs_are_right_and_faulty() -> None:
    """Or nothing above would tell one from the other."""
    verdicts = set()
    for name in ("right, evaluation only", "eps", "no float64"):
        left, right, options = PAIRS[name]
        verdicts.add(parity.compare(left(), right(), SHAPE, **options).verdict)
    assert verdicts == {"same", "different", "not compared"}


def test_nothing_of_a_capture_is_lost_in_its_file(tmp_path: Path) -> None:
    """Field by field, to the bit: what float32 holds is written as that, and comes back as it was."""
    made = capture(Net(thrice), SHAPE, optimiser="adam")
    made.save(tmp_path / "a.safetensors")
    back = load_capture(tmp_path / "a.safetensors")
    for name in type(made).__dataclass_fields__:
        mine, theirs = getattr(made, name), getattr(back, name)
        if name == "traces":
            for mode, trace in mine.items():
                for field in type(trace).__dataclass_fields__:
                    np.testing.assert_equal(getattr(theirs[mode], field), getattr(trace, field), f"{mode} {field}")
        elif name == "history":
            assert (theirs.optimiser, theirs.error) == (mine.optimiser, mine.error)
            assert (theirs.told.settings, theirs.told.whole) == (mine.told.settings, mine.told.whole)
            np.testing.assert_equal(theirs.told.gradients, mine.told.gradients)
            np.testing.assert_equal(theirs.states, mine.states)
        else:
            np.testing.assert_equal(theirs, mine, name)
    assert {trace.values[0].dtype for trace in back.traces.values() if trace.whole} == {np.dtype(np.float64)}
