"""The fast path is the same function as the direct one: values, gradients, odd shapes and layouts, and who chooses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nlblocks
from nlblocks.backend import package
from nlblocks.paths import PATHS, force
from nlblocks.proof import sample
from nlblocks.specs import BlockSpec, CrissCrossAttention, DisentangledNonLocal, NonLocal, PositionAttention
from nlblocks.specs.base import describe
from nlblocks.specs.catalogue import EXAMPLES
from nlblocks.specs.non_local import MODES
from parity_tests.helpers.blocks import NATIVE, Require, built
from parity_tests.helpers.checkout import python

KINDS = {
    "non_local",
    "position_attention",
    "dual_attention",
    "criss_cross_attention",
    "relation_aware_attention",
    "polarized_self_attention",
    "disentangled_non_local",
    "double_attention",
    "efficient_attention",
    "contextual_window_attention",
}
WITH_PATHS = [pytest.param(spec.deterministic(), id=describe(spec)) for spec in EXAMPLES if spec.kind in KINDS]
BLOCKS = [
    *(pytest.param(NonLocal(in_channels=6, mode=mode, norm=None, zero_init=False), id=mode) for mode in MODES),
    pytest.param(PositionAttention(in_channels=8), id="position"),
    pytest.param(DisentangledNonLocal(in_channels=6, norm=None, zero_init=False), id="disentangled"),
    pytest.param(
        DisentangledNonLocal(in_channels=6, mode="dot_product", norm=None, zero_init=False), id="disentangled dot"
    ),
    pytest.param(CrissCrossAttention(in_channels=8), id="criss-cross"),
    pytest.param(CrissCrossAttention(in_channels=8, dims=3, recurrence=2), id="criss-cross 3d"),
]
LIMIT = 1e-12


def both_paths(
    spec: BlockSpec, backend: str, x: np.ndarray[Any, Any], state: Any = None, training: bool = False
) -> dict[str, Any]:
    module = built(spec, backend, state=state)
    grad = sample.random_array(spec.output_shape(x.shape), 0, "grad")
    runs = {}
    for path in PATHS:
        with force(path):
            runs[path] = nlblocks.run(module, x, training=training, grad_output=grad)
    return runs


def assert_same(runs: dict[str, Any]) -> None:
    direct, fast = runs["direct"], runs["fast"]
    largest = max((np.abs(a).max(initial=0) for a in direct.grad_params.values()), default=0)
    pairs = [(direct.output, fast.output, 0.0), (direct.grad_input, fast.grad_input, 0.0)]
    assert set(direct.grad_params) == set(fast.grad_params)
    pairs += [(array, fast.grad_params[name], largest) for name, array in direct.grad_params.items()]
    for left, right, scale in pairs:
        assert left.shape == right.shape
        scale = max(scale, np.abs(left).max(initial=0))
        assert np.abs(left - right).max(initial=0) <= LIMIT * scale


@pytest.mark.parametrize("backend", NATIVE)
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("spec", WITH_PATHS)
def test_fast_is_direct(spec: BlockSpec, training: bool, backend: str, require: Require) -> None:
    require(backend)
    assert_same(both_paths(spec, backend, sample.random_array(spec.example_shape(), 0, "x"), training=training))


@pytest.mark.parametrize("backend", NATIVE)
@pytest.mark.parametrize("shape", [(1, 1), (2, 1), (0, 12), (3, 20)], ids=["one", "N=1", "batch 0", "more"])
@pytest.mark.parametrize("sub_sample", ["none", "after"])
@pytest.mark.parametrize("mode", MODES)
def test_small_and_empty(mode: str, sub_sample: str, shape: Any, backend: str, require: Require) -> None:
    """N = 1, M = 1 (a pooled pair) and a batch of none."""
    require(backend)
    batch, positions = shape
    if sub_sample == "after" and positions == 1:
        positions = 2
    spec = NonLocal(in_channels=6, dims=1, mode=mode, sub_sample=sub_sample, norm=None, zero_init=False)
    x = sample.random_array((batch, 6, positions), 0, "x")
    assert_same(both_paths(spec, backend, x))


@pytest.mark.parametrize("backend", NATIVE)
@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (4, 1), (1, 1, 1), (2, 1, 3)])
@pytest.mark.parametrize("batch", [0, 1, 2])
def test_short_lines(batch: int, shape: Any, backend: str, require: Require) -> None:
    require(backend)
    spec = CrissCrossAttention(in_channels=8, dims=len(shape))
    assert_same(both_paths(spec, backend, sample.random_array((batch, 8, *shape), 0, "x")))


@pytest.mark.parametrize("backend", NATIVE)
def test_large_energies_along_lines(backend: str, require: Require) -> None:
    """Weights that overflow or vanish unless the largest energy of all lines is taken off."""
    require(backend)
    spec = CrissCrossAttention(in_channels=8)
    state = sample.random_state(spec, 0)
    state |= {name: 40 * state[name] for name in ("query.weight", "key.weight")}
    runs = both_paths(spec, backend, sample.random_array((2, 8, 6, 5), 0, "x"), state)
    assert all(np.isfinite(run.output).all() for run in runs.values())
    assert_same(runs)


@pytest.mark.parametrize("backend", NATIVE)
@pytest.mark.parametrize("mode", MODES)
def test_ties(mode: str, backend: str, require: Require) -> None:
    """Equal keys, and queries that meet a key exactly at the corner of the ramp, where its slope is 0."""
    require(backend)
    spec = NonLocal(in_channels=4, mode=mode, inter_channels=4, norm=None, zero_init=False)
    state = sample.random_state(spec, 0)
    identity = np.eye(4).reshape(4, 4, 1, 1)
    state |= {name: identity for name in ("theta.weight", "phi.weight") if name in state}
    state |= {name: np.zeros(4) for name in ("theta.bias", "phi.bias") if name in state}
    if "w_f" in state:
        state["w_f"] = np.array([1.0, 2.0, -1.0, 0.0, -1.0, -2.0, 1.0, 0.0])  # a_i = -b_i: every own pair is a tie
    x = np.round(sample.random_array((2, 4, 9, 7), 0, "x"))
    assert_same(both_paths(spec, backend, x, state))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("mode", MODES)
def test_verify_with_each_path_forced(mode: str, path: Any, require: Require) -> None:
    require(*NATIVE)
    with force(path):
        report = nlblocks.verify(NonLocal(in_channels=6, mode=mode, sub_sample="after"))
    assert report, report
    assert any("without map" in check.pair[0] for check in report.checks)


@pytest.mark.parametrize("spec", BLOCKS)
def test_torch_layouts(spec: BlockSpec, require: Require) -> None:
    require("torch")
    import torch

    module = built(spec, "torch")
    dims = len(spec.example_shape()) - 2
    x = torch.from_numpy(sample.random_array((2, spec.example_shape()[1], *(8, 6, 3)[:dims]), 0, "x"))
    channels_last = {2: torch.channels_last, 3: torch.channels_last_3d}[dims]
    with force("fast"):
        expected = module(x)
        strided = torch.empty(*x.shape[:-1], 2 * x.shape[-1], dtype=x.dtype)[..., ::2].copy_(x)
        transposed = x.transpose(2, 3).contiguous().transpose(2, 3)
        for other in (x.contiguous(memory_format=channels_last), strided, transposed):
            assert other.stride() != x.stride()
            torch.testing.assert_close(module(other), expected, rtol=LIMIT, atol=LIMIT)


@pytest.mark.parametrize("spec", BLOCKS)
def test_paddle_layouts(spec: BlockSpec, require: Require) -> None:
    require("paddle")
    import paddle

    module = built(spec, "paddle")
    dims = len(spec.example_shape()) - 2
    x = paddle.to_tensor(sample.random_array((2, spec.example_shape()[1], *(8, 6, 3)[:dims]), 0, "x"))
    other = paddle.moveaxis(paddle.moveaxis(x, 1, -1).contiguous(), -1, 1)
    assert not other.is_contiguous()
    with force("fast"):
        np.testing.assert_allclose(module(other).numpy(), module(x).numpy(), rtol=LIMIT, atol=LIMIT)


# torch's compiler makes an instance of a custom autograd function itself, and warns about that.
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
@pytest.mark.parametrize("spec", BLOCKS)
def test_torch_compile_autocast_and_half_on_the_fast_path(spec: BlockSpec, require: Require) -> None:
    require("torch")
    import torch

    module = built(spec, "torch", "float32")
    x = torch.from_numpy(sample.random_array(spec.example_shape(), 0, "x")).float().requires_grad_()
    with force("fast"):
        expected = module(x)
        (slope,) = torch.autograd.grad(expected.sum(), x)
        torch._dynamo.reset()
        compiled = torch.compile(module, fullgraph=True, backend="aot_eager")(x)
        torch.testing.assert_close(compiled, expected, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(torch.autograd.grad(compiled.sum(), x)[0], slope, rtol=1e-4, atol=1e-4)
        scale = float(expected.detach().abs().max())
        with torch.autocast("cpu", dtype=torch.bfloat16):
            half = module(x)
        assert float((half.detach().float() - expected.detach()).abs().max()) < 0.05 * scale
        (found,) = torch.autograd.grad(half.float().sum(), x)
        assert float((found - slope).abs().max()) < 0.1 * float(slope.abs().max())
        assert module.to(torch.bfloat16)(x.bfloat16()).dtype == torch.bfloat16


@pytest.mark.parametrize("mode", ["dot_product", "concatenation"])
def test_torch_gradients_of_gradients(mode: str, require: Require) -> None:
    require("torch")
    import torch

    spec = NonLocal(in_channels=3, dims=1, mode=mode, norm=None, zero_init=False)
    module = nlblocks.build(spec, backend="torch", dtype="float64")
    x = torch.from_numpy(sample.random_array((2, 3, 5), 0, "x")).requires_grad_()
    with force("fast"):
        assert torch.autograd.gradcheck(module, (x,))
        assert torch.autograd.gradgradcheck(module, (x,))


FROZEN = [
    *(
        pytest.param(NonLocal(in_channels=6, mode=mode, norm=None, zero_init=False), names, id=" ".join((mode, *names)))
        for mode in MODES
        for names in (("theta",), ("phi",), ("g",), ("theta", "phi"), ("theta", "phi", "w_f"), ())
    ),
    *(
        pytest.param(CrissCrossAttention(in_channels=8), names, id=" ".join(("criss-cross", *names)))
        for names in (("query",), ("key", "value"), ("query", "key"), ("value",), ())
    ),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "frozen"), FROZEN)
@pytest.mark.parametrize("backend", NATIVE)
def test_frozen_layers(backend: str, spec: BlockSpec, frozen: tuple[str, ...], require: Require) -> None:
    """Fine-tuning with some layers frozen and an input without gradient: the rest has the same gradients."""
    require(backend)
    module = built(spec, backend)
    x = sample.random_array(spec.example_shape(), 0, "x")
    tracked = {}
    for name, parameter in module.named_parameters():
        if name.split(".")[0] not in frozen:
            tracked[name] = parameter
        elif backend == "torch":
            parameter.requires_grad_(False)
        else:
            parameter.stop_gradient = True
    found = {}
    for path in PATHS:
        with force(path):
            if backend == "torch":
                import torch

                grads = torch.autograd.grad(module(torch.from_numpy(x)).square().sum(), list(tracked.values()))
            else:
                import paddle

                grads = paddle.grad([module(paddle.to_tensor(x)).square().sum()], list(tracked.values()))
        found[path] = dict(zip(tracked, [grad.numpy() for grad in grads], strict=True))
    largest = max(np.abs(grad).max() for grad in found["direct"].values())
    for name, grad in found["direct"].items():
        assert np.abs(grad - found["fast"][name]).max() <= LIMIT * largest, name


@pytest.mark.parametrize("backend", NATIVE)
@pytest.mark.parametrize("scale", [1.0, 1e3])
def test_long_sums_are_no_rougher_in_float32(backend: str, scale: float, require: Require) -> None:
    """Prefix sums over many positions: the fast ramp is as close to float64 as the direct one, give or take."""
    require(backend)
    spec = NonLocal(in_channels=4, dims=1, mode="concatenation", norm=None, zero_init=False)
    state = sample.random_state(spec, 0)
    x = scale * sample.random_array((1, 4, 2000), 0, "x")
    outputs = {}
    for dtype in ("float64", "float32"):
        module = built(spec, backend, dtype, {name: value.astype(dtype) for name, value in state.items()})
        for path in PATHS:
            with force(path):
                outputs[dtype, path] = nlblocks.run(module, x).output.astype("float64")
    exact = outputs["float64", "direct"]
    errors = {path: np.abs(outputs["float32", path] - exact).max() / np.abs(exact).max() for path in PATHS}
    assert errors["fast"] <= 4 * errors["direct"], errors


@pytest.mark.parametrize("backend", NATIVE)
def test_one_place_decides(backend: str, require: Require) -> None:
    require(backend)
    choose = __import__(f"nlblocks_{backend}.kernels.paths", fromlist=["choose"]).choose
    assert choose("product", 3136, 3136, (32, 32), False) == "fast"
    assert choose("product", 16, 16, (512, 512), False) == "direct"  # the order that costs less
    assert choose("ramp", 3136, 3136, (32, 32), False) == "fast"
    assert choose("softmax", 16, 16, (32, 32), False) == "direct"
    assert choose("lines", 16, 8, (8, 64), False) == "fast"
    assert choose("lines", 16, 8, (8, 64), True) == "direct"
    assert choose("softmax", 3136, 3136, (32, 32), True) == "direct"
    with force("fast"):
        assert choose("softmax", 16, 16, (32, 32), False) == "fast"
        assert choose("softmax", 16, 16, (32, 32), True) == "direct"  # only the direct path has a map
        with force("direct"):
            assert choose("ramp", 3136, 3136, (32, 32), False) == "direct"
        assert choose("ramp", 16, 16, (32, 32), False) == "fast"
    with pytest.raises(nlblocks.errors.BackendError, match="'quick' must be one of"), force("quick"):  # type: ignore[arg-type]
        pass


@pytest.mark.parametrize("backend", NATIVE)
def test_the_environment_forces_a_path(backend: str, require: Require) -> None:
    require(backend)
    code = (
        "import warnings; warnings.simplefilter('ignore')\n"
        f"from nlblocks_{backend}.kernels.paths import choose\n"
        "print(choose('ramp', 3136, 3136, (32, 32), False))"
    )
    for value, expected in (("direct", "direct"), ("quick", "NLBLOCKS_PATH='quick' is unknown")):
        found = python("-c", code, NLBLOCKS_PATH=value)
        assert expected in found.stdout + found.stderr


@pytest.mark.parametrize("mode", MODES)
def test_a_network_uses_the_fast_path_too(mode: str, monkeypatch: pytest.MonkeyPatch, require: Require) -> None:
    """DigitNet asks its blocks for maps only when it is asked for them."""
    require("torch")
    native = package("torch")
    monkeypatch.setattr(native.NonLocal, "_attention", lambda *args: pytest.fail("the map was built"))
    module = nlblocks.build(nlblocks.specs.DigitNet(mode=mode), backend="torch")
    with force("fast"):
        nlblocks.run(module, np.zeros(module.spec.example_shape()))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("spec", BLOCKS)
def test_torch_halves_are_no_rougher_than_on_the_direct_path(spec: BlockSpec, dtype: str, require: Require) -> None:
    """Output and input gradient in half precision, against float64 at the same rounded weights and input."""
    require("torch")
    import torch

    half = getattr(torch, dtype)
    source = torch.from_numpy(sample.random_array((2, *spec.example_shape()[1:]), 0, "x")).to(half)
    module = built(spec, "torch", "float32")
    module.to(half)

    def run(path: Any, kind: Any) -> list[Any]:
        x = source.to(kind).requires_grad_()
        with force(path):
            y = module.to(kind)(x)
            assert y.dtype == kind
            return [y.detach().double(), torch.autograd.grad(y.double().square().sum(), x)[0].double()]

    found = {path: run(path, half) for path in PATHS}
    for exact, direct, fast in zip(run("direct", torch.float64), *found.values(), strict=True):
        assert (fast - exact).abs().max() <= 4 * (direct - exact).abs().max()


@pytest.mark.parametrize("mode", ["embedded_gaussian", "gaussian"])
def test_paddle_softmax_in_many_blocks(mode: str, monkeypatch: pytest.MonkeyPatch, require: Require) -> None:
    """Blocks of 5 queries of 63, the last one of 3, in a batch."""
    require("paddle")
    products = __import__("nlblocks_paddle.kernels.products", fromlist=["ROWS"])
    monkeypatch.setattr(products, "ROWS", 5)
    monkeypatch.setattr(products, "BLOCK", 1)
    spec = NonLocal(in_channels=6, mode=mode, norm=None, zero_init=False)
    assert_same(both_paths(spec, "paddle", sample.random_array((2, 6, 9, 7), 0, "x")))
