"""What every block owes in every backend. The registry is the source of truth: a kind that is missing fails."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import nlblocks
from nlblocks.backend import installed, package
from nlblocks.numerics import tolerance
from nlblocks.proof import sample
from nlblocks.specs import BlockSpec, spec_type
from nlblocks.specs.catalogue import EXAMPLES
from nlblocks.specs.inputs import joined, mapped, parts
from parity_tests.helpers.blocks import BACKENDS, NATIVE, SPECS, Require, built, example_inputs


def test_every_kind_has_an_example() -> None:
    assert {spec.kind for spec in EXAMPLES} == set(nlblocks.kinds())


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_implements_every_kind_and_nothing_else(backend: str, require: Require) -> None:
    require(backend)
    native = package(backend)
    names = {spec_type(kind).__name__ for kind in nlblocks.kinds()}
    assert set(dir(native)) == names | {"backend"}
    for name in names:
        assert getattr(native, name).spec_type is getattr(nlblocks.specs, name)


@pytest.mark.parametrize("kind", nlblocks.kinds())
def test_constructors_have_one_signature(kind: str) -> None:
    name = spec_type(kind).__name__
    signatures = {
        backend: [(p.name, p.kind, p.default) for p in inspect.signature(native).parameters.values()]
        for backend in BACKENDS
        if backend in installed()
        for native in [getattr(package(backend), name)]
    }
    assert len({str(signature) for signature in signatures.values()}) == 1, signatures


@pytest.mark.parametrize("spec", SPECS)
def test_spec_survives_json(spec: BlockSpec) -> None:
    import json

    assert nlblocks.spec_from_dict(json.loads(json.dumps(spec.to_dict()))) == spec
    assert type(spec).from_dict(spec.to_dict()) == spec


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_state_is_what_the_spec_says(spec: BlockSpec, backend: str, require: Require) -> None:
    require(backend)
    module = nlblocks.build(spec, backend=backend, dtype="float64")
    state = nlblocks.state_of(module)
    assert {name: array.shape for name, array in state.items()} == {p.name: p.shape for p in spec.params()}
    assert len({p.name for p in spec.params()}) == len(spec.params())
    if backend == "reference":
        return
    native = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    transposed = {p.name for p in spec.params() if p.layout == "linear"} if backend == "paddle" else set()
    assert native == {p.name: p.shape[::-1] if p.name in transposed else p.shape for p in spec.params()}
    assert {name for name, _ in module.named_parameters()} == {p.name for p in spec.params() if p.trainable}


@pytest.mark.parametrize("spec", SPECS)
def test_shapes_are_what_the_spec_says(spec: BlockSpec) -> None:
    module = nlblocks.build(spec, backend="reference", dtype="float64")
    shape = spec.example_shape()
    maps = spec.attention_shapes(shape)
    run = nlblocks.run(module, joined(example_inputs(spec)), return_attention=bool(maps))
    assert run.output.shape == spec.output_shape(shape)
    found = run.attention if isinstance(run.attention, dict) else {"attention": run.attention}
    assert {name: array.shape for name, array in found.items() if array is not None} == maps
    assert spec.macs(shape) > 0


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_same_seed_same_bits(spec: BlockSpec, dtype: Any, require: Require) -> None:
    require("torch", "paddle")
    states = {b: nlblocks.state_of(nlblocks.build(spec, backend=b, seed=7, dtype=dtype)) for b in NATIVE}
    for name, array in states["torch"].items():
        assert array.dtype == dtype
        assert array.tobytes() == states["paddle"][name].tobytes(), name


@pytest.mark.parametrize("spec", SPECS)
def test_transfer_is_bit_exact(spec: BlockSpec, require: Require) -> None:
    require("torch", "paddle")
    state = sample.random_state(spec, seed=3)
    chain = [
        nlblocks.build(spec, backend=b, dtype="float64") for b in ("torch", "paddle", "reference", "paddle", "torch")
    ]
    nlblocks.load_state(chain[0], state)
    for source, target in pairwise(chain):
        nlblocks.transfer(source, target)
    for name, array in nlblocks.state_of(chain[-1]).items():
        assert array.tobytes() == state[name].tobytes(), name


@pytest.mark.parametrize("spec", SPECS)
def test_backends_agree(spec: BlockSpec, require: Require) -> None:
    """The figures: forward 1e-13, gradients 1e-12, running statistics 1e-14, and bits in float32."""
    require("torch", "paddle")
    report = nlblocks.verify(spec, seed=0)
    assert report, report
    assert tolerance.LIMITS["output"] == tolerance.LIMITS["attention"] == 1e-13
    assert tolerance.LIMITS["grad_input"] == tolerance.LIMITS["grad_params"] == tolerance.LIMITS["derivative"] == 1e-12
    assert tolerance.LIMITS["buffers"] == 1e-14
    for check in report.checks:  # what is zero but for rounding has no relative error to speak of
        within = check.dtype != "float64" or check.zero or check.difference.relative <= tolerance.LIMITS[check.group]
        assert within, (check.group, check.name, check.difference.relative)
    assert report.determined_bits()[0] == 1.0
    for group in ("output", "grad_input", "buffers"):  # of all elements, determined or not
        assert report.bits(group) in (1.0, None)
    groups = {check.group for check in report.checks}
    assert groups >= {"output", "grad_input", "derivative"}
    assert ("grad_params" in groups) == any(param.trainable for param in spec.params())
    assert {check.phase for check in report.checks} == {"eval", "train"}
    assert {check.dtype for check in report.checks} == {"float64", "float32"}
    assert ("tied" in {check.inputs for check in report.checks}) == spec.takes_maximum


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_run_leaves_the_module_as_it_was(spec: BlockSpec, backend: str, require: Require) -> None:
    require(backend)
    module = built(spec, backend)
    module.eval()
    before = nlblocks.state_of(module)
    x = joined(example_inputs(spec))
    run = nlblocks.run(module, x, training=True, grad_output=np.ones(spec.output_shape(spec.example_shape())))
    assert not module.training
    for name, array in nlblocks.state_of(module).items():
        assert array.tobytes() == before[name].tobytes(), name
    buffers = {p.name: p.still for p in spec.params() if not p.trainable}
    assert all((run.state_after[name] == before[name]).all() == still for name, still in buffers.items())


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_an_empty_batch_gives_an_empty_batch(spec: BlockSpec, backend: str, require: Require) -> None:
    require(backend)
    shape = mapped(lambda own: (0, *own[1:]), spec.example_shape())
    maps = spec.attention_shapes(shape)
    module = nlblocks.build(spec, backend=backend, dtype="float64")
    run = nlblocks.run(module, mapped(np.zeros, shape), return_attention=bool(maps))
    assert run.output.shape == spec.output_shape(shape)
    found = run.attention if isinstance(run.attention, dict) else {"attention": run.attention}
    assert {name: array.shape for name, array in found.items() if array is not None} == maps


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_one_position_is_computed_or_refused_in_one_line(spec: BlockSpec, backend: str, require: Require) -> None:
    require(backend)
    module = nlblocks.build(spec, backend=backend, dtype="float64")
    channels = spec.channel_axis
    shape = mapped(lambda own: tuple(n if i == channels else 1 for i, n in enumerate(own)), spec.example_shape())
    try:
        spec.check_input(shape)
    except nlblocks.InputError:
        with pytest.raises(nlblocks.InputError, match=r"^.+$"):
            nlblocks.run(module, mapped(np.ones, shape))
        return
    run = nlblocks.run(module, mapped(np.ones, shape))
    assert run.output.shape == spec.output_shape(shape)
    assert np.isfinite(run.output).all()


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_wrong_input_is_one_clear_line(spec: BlockSpec, backend: str, require: Require) -> None:
    require(backend)
    module = nlblocks.build(spec, backend=backend, dtype="float64")
    shape = spec.example_shape()
    wrong_shapes = [mapped(lambda own: own[:-1], shape), mapped(lambda own: (*own, 1), shape)]
    if hasattr(spec, "in_channels"):
        first, *others = parts(shape)
        axis = spec.channel_axis
        wrong_shapes.append(joined([(*first[:axis], first[axis] + 1, *first[axis + 1 :]), *others]))
    for wrong in wrong_shapes:
        xs = [np.zeros(own) for own in parts(wrong)]
        for call in (lambda xs: nlblocks.run(module, joined(xs)), lambda xs: module(*_native(backend, xs))):
            with pytest.raises(nlblocks.InputError, match=type(spec).__name__) as error:
                call(xs)
            assert "\n" not in str(error.value)
    with pytest.raises(nlblocks.InputError, match=rf"{type(spec).__name__} takes .*; received {len(xs) + 1}$"):
        nlblocks.run(module, (*example_inputs(spec), np.zeros((2, 2))))


def _native(backend: str, xs: Sequence[Any]) -> list[Any]:
    if backend == "torch":
        import torch

        return [torch.from_numpy(x) for x in xs]
    if backend == "paddle":
        import paddle

        return [paddle.to_tensor(x) for x in xs]
    return list(xs)
