"""A framework that the core has never heard of is traced and compared: its backend supplies primitives, no more."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nlblocks
from nlblocks import parity, specs
from nlblocks.errors import InputError
from nlblocks.parity.running import Subject
from nlblocks.parity.tracing import vocabulary

SHAPE = (6, 5)


def toy_net(numtape: Any, end: str = "clip", **knobs: Any) -> Any:
    class Net(numtape.Module):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            self.first = numtape.Linear(5, 8)
            self.norm = numtape.BatchNorm(8, **knobs)
            self.drop = numtape.Dropout(0.3)
            self.last = numtape.Linear(8, 3)

        def forward(self, x: Any) -> Any:
            x = self.last(self.drop(numtape.relu(self.norm(self.first(x)))))
            return numtape.clip(x, -0.3, 0.4) if end == "clip" else numtape.hard_sigmoid(x)

    return Net()


def torch_net() -> Any:
    torch = pytest.importorskip("torch")
    nn = torch.nn

    class Net(nn.Module):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.fc1, self.bn, self.drop, self.fc2 = (
                nn.Linear(5, 8),
                nn.BatchNorm1d(8),
                nn.Dropout(0.3),
                nn.Linear(8, 3),
            )

        def forward(self, x: Any) -> Any:
            return self.fc2(self.drop(torch.relu(self.bn(self.fc1(x))))).clamp(-0.3, 0.4)

    return Net()


def paddle_net() -> Any:
    paddle = pytest.importorskip("paddle")
    nn = paddle.nn

    class Net(nn.Layer):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.fc1, self.bn, self.drop, self.fc2 = (
                nn.Linear(5, 8),
                nn.BatchNorm1D(8),
                nn.Dropout(0.3),
                nn.Linear(8, 3),
            )

        def forward(self, x: Any) -> Any:
            return nn.functional.hardsigmoid(self.fc2(self.drop(nn.functional.relu(self.bn(self.fc1(x))))))

    return Net()


@pytest.mark.parametrize("other", [torch_net, paddle_net])
@pytest.mark.parametrize("toy_first", [True, False])
def test_a_pair_agrees_and_a_fault_is_named(numtape: Any, other: Any, toy_first: bool) -> None:
    def compared(**knobs: Any) -> Any:
        pair = (toy_net(numtape, "clip" if other is torch_net else "hard_sigmoid", **knobs), other())
        return parity.compare(*(pair if toy_first else pair[::-1]), SHAPE, accept=("batch_norm.variance",))

    report = compared()
    assert report, str(report)
    groups = {(c.phase, c.group) for c in report.comparisons}
    assert {("backward", "grad_params"), ("buffers", "buffers"), ("float32 train", "grad_input")} <= groups
    assert len(report.steps) > 0
    found = compared(eps=1e-3)
    assert not found
    assert found.finding.cause == "batch_norm.eps"


def test_a_fault_in_training_alone_is_found(numtape: Any) -> None:
    found = parity.compare(toy_net(numtape, momentum=0.2), torch_net(), SHAPE).finding
    assert found is not None
    assert found.cause == "batch_norm.momentum"


def test_the_model_is_left_as_it_was(numtape: Any) -> None:
    model, plain = toy_net(numtape), vars(numtape).copy()
    model.train()
    before = {name: (tensor.data, tensor.data.copy()) for name, tensor in model.tensors().items()}
    names = [set(vars(part)) for _, part in model.parts()]
    parity.compare(model, torch_net(), SHAPE)
    assert all(model.tensors()[name].data is data and (data == copy).all() for name, (data, copy) in before.items())
    assert [set(vars(part)) for _, part in model.parts()] == names
    assert {name: value for name, value in vars(numtape).items() if callable(value)} == {
        name: value for name, value in plain.items() if callable(value)
    }


def test_values_and_gradients_can_be_given(numtape: Any) -> None:
    subject = Subject.alone(toy_net(numtape), SHAPE, 0)
    assert subject.framework == "toy"
    own = subject.run(training=True)
    assert not own.error
    relu = next(op for op in own.ops if op.kind == "relu")
    assert (relu.outputs[0] in own.grads, relu.scope) == (True, "")
    value = own.values[relu.outputs[0]] + 1.0
    gradient = np.ones_like(value)
    given = vocabulary.Given({}, {(relu.site, 0): value}, {(relu.site, 0): gradient})
    other = subject.run(training=True, given=given)
    made = other.ops[relu.index].outputs[0]
    assert np.array_equal(other.values[made], value)
    norm = next(op for op in other.ops if op.kind == "batch_norm")
    assert np.allclose(other.grads[norm.outputs[0]], gradient * (own.values[relu.outputs[0]] > 0))


def test_an_error_says_where(numtape: Any) -> None:
    model = toy_net(numtape)
    model.last = numtape.Linear(7, 3)
    trace = Subject.alone(model, SHAPE, 0).structure(training=False)
    assert (trace.error_scope, trace.error.partition(":")[0]) == ("last", "ValueError")


def test_what_is_no_model_is_said(numtape: Any) -> None:
    with pytest.raises(InputError, match="no toy module"):
        Subject.check(numtape.SGD([], 0.1))
    with pytest.raises(InputError, match="no model of an installed framework"):
        Subject.check(object())


@pytest.mark.parametrize("other", ["torch", "paddle"])
@pytest.mark.parametrize(
    "spec",
    [
        specs.SqueezeExcitation(in_channels=9, ratio=2, pool="max", bias=True),
        specs.SqueezeExcitation(in_channels=7, inter_channels=5, gate="hard_sigmoid", slope=0.2),
        specs.EfficientChannelAttention(in_channels=11, kernel_size=7, padding_mode="circular"),
        specs.PositionAttention(in_channels=5, inter_channels=3),
    ],
)
def test_blocks_are_models_too(numtape: Any, other: str, spec: specs.BlockSpec, require: Any) -> None:
    require(other)
    report = parity.compare(
        nlblocks.build(spec, backend=other), nlblocks.build(spec, backend="toy"), spec.example_shape()
    )
    assert report, str(report)


def test_values_are_exchanged_without_a_function_of_its_own(numtape: Any) -> None:
    from nlblocks_toy.lab.tracing import tracer

    leaf = numtape.Tensor(np.array([1.0, -np.inf, np.inf, 4.0]), trainable=True)
    for values in ([5.0, 6.0, 7.0, 8.0], [-np.inf, 1.0, np.nan, np.inf]):
        found = tracer.exchanged(leaf, tracer.like(np.array(values), leaf))
        assert np.array_equal(tracer.to_numpy(found), values, equal_nan=True)
        numtape.backward([found], [np.ones(4)])
        assert leaf.grad[[0, 3]].tolist() == [1.0, 1.0]
        assert np.isfinite(leaf.grad).all()
        leaf.grad = None
    spoilt = numtape.Tensor(np.array([np.nan, 1.0]), trainable=True)
    assert tracer.to_numpy(tracer.exchanged(spoilt, tracer.like(np.array([2.0, 3.0]), spoilt))).tolist() == [2.0, 3.0]
