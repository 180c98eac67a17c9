"""Whatever a run does, and however it ends: the model and the process are as they were before it."""

from __future__ import annotations

import copy
import pickle
import random
import sys
import threading
from collections import OrderedDict, deque
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks import parity  # noqa: E402
from nlblocks.parity.running import Subject  # noqa: E402

FRAMEWORKS = ("torch", "paddle")
SHAPE = (2, 4)


class Book:
    """Something of the user's own that a model keeps."""

    __slots__ = ("pages",)

    def __init__(self) -> None:
        self.pages: Any = []


class Keeping:
    """What both frameworks' models share: a forward that leaves something everywhere, and then may end badly."""

    calls = 0

    def keep(self) -> None:
        self.log: Any = [1]
        self.table: Any = OrderedDict(a=1, b=[2])
        self.recent: Any = deque([0], maxlen=3)
        self.seen: Any = {"x"}
        self.notes: Any = SimpleNamespace(count=0)
        self.book: Any = Book()
        self.counts = np.zeros(2)
        self.draws = np.random.RandomState(3)
        self.dice = random.Random(4)
        self.later: Any = iter([1, 2, 3] * 99)
        self.end: type[BaseException] | None = None

    def leave(self, x: Any, y: Any) -> None:
        self.attention = y * 2
        self.log.append(y)
        self.table["c"] = x
        self.table["b"].append(y)
        self.table.move_to_end("a")
        self.recent.append(y)
        self.seen.add("y")
        self.notes.count += 1
        self.book.pages.append(y)
        self.book.pages = [y]
        self.counts += 1
        self.cache[0] += 1
        self.draws.rand()
        self.dice.random()
        type(self).calls += 1
        np.random.rand()  # noqa: NPY002  (the global generator is what it is about)
        random.random()
        if self.end is not None:
            raise self.end("in forward")


class TorchModel(Keeping, torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = torch.nn.Linear(4, 4)
        self.cache: Any = [torch.zeros(1)]
        self.keep()

    def forward(self, x: Any) -> Any:
        y = self.fc(x)
        self.leave(x, y)
        self.eval()
        self.fc.weight.requires_grad_(False).requires_grad_(True)
        self.fc.weight.register_hook(lambda g: None)
        self.fc.bias.requires_grad_(False)
        self.register_buffer("new", y.detach())
        torch.rand(1)
        return torch.relu(y)


class PaddleModel(Keeping, paddle.nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.fc = paddle.nn.Linear(4, 4)
        self.cache: Any = [paddle.zeros([1])]
        self.keep()

    def forward(self, x: Any) -> Any:
        y = self.fc(x)
        self.leave(x, y)
        self.eval()
        self.fc.bias.stop_gradient = True
        self.register_buffer("new", y.detach())
        paddle.rand([1])
        return paddle.nn.functional.relu(y)


MODELS: dict[str, Any] = {"torch": TorchModel, "paddle": PaddleModel}


def held(model: Any) -> Any:
    """All of it, by value: nothing in it may change."""

    def plain(value: Any) -> Any:
        if isinstance(value, (torch.Tensor, paddle.Tensor)):
            return str(value.dtype), value.detach().numpy().tolist()
        if isinstance(value, dict):
            return [(str(key), plain(item)) for key, item in value.items()]
        if isinstance(value, list | tuple | deque):
            return [plain(item) for item in value]
        if isinstance(value, SimpleNamespace):
            return plain(vars(value))
        if isinstance(value, Book):
            return plain(value.pages)
        if isinstance(value, np.ndarray):
            return value.tolist()
        if isinstance(value, np.random.RandomState):
            return repr(value.get_state())
        if isinstance(value, random.Random):
            return value.getstate()
        return sorted(value) if isinstance(value, set) else value if isinstance(value, bool | int | str) else None

    parts = model.sublayers(include_self=True) if hasattr(model, "sublayers") else list(model.modules())
    wanted = [
        getattr(p, "requires_grad", None) if hasattr(p, "_version") else p.stop_gradient for p in model.parameters()
    ]
    hooks = [len(getattr(p, "_backward_hooks", None) or ()) for p in model.parameters()]
    grads = [None if p.grad is None else plain(p.grad) for p in model.parameters()]
    return [plain(vars(part)) for part in parts], wanted, hooks, grads, type(model).calls


def process() -> Any:
    return (
        repr(np.random.mtrand._rand.get_state()), random.getstate(),
        torch.get_rng_state().tolist(), str(torch.get_default_dtype()),
        str(paddle.get_rng_state()[0]).split()[4:], paddle.get_default_dtype(), torch.is_grad_enabled(),
        paddle.is_grad_enabled(),
    )  # fmt: skip


def functions() -> list[Any]:
    F = paddle.nn.functional
    return [
        *(vars(home)[name] for home in (paddle, F, paddle._C_ops, paddle._legacy_C_ops) for name in sorted(vars(home))),
        *(vars(paddle.Tensor).get(name) for name in sorted(dir(paddle.Tensor))),
        *(f.__code__ for home in (paddle, F) for f in vars(home).values() if hasattr(f, "__code__")),
    ]  # fmt: skip


@pytest.mark.parametrize("end", [None, RuntimeError, KeyboardInterrupt], ids=["well", "raising", "interrupted"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_model_and_the_process_are_as_they_were(framework: str, end: type[BaseException] | None) -> None:
    model, other = MODELS[framework](), MODELS[framework]()
    loss = model.fc(torch.ones(1, 4) if framework == "torch" else paddle.ones([1, 4])).sum()
    loss.backward()
    model.end = end
    model.train()
    before, outside, paddles = held(model), process(), functions()
    if end is KeyboardInterrupt:
        with pytest.raises(KeyboardInterrupt):
            parity.compare(model, other, SHAPE)
    else:
        report = parity.compare(model, other, SHAPE)
        assert report if end is None else not report
        lost = [f for f in report.findings if "could not be put back: attribute later" in f.explanation]
        assert not lost, "the iterator was not touched"
    assert held(model) == before
    assert process() == outside
    assert all(a is b for a, b in zip(functions(), paddles, strict=True))
    if end is None and framework == "torch":
        del model.later
        assert copy.deepcopy(model).fc.weight.dtype == torch.float32
        pickle.dumps(model.state_dict())


class Ending(torch.autograd.Function):
    """Passes values, and is interrupted on the way back."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        raise KeyboardInterrupt


def interrupted(where: str, model: Any) -> dict[str, Any]:
    """What has a comparison of the model interrupted there."""
    if where == "hook":
        model.register_forward_hook(lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    if where == "backward":
        model.register_forward_hook(lambda module, args, out: Ending.apply(out))
    if where != "step":
        return {}

    class Optimiser(torch.optim.SGD):
        def step(self, closure: Any = None) -> Any:
            super().step()
            raise KeyboardInterrupt

    return {"optimiser": (lambda p: Optimiser(p, lr=0.1), "sgd")}


@pytest.mark.parametrize("where", ["hook", "backward", "step"])
def test_an_interruption_leaves_nothing_wherever_it_comes(where: str) -> None:
    model, other = torch.nn.Linear(4, 4), torch.nn.Linear(4, 4)
    options = interrupted(where, model)
    before, outside = {n: v.clone() for n, v in model.state_dict().items()}, process()
    with pytest.raises(KeyboardInterrupt):
        parity.compare(model, other, SHAPE, **options)
    assert all(torch.equal(v, before[n]) and v.dtype == before[n].dtype for n, v in model.state_dict().items())
    assert [p.grad for p in model.parameters()] == [None, None]
    assert process() == outside


def test_what_cannot_be_put_back_is_said() -> None:
    class Reading(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = torch.nn.Linear(4, 4)
            self.batches = iter(range(1000))

        def forward(self, x: Any) -> Any:
            next(self.batches)
            return self.fc(x)

    report = parity.compare(Reading(), torch.nn.Sequential(OrderedDict(fc=torch.nn.Linear(4, 4))), SHAPE)
    assert report
    said = [f.explanation for f in report.findings if f.severity == "note"]
    assert said == ["could not be put back on the left: attribute batches of Reading"]


def test_comparisons_in_two_threads_wait_for_each_other() -> None:
    found: list[Any] = []
    linear = paddle.nn.Linear(4, 4)

    def judge(left: Any, right: Any) -> None:
        found.append(bool(parity.compare(left, right, SHAPE)))

    def call() -> None:
        found.append(paddle.nn.functional.relu(linear(paddle.ones([1, 4]))).numpy().dtype == np.float32)

    class Slow(paddle.nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.fc = paddle.nn.Linear(4, 4)

        def forward(self, x: Any) -> Any:
            beside = threading.Thread(target=lambda: paddle.ones([3, 3]).exp().matmul(paddle.ones([3, 3])))
            beside.start()
            beside.join()
            return self.fc(x)

    pairs = [(kind(), kind()) for kind in (Slow, TorchModel, Slow)]
    before, outside = functions(), process()
    threads = [threading.Thread(target=judge, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    call()
    assert found == [True] * 4
    assert all(a is b for a, b in zip(functions(), before, strict=True))
    assert process() == outside
    probe = Subject.alone(Slow(), SHAPE, 0).structure(training=False)
    assert [op.kind for op in probe.ops] == ["linear"], "what another thread calls is not the model's"


def test_a_comparison_inside_a_forward_is_no_part_of_it() -> None:
    class Judging(paddle.nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.fc = paddle.nn.Linear(4, 4)

        def forward(self, x: Any) -> Any:
            pair = paddle.nn.Linear(4, 4), torch.nn.Linear(4, 4)
            assert parity.compare(*pair, SHAPE, training=False)
            return self.fc(x)

    trace = Subject.alone(Judging(), SHAPE, 0).structure(training=False)
    assert not trace.error
    assert sum(op.kind == "linear" for op in trace.ops) == 1


def test_what_took_a_stand_in_during_a_run_is_given_the_original(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "imported_late.py").write_text("from paddle._C_ops import relu\nTABLE = {'relu': relu}\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    class Importing(paddle.nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.fc = paddle.nn.Linear(4, 4)

        def forward(self, x: Any) -> Any:
            import imported_late  # type: ignore[import-not-found]

            return imported_late.TABLE["relu"](self.fc(x))

    assert not Subject.alone(Importing(), SHAPE, 0).structure(training=False).error
    late = sys.modules.pop("imported_late")
    assert late.relu is paddle._C_ops.relu
    assert late.TABLE["relu"] is paddle._C_ops.relu
