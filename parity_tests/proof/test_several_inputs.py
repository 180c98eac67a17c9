"""A block of several inputs takes a tuple, and a fault in what it does with any of them is found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nlblocks
from nlblocks.proof import sample
from nlblocks.specs import AsymmetricFusionNonLocal, SpatialGather
from nlblocks.specs.inputs import joined, mapped, parts, shape_of, split
from parity_tests.helpers.blocks import BACKENDS, NATIVE, Require, built, example_inputs
from parity_tests.helpers.command_line import call

SPEC = AsymmetricFusionNonLocal(low_channels=4, high_channels=6, key_channels=5, pool_sizes=(1, 2))
SHAPES = ((2, 4, 5, 6), (2, 6, 3, 4))


def test_one_place_tells_one_input_from_several() -> None:
    x, y = np.zeros((2, 3)), np.ones((4, 1))
    assert parts((2, 3)) == ((2, 3),)
    assert parts(((2, 3), (4,))) == ((2, 3), (4,))
    assert parts(x)[0] is x
    assert parts((x, y)) == (x, y) or parts((x, y))[1] is y
    assert parts(((1.0, 2.0), (3.0, 4.0))) == (((1.0, 2.0), (3.0, 4.0)),)  # numbers in tuples are one array
    assert joined([x]) is x
    assert shape_of((x, y)) == ((2, 3), (4, 1))
    assert mapped(len, (x, y)) == (2, 4)
    assert split(SPEC, [x, y])[0] is x


@pytest.mark.parametrize("backend", BACKENDS)
def test_run_takes_a_tuple_and_gives_a_tuple_of_gradients(backend: str, require: Require) -> None:
    require(backend)
    module = built(SPEC, backend)
    xs = sample.random_inputs(SHAPES, 0, "x")
    run = nlblocks.run(module, xs, grad_output=np.ones((2, 6, 3, 4)), return_attention=True)
    assert run.output.shape == (2, 6, 3, 4)
    assert isinstance(run.attention, np.ndarray)
    assert run.attention.shape == (2, 12, 5)
    if backend == "reference":
        assert run.grad_input is None
        return
    assert isinstance(run.grad_input, tuple)
    assert [grad.shape for grad in run.grad_input] == list(SHAPES)
    for index, grad in enumerate(run.grad_input):  # the derivative along a step of one input alone
        step = [np.zeros(shape) for shape in SHAPES]
        step[index] = sample.random_array(SHAPES[index], 1, "step") * 1e-6
        ends = [nlblocks.run(module, tuple(x + s * d for x, d in zip(xs, step, strict=True))).output for s in (1, -1)]
        assert (ends[0] - ends[1]).sum() / 2 == pytest.approx((grad * step[index]).sum(), rel=1e-6)


def test_verify_takes_a_shape_for_each_input(require: Require) -> None:
    require(*NATIVE)
    report = nlblocks.verify(SPEC, input_shape=SHAPES)
    assert report, report
    assert report.input_shape == SHAPES
    assert {check.name for check in report.checks if check.group == "grad_input"} == {"low", "high"}
    assert "on [2, 4, 5, 6] and [2, 6, 3, 4], torch" in str(report)
    assert report.to_dict()["input_shape"] == ([2, 4, 5, 6], [2, 6, 3, 4])


@pytest.mark.parametrize("index", [0, 1])
def test_a_gradient_of_one_input_that_is_wrong_is_found(index: int, require: Require, monkeypatch: Any) -> None:
    """Another gradient in both frameworks: the reference's derivative alone can tell."""
    require(*NATIVE)
    for name in NATIVE:
        backend = nlblocks.backend.get(name)
        plain = type(backend).run

        def spoilt(self: Any, module: Any, x: Any, plain: Any = plain, **how: Any) -> nlblocks.Run:
            run = plain(self, module, x, **how)
            grads = list(run.grad_input or ())
            if grads:
                grads[index] = grads[index] * 1.001
            return nlblocks.Run(
                output=run.output, attention=run.attention, grad_input=tuple(grads) or None,
                grad_params=run.grad_params, state_after=run.state_after,
            )  # fmt: skip

        monkeypatch.setattr(type(backend), "run", spoilt)
    report = nlblocks.verify(SPEC)
    assert {(check.group, check.name) for check in report.failures} == {("derivative", SPEC.inputs[index])}


def test_another_number_of_inputs_is_one_clear_line() -> None:
    block = built(SPEC, "reference")
    for given, count in ((np.zeros((2, 4, 5, 6)), 1), (tuple(np.zeros((2, 4, 5, 6)) for _ in range(3)), 3)):
        with pytest.raises(
            nlblocks.InputError, match=rf"^AsymmetricFusionNonLocal takes 2 inputs, \(low, high\); received {count}$"
        ):
            nlblocks.run(block, given)
    with pytest.raises(nlblocks.InputError, match=r"^SpatialGather takes 2 inputs, \(x, logits\); received 1$"):
        nlblocks.verify(SpatialGather(), input_shape=(2, 3, 4, 5))
    with pytest.raises(nlblocks.InputError, match=r"low of shape .* and high of shape .* must have the same batch"):
        nlblocks.run(block, (np.zeros((1, 4, 5, 6)), np.zeros((2, 6, 3, 4))))


def test_the_reference_is_called_as_the_native_blocks_are(require: Require) -> None:
    require("torch")
    import torch

    xs = example_inputs(SPEC)
    reference, native = (built(SPEC, backend).eval() for backend in ("reference", "torch"))
    y, attention = reference(*xs, True)
    other, found = native(*map(torch.from_numpy, xs), True)
    assert np.abs(y - other.detach().numpy()).max() < 1e-13
    assert np.abs(attention - found.detach().numpy()).max() < 1e-13
    assert np.array_equal(reference(*xs), y)


def test_the_command_takes_a_shape_for_each_input(require: Require) -> None:
    require(*NATIVE)
    given = ["--kind", "spatial_gather", "--input", "2,4,3,5"]
    assert "identical" in call("verify", *given, "--input", "2,3,3,5").output
    refused = call("verify", *given)
    assert "SpatialGather takes 2 inputs, (x, logits); received 1" in f"{refused.output}{refused.exception}"


def test_what_says_the_dtype_of_a_block_without_tensors_is_in_no_comparison(require: Require) -> None:
    require(*NATIVE)
    left, right = (nlblocks.build(SpatialGather(), backend=backend) for backend in NATIVE)
    report = nlblocks.parity.compare(left, right, ((2, 4, 3, 5), (2, 3, 3, 5)))
    assert report, report
    assert "_empty" not in str(report)
