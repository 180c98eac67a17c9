"""Canonical state: strict, all or nothing; transfer; what run() accepts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nlblocks
from nlblocks.errors import InputError
from nlblocks.proof import sample
from nlblocks.specs import DigitNet, NonLocal
from parity_tests.helpers.blocks import BACKENDS, NATIVE, Require

SPEC = NonLocal(in_channels=4)


@pytest.mark.parametrize("backend", BACKENDS)
def test_everything_wrong_is_listed_and_nothing_is_loaded(backend: str, require: Require) -> None:
    require(backend)
    module = nlblocks.build(SPEC, backend=backend, dtype="float64")
    before = nlblocks.state_of(module)
    state = sample.random_state(SPEC, seed=0)
    del state["g.bias"]
    state["gamma"] = np.zeros(1)
    state["theta.weight"] = state["theta.weight"].reshape(4, 2, 1, 1)
    state["phi.bias"] = np.array([1.0, np.nan])
    state["w_z.bias"] = np.array([1.0, 2.0, np.inf, 4.0])
    state["norm.running_var"] = np.array([1.0, -1.0, 1.0, 1.0])
    state["norm.bias"] = np.array(["a", "b", "c", "d"])
    with pytest.raises(InputError) as error:
        nlblocks.load_state(module, state)
    message = str(error.value)
    assert "\n" not in message
    for part in (
        "g.bias is missing",
        "gamma is unexpected",
        "theta.weight has shape (4, 2, 1, 1), not (2, 4, 1, 1)",
        "phi.bias has 1 values that are not finite",
        "w_z.bias has 1 values that are not finite",
        "norm.running_var has negative variances",
        "norm.bias: expected an array of real numbers, received dtype <U1",
    ):
        assert part in message
    for name, array in nlblocks.state_of(module).items():
        assert array.tobytes() == before[name].tobytes()


@pytest.mark.parametrize("backend", NATIVE)
def test_a_value_too_large_for_the_dtype_is_refused(backend: str, require: Require) -> None:
    require(backend)
    module = nlblocks.build(SPEC, backend=backend, dtype="float32")
    state = sample.random_state(SPEC, seed=0) | {"g.bias": np.array([1e300, 0.0])}
    with pytest.raises(InputError, match=r"g.bias reaches 1e\+300, past the largest float32"):
        nlblocks.load_state(module, state)


def test_state_is_a_copy(require: Require) -> None:
    for backend in BACKENDS:
        require(backend)
        module = nlblocks.build(SPEC, backend=backend, dtype="float64")
        state = nlblocks.state_of(module)
        state["g.weight"] += 1
        assert (nlblocks.state_of(module)["g.weight"] != state["g.weight"]).all()
        given = sample.random_state(SPEC, seed=0)
        nlblocks.load_state(module, given)
        given["g.weight"] += 1
        assert (nlblocks.state_of(module)["g.weight"] != given["g.weight"]).all()


def test_a_square_linear_is_transposed_for_paddle(require: Require) -> None:
    require("torch", "paddle")
    spec = DigitNet(num_classes=256, image_size=8)
    source, target = (nlblocks.build(spec, backend=backend, dtype="float64") for backend in ("torch", "paddle"))
    nlblocks.load_state(source, sample.random_state(spec, seed=0))
    nlblocks.transfer(source, target)
    assert (target.fc_2.weight.numpy() == source.fc_2.weight.detach().numpy().T).all()
    assert (nlblocks.state_of(target)["fc_2.weight"] == source.fc_2.weight.detach().numpy()).all()


def test_transfer_refuses_another_kind_or_shape(require: Require) -> None:
    require("torch", "paddle")
    source = nlblocks.build(SPEC, backend="torch")
    with pytest.raises(InputError, match="the source is a non_local, the target a digit_net"):
        nlblocks.transfer(source, nlblocks.build(DigitNet(), backend="paddle"))
    with pytest.raises(InputError, match=r"g.weight has shape \(2, 4, 1, 1\), not \(3, 6, 1, 1\)"):
        nlblocks.transfer(source, nlblocks.build(NonLocal(in_channels=6), backend="paddle"))


def test_transfer_casts_to_the_targets_dtype(require: Require) -> None:
    require("torch", "paddle")
    source, target = nlblocks.build(SPEC, backend="torch", dtype="float64"), nlblocks.build(SPEC, backend="paddle")
    nlblocks.transfer(source, target)
    for name, array in nlblocks.state_of(target).items():
        assert array.dtype == np.float32
        assert (array == nlblocks.state_of(source)[name].astype(np.float32)).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_run_refuses_in_one_line(backend: str, require: Require) -> None:
    require(backend)
    module = nlblocks.build(SPEC, backend=backend, dtype="float64")
    x = np.zeros((2, 4, 3, 3))
    cases: list[tuple[str, dict[str, Any]]] = [
        ("grad_output has shape", {"x": x, "grad_output": np.zeros((2, 4, 3, 1))}),
        ("real numbers, received dtype", {"x": x.astype(complex)}),
        ("real numbers, received dtype", {"x": np.array([["a"]])}),
        ("1 value a channel", {"x": np.zeros((1, 4, 1, 1)), "training": True}),
    ]
    for message, options in cases:
        with pytest.raises(InputError, match=message):
            nlblocks.run(module, **options)
    with pytest.raises(InputError, match="is not an nlblocks block"):
        nlblocks.run(object(), x)
    with pytest.raises(InputError, match="is not an nlblocks block"):
        nlblocks.state_of(3)


def test_build_refuses_in_one_line() -> None:
    with pytest.raises(InputError, match="spec must be a block spec"):
        nlblocks.build("non_local", backend="reference")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="dtype='double' must be one of 'float64', 'float32'"):
        nlblocks.build(SPEC, backend="reference", dtype="double")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="the reference computes in float64 only"):
        nlblocks.build(SPEC, backend="reference", dtype="float32")
    with pytest.raises(nlblocks.BackendError, match="backend 'jax' is unknown; it must be one of 'torch', 'paddle'"):
        nlblocks.build(SPEC, backend="jax")


def test_forward_only_has_no_gradients() -> None:
    module = nlblocks.build(SPEC, backend="reference", dtype="float64")
    run = nlblocks.run(module, np.ones((1, 4, 2, 2)), grad_output=np.ones((1, 4, 2, 2)), return_attention=True)
    assert run.grad_input is None
    assert run.grad_params == {}
    assert run.attention is not None


def test_dialects_refuse_in_one_line() -> None:
    dialect = nlblocks.dialects.get("alexhex7")
    with pytest.raises(InputError, match="dialect 'mmcv9' is unknown"):
        nlblocks.dialects.get("mmcv9")
    with pytest.raises(InputError, match="class 'NonLocal' is not covered; it covers 'NONLocalBlock1D'"):
        dialect.spec("NonLocal")
    with pytest.raises(InputError, match="'channels' is unexpected; the class takes 'in_channels'"):
        dialect.spec("NONLocalBlock2D", channels=4)
    with pytest.raises(InputError, match="'in_channels' is missing; the class takes 'in_channels'"):
        dialect.spec("NONLocalBlock2D", mode="gaussian")
    spec = dialect.spec("NONLocalBlock2D", in_channels=4)
    with pytest.raises(InputError, match=r"g\.0\.weight is missing.*W\.2 is unexpected"):
        dialect.to_canonical(spec, {"W.2": np.zeros(1)})
    with pytest.raises(InputError, match="has no ChannelAffinity; it has 'NonLocal', 'DigitNet'"):
        dialect.to_canonical(nlblocks.specs.ChannelAffinity(in_channels=4), {})
    with pytest.raises(InputError, match="sub_sample='before'"):
        dialect.from_canonical(NonLocal(in_channels=4, sub_sample="before"), {})
    with pytest.raises(InputError, match=r"g\.weight is missing.*extra is unexpected"):
        dialect.from_canonical(spec, {"extra": np.zeros(1)})


@pytest.mark.parametrize("backend", NATIVE)
def test_bfloat16_goes_anywhere_without_loss(backend: str, require: Require) -> None:
    require(backend)
    source = nlblocks.build(SPEC, backend=backend, dtype="bfloat16", seed=2)
    for target in (backend, "reference"):
        other = nlblocks.build(SPEC, backend=target, dtype="float64", seed=3)
        nlblocks.transfer(source, other)
        for name, array in nlblocks.state_of(other).items():
            assert (array == nlblocks.state_of(source)[name]).all()


class Elsewhere:
    """A tensor in the memory of an accelerator: it is read where it was copied from there, and nowhere else."""

    def __init__(self, tensor: Any) -> None:
        self.tensor = tensor

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, 0

    def __dlpack__(self, **how: Any) -> Any:
        raise BufferError("a GPU's memory")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.tensor, name)


@pytest.mark.parametrize("target", [name for name in BACKENDS if name != "torch"])
def test_what_lies_on_an_accelerator_goes_by_way_of_the_host(
    target: str, require: Require, monkeypatch: pytest.MonkeyPatch
) -> None:
    require("torch")
    require(target)
    source = nlblocks.build(SPEC, backend="torch", dtype="float64", seed=2)
    other = nlblocks.build(SPEC, backend=target, dtype="float64", seed=3)
    expected, backend = nlblocks.state_of(source), nlblocks.backend.get("torch")
    there = {name: Elsewhere(tensor) for name, tensor in backend.tensors(source).items()}
    monkeypatch.setattr(type(backend), "tensors", lambda self, module: there)
    nlblocks.transfer(source, other)
    assert all((nlblocks.state_of(other)[name] == array).all() for name, array in expected.items())


@pytest.mark.parametrize("dtype", [">f8", "longdouble", ">f4"])
def test_other_byte_orders_and_widths_load(dtype: str) -> None:
    module = nlblocks.build(SPEC, backend="reference", dtype="float64")
    state = sample.random_state(SPEC, seed=0)
    nlblocks.load_state(module, {name: array.astype(dtype) for name, array in state.items()})
    assert all((nlblocks.state_of(module)[name] == array).all() for name, array in state.items())


def test_what_is_no_state_is_one_line() -> None:
    module = nlblocks.build(SPEC, backend="reference", dtype="float64")
    for state in (None, [1, 2], {"g.weight": [[1], [1, 2]]}):
        with pytest.raises(InputError):
            nlblocks.load_state(module, state)  # type: ignore[arg-type]
