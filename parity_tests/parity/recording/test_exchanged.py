"""A run that is given another's values in place of its own goes on with these, whatever its own are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks.parity.tracing import vocabulary  # noqa: E402
from nlblocks_paddle.lab.tracing import tracer as paddle_tracer  # noqa: E402
from nlblocks_torch.lab.tracing import tracer as torch_tracer  # noqa: E402
from parity_tests.helpers.nets import compare  # noqa: E402

TRACERS = pytest.mark.parametrize("tracer", [torch_tracer, paddle_tracer], ids=lambda tracer: tracer.name)
NAN, INF = float("nan"), float("inf")


@TRACERS
@pytest.mark.parametrize("own", [[1.0, 2.0, 3.0], [-INF, INF, NAN]])
@pytest.mark.parametrize("values", [[4.0, 5.0, 6.0], [-INF, INF, NAN]])
@pytest.mark.parametrize("shape", [(3,), (3, 1)])
def test_the_values_are_the_others_and_the_gradient_goes_by(tracer: Any, own: Any, values: Any, shape: Any) -> None:
    nothing = {"torch": torch, "paddle": paddle}[tracer.name].nn.Identity()
    leaf = tracer.input(np.array(own).reshape(shape), "float64", nothing, gradient=True)
    given = np.array(values).reshape(shape)
    found = tracer.exchanged(leaf * 2.0, tracer.like(given, leaf))
    assert np.array_equal(tracer.to_numpy(found), given, equal_nan=True)
    (found * 3.0).sum().backward()
    assert tracer.to_numpy(leaf.grad).tolist() == np.full(shape, 6.0).tolist()


class TorchSteps(torch.nn.Module):
    """One operation of each kind, each of whose results is given another value in the test."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, x: Any) -> Any:
        y = x * 1.0
        if self.kind == "returned":
            y = torch.relu(y)
        elif self.kind == "in place":
            torch.relu_(y)
        elif self.kind == "item":
            y[0] = torch.zeros_like(y[0])
        elif self.kind == "number":
            return y.sum() * 1.0
        elif self.kind == "integers":
            return (y > 0).to(torch.int64) * 1
        return y * 1.0


class PaddleSteps(paddle.nn.Layer):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, x: Any) -> Any:
        y = x * 1.0
        if self.kind == "returned":
            y = paddle.nn.functional.relu(y)
        elif self.kind == "in place":
            paddle.nn.functional.relu_(y)
        elif self.kind == "item":
            y[0] = paddle.zeros_like(y[0])
        elif self.kind == "number":
            return y.sum() * 1.0
        elif self.kind == "integers":
            return (y > 0).astype("int64") * 1
        return y * 1.0


@TRACERS
@pytest.mark.parametrize("kind", ["returned", "in place", "item", "number", "integers"])
@pytest.mark.parametrize("gradient", [True, False])
def test_a_model_goes_on_with_what_it_is_given(tracer: Any, kind: str, gradient: bool) -> None:
    model = TorchSteps(kind) if tracer is torch_tracer else PaddleSteps(kind)
    how = {"inputs": (np.array([[1.0, -2.0], [3.0, -4.0]]),), "training": gradient, "backward": gradient}
    plain = tracer.run(model, {}, **how)
    op = next(op for op in reversed(plain.ops[:-1]) if op.site)
    value = plain.values[op.outputs[0]]
    wanted = np.full(value.shape, 7, value.dtype)
    if value.dtype.kind == "f" and value.size > 1:
        wanted.flat[0] = -INF
    spot = (op.site, 0)
    found = tracer.run(model, {}, given=vocabulary.Given({}, {spot: wanted}, {}), **how)
    assert not found.error
    assert np.array_equal(next(iter(found.values[n] for n in found.outputs.values())), wanted)
    if gradient and kind in ("returned", "number"):
        assert np.isfinite(found.grad_inputs["0"]).all()
        assert found.grad_inputs["0"].tolist() == plain.grad_inputs["0"].tolist()


# Faults with infinities behind them


class TorchScores(torch.nn.Module):
    """Attention by hand, its scores hidden by minus infinity, and an activation after it."""

    def __init__(self, low: float = -INF) -> None:
        super().__init__()
        self.q, self.k, self.v, self.out = (torch.nn.Linear(6, 6) for _ in range(4))
        self.act, self.low = torch.nn.LeakyReLU(0.1), low

    def forward(self, x: Any) -> Any:
        scores = self.q(x) @ self.k(x).transpose(1, 2) / 6**0.5
        scores = scores.masked_fill(torch.ones(5, 5, dtype=torch.bool).triu(1), self.low)
        return self.act(self.out(torch.softmax(scores, -1) @ self.v(x)))


class PaddleScores(paddle.nn.Layer):
    def __init__(self, how: str = "where", diagonal: int = 1, slope: float = 0.1) -> None:
        super().__init__()
        self.q, self.k, self.v, self.out = (paddle.nn.Linear(6, 6) for _ in range(4))
        self.act, self.how, self.diagonal = paddle.nn.LeakyReLU(slope), how, diagonal

    def forward(self, x: Any) -> Any:
        scores = self.q(x) @ self.k(x).transpose([0, 2, 1]) / 6**0.5
        hidden = paddle.triu(paddle.ones([5, 5]), self.diagonal).astype("bool")
        if self.how == "where":
            scores = paddle.where(hidden, paddle.full_like(scores, -INF), scores)
        elif self.how == "in place":
            scores.masked_fill_(hidden.unsqueeze(0).expand([2, 5, 5]), -INF)
        else:
            scores[:, hidden] = -INF
        return self.act(self.out(paddle.nn.functional.softmax(scores, -1) @ self.v(x)))


@pytest.mark.parametrize("how", ["where", "in place", "item"])
def test_a_mask_is_one_finding_and_hides_no_second_one(how: str) -> None:
    shape = (2, 5, 6)
    assert compare(TorchScores(), PaddleScores(how), shape)
    mask = compare(TorchScores(), PaddleScores(how, diagonal=2), shape)
    assert len(mask.faults) == 1, str(mask)
    both = compare(TorchScores(), PaddleScores(how, diagonal=2, slope=0.3), shape)
    assert [f.cause for f in both.faults][1:] == ["leaky_relu.slope"], str(both)
