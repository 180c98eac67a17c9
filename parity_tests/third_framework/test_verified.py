"""The toy's blocks are proven against the library's own, and weights move between them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nlblocks
from nlblocks import specs
from nlblocks.backend import Backend, backend_of, get
from nlblocks.numerics import tolerance
from nlblocks.specs.base import describe
from nlblocks.specs.catalogue import EXAMPLES
from parity_tests.helpers.blocks import built

OWN = (specs.SqueezeExcitation, specs.EfficientChannelAttention, specs.PositionAttention)
SPECS = [pytest.param(spec, id=describe(spec)) for spec in EXAMPLES if isinstance(spec, OWN)]
ONE_OF_EACH = (
    specs.SqueezeExcitation(in_channels=9, ratio=2, pool="max", bias=True),
    specs.EfficientChannelAttention(in_channels=11, kernel_size=7, padding_mode="circular"),
    specs.PositionAttention(in_channels=5, inter_channels=3),
)


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("backends", [("torch", "toy", "reference"), ("paddle", "toy")])
def test_a_block_agrees_gradients_included(
    numtape: Any, spec: specs.BlockSpec, backends: tuple[str, ...], require: Any
) -> None:
    require(backends[0])
    report = nlblocks.verify(spec, backends)
    assert report, str(report)
    owed = set(tolerance.GROUPS) - {"buffers"} - (set() if "reference" in backends else {"derivative"})
    assert {check.group for check in report.checks if "toy" in check.pair} == owed
    assert {check.dtype for check in report.checks if "toy" in check.pair} == {"float64", "float32"}


def test_it_is_one_of_those_that_are_verified_by_default(numtape: Any, require: Any) -> None:
    require("torch", "paddle")
    report = nlblocks.verify(ONE_OF_EACH[0])
    assert report
    assert report.backends == ("torch", "paddle", "reference", "toy")


def a_thousandth_too_much(numtape: Any) -> Any:
    mean = numtape.mean
    return lambda x, axis: mean(x, axis) * 1.001


def the_gradient_of_exp(numtape: Any) -> Any:
    sigmoid = numtape.sigmoid
    return lambda x: numtape.Tensor(sigmoid(x).data, (x,), lambda g: (g * sigmoid(x).data,))


def no_gradient_for_weights(numtape: Any) -> Any:
    linear = numtape.linear
    return lambda x, weight, bias: linear(x, numtape.Tensor(weight.data), bias)


FAULTS = {
    "mean": (a_thousandth_too_much, "output"),
    "sigmoid": (the_gradient_of_exp, "grad_input"),
    "linear": (no_gradient_for_weights, "grad_params"),
}


@pytest.mark.parametrize("function", FAULTS)
@pytest.mark.parametrize("other", ["torch", "paddle", "reference"])
def test_a_fault_in_it_is_found(
    numtape: Any, function: str, other: str, monkeypatch: pytest.MonkeyPatch, require: Any
) -> None:
    require(other)
    spec = specs.SqueezeExcitation(in_channels=6, ratio=2, bias=True)
    assert nlblocks.verify(spec, (other, "toy"))
    fault, group = FAULTS[function]
    monkeypatch.setattr(numtape, function, fault(numtape))
    report = nlblocks.verify(spec, (other, "toy"))
    assert not report
    first = report.failures[0]
    judged = "derivative" if (function, other) == ("sigmoid", "reference") else group  # it has no backward pass
    assert first.group == judged
    assert "toy" in first.pair


# Weights


@pytest.mark.parametrize("spec", ONE_OF_EACH)
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("other", ["torch", "paddle"])
def test_weights_move_bit_for_bit(numtape: Any, spec: specs.BlockSpec, dtype: Any, other: str, require: Any) -> None:
    require(other)
    state = {name: array.astype(dtype) for name, array in nlblocks.state_of(built(spec, other)).items()}

    def assert_same(module: Any) -> None:
        found = nlblocks.state_of(module)
        assert list(found) == list(state)
        assert all(found[n].dtype == dtype and found[n].tobytes() == state[n].tobytes() for n in state)

    native, toy, back = (
        nlblocks.build(spec, backend=name, seed=seed, dtype=dtype) for seed, name in enumerate((other, "toy", other))
    )
    nlblocks.load_state(native, state)
    for source, target in ((native, toy), (toy, back)):
        nlblocks.transfer(source, target)
        assert_same(target)
    assert backend_of(toy) is get("toy")
    assert isinstance(get("toy"), Backend)


def test_one_seed_gives_one_block(numtape: Any, tmp_path: Path) -> None:
    spec = ONE_OF_EACH[0]
    toy, other = (nlblocks.build(spec, backend=b, seed=3, dtype="float64") for b in ("toy", "reference"))
    assert isinstance(toy, numtape.Module)
    for name, array in nlblocks.state_of(other).items():
        assert array.tobytes() == nlblocks.state_of(toy)[name].tobytes()
    assert toy.fc_1.weight.shape == nlblocks.state_of(toy)["fc_1.weight"].shape[::-1] == (9, 4)
    nlblocks.save(toy, tmp_path / "a.safetensors")
    loaded = nlblocks.load(tmp_path / "a.safetensors", backend="toy")
    assert type(loaded) is type(toy)
    x = np.random.default_rng(0).normal(size=spec.example_shape())
    assert np.array_equal(nlblocks.run(loaded, x).output, nlblocks.run(toy, x).output)


def test_a_run_leaves_the_block_as_it_was(numtape: Any) -> None:
    block = nlblocks.build(ONE_OF_EACH[2], backend="toy", dtype="float64")
    x = np.random.default_rng(0).normal(size=ONE_OF_EACH[2].example_shape())
    before = {name: (tensor.data, tensor.data.copy()) for name, tensor in block.tensors().items()}
    found = nlblocks.run(block, x, grad_output=x, return_attention=True)
    assert set(found.grad_params) == set(before)
    assert found.attention is not None
    assert all(block.tensors()[name].data is data and (data == copy).all() for name, (data, copy) in before.items())
    assert not any(tensor.grad is not None for tensor in block.tensors().values())
    assert block.training
    assert nlblocks.run(block, x).grad_input is None
