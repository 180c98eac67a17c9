"""The blocks behave as native modules do: what a torch or Paddle user does with any module works with these."""

from __future__ import annotations

import copy
import pickle
import sys
from typing import Any

import numpy as np
import pytest

import nlblocks
from nlblocks.specs import BlockSpec, NonLocal
from nlblocks.specs.inputs import joined
from parity_tests.helpers.blocks import ONE_OF_EACH, SPECS, built, example_inputs
from parity_tests.helpers.tensors import OTHER

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

import nlblocks_paddle  # noqa: E402  after the skips
import nlblocks_torch  # noqa: E402


def build(spec: BlockSpec, backend: str) -> tuple[Any, Any]:
    """A block with random state, in eval mode and float32, and an array for each input."""
    module = built(spec.deterministic(), backend, "float32")
    module.eval()
    return module, example_inputs(spec, "float32")


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("mode", ["eval", "train"])
def test_paddle_to_static_with_a_batch_of_any_size(spec: BlockSpec, mode: str) -> None:
    layer, xs = build(spec, "paddle")
    getattr(layer, mode)()
    expected = nlblocks.run(layer, joined(xs), training=mode == "train")
    specs_of_inputs = [paddle.static.InputSpec([None, *x.shape[1:]], "float32") for x in xs]
    static = paddle.jit.to_static(layer, input_spec=specs_of_inputs, full_graph=True)
    output = static(*map(paddle.to_tensor, xs)).numpy()
    np.testing.assert_allclose(output, expected.output, rtol=0, atol=1e-5 * float(np.abs(expected.output).max()))
    for name, array in nlblocks.state_of(layer).items():
        limit = 1e-6 * float(np.abs(array).max())
        np.testing.assert_allclose(array, expected.state_after[name], rtol=0, atol=limit)


@pytest.mark.parametrize(
    "spec", [spec for spec in SPECS if spec.values[0].kind != "attention_resnet"]
)  # slow, of these
def test_paddle_to_static_in_float64(spec: BlockSpec) -> None:
    """A static program holds Python's numbers as float32, 1e-8 away."""
    layer = built(spec.deterministic(), "paddle", "float64")
    xs = example_inputs(spec)
    layer.train()
    expected = nlblocks.run(layer, joined(xs), training=True)
    output = paddle.jit.to_static(layer.forward, full_graph=True)(*map(paddle.to_tensor, xs)).numpy()
    assert np.abs(output - expected.output).max() <= 1e-12 * np.abs(expected.output).max()
    for name, array in nlblocks.state_of(layer).items():
        assert np.abs(array - expected.state_after[name]).max() <= 1e-12 * np.abs(array).max()


# torch's compiler makes an instance of a custom autograd function itself, and warns about that.
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
@pytest.mark.parametrize("spec", ONE_OF_EACH)
@pytest.mark.parametrize("training", [False, True])
def test_torch_compile_in_one_graph(spec: BlockSpec, training: bool) -> None:
    module, xs = build(spec, "torch")
    expected = nlblocks.run(module, joined(xs), training=training)
    torch._dynamo.reset()
    module.train(training)
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    output = compiled(*map(torch.from_numpy, xs)).detach().numpy()
    np.testing.assert_allclose(output, expected.output, rtol=0, atol=1e-5 * float(np.abs(expected.output).max()))


@pytest.mark.parametrize("spec", ONE_OF_EACH)
def test_torch_export(spec: BlockSpec) -> None:
    module, xs = build(spec, "torch")
    tensors = tuple(map(torch.from_numpy, xs))
    program = torch.export.export(module, tensors)
    output = program.module()(*tensors).detach().numpy()
    expected = nlblocks.run(module, joined(xs)).output
    np.testing.assert_allclose(output, expected, rtol=0, atol=1e-6 * float(np.abs(expected).max()))


@pytest.mark.parametrize("spec", ONE_OF_EACH)
def test_torch_half_autocast_copy_and_pickle(spec: BlockSpec) -> None:
    module, xs = build(spec, "torch")
    tensors = [torch.from_numpy(x) for x in xs]
    expected = module(*tensors)
    for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert twin.spec == spec.deterministic()
        assert torch.equal(twin(*tensors), expected)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.isfinite(module(*tensors).float()).all()
    twin = copy.deepcopy(module).to(torch.bfloat16)
    assert twin(*(x.bfloat16() for x in tensors)).dtype == torch.bfloat16
    assert all(array.dtype == np.float32 for array in nlblocks.state_of(twin).values())
    assert copy.deepcopy(module).half()(*(x.half() for x in tensors)).dtype == torch.float16
    strict = nlblocks.build(spec.deterministic(), backend="torch")
    strict.load_state_dict(module.state_dict())  # strict by default
    assert torch.equal(strict.eval()(*tensors), expected)


@pytest.mark.parametrize("spec", ONE_OF_EACH)
def test_paddle_copy_state_dict_and_save(spec: BlockSpec, tmp_path: Any) -> None:
    layer, xs = build(spec, "paddle")
    tensors = [paddle.to_tensor(x) for x in xs]
    expected = layer(*tensors).numpy()
    np.testing.assert_array_equal(copy.deepcopy(layer)(*tensors).numpy(), expected)
    paddle.save(layer.state_dict(), str(tmp_path / "block.pdparams"))
    other = nlblocks.build(spec.deterministic(), backend="paddle", seed=1)
    missing, unexpected = other.set_state_dict(paddle.load(str(tmp_path / "block.pdparams")))
    assert (missing, unexpected) == ([], [])
    other.eval()
    np.testing.assert_array_equal(other(*tensors).numpy(), expected)


@pytest.mark.parametrize("native", [nlblocks_torch, nlblocks_paddle])
def test_options_and_spec_build_the_same_block(native: Any) -> None:
    spec = NonLocal(in_channels=6, mode="dot_product")
    left, right = native.NonLocal(spec, seed=3), native.NonLocal(in_channels=6, mode="dot_product", seed=3)
    assert left.spec == right.spec == spec
    for name, array in nlblocks.state_of(left).items():
        assert array.tobytes() == nlblocks.state_of(right)[name].tobytes()
    with pytest.raises(nlblocks.InputError, match="unknown option 'mod'"):
        native.NonLocal(in_channels=6, mod="dot_product")
    with pytest.raises(nlblocks.InputError, match="'in_channels' is missing"):
        native.NonLocal()
    with pytest.raises(nlblocks.InputError, match="not both"):
        native.NonLocal(spec, in_channels=6)
    with pytest.raises(nlblocks.InputError, match="must be a NonLocal spec"):
        native.NonLocal(nlblocks.specs.DigitNet())


def test_the_frameworks_own_seed_governs_an_unseeded_block() -> None:
    for seed, native in ((torch.manual_seed, nlblocks_torch), (paddle.seed, nlblocks_paddle)):
        blocks = []
        for value in (5, 5, 6):
            seed(value)
            blocks.append(nlblocks.state_of(native.NonLocal(in_channels=6))["g.weight"])
        assert (blocks[0] == blocks[1]).all()
        assert (blocks[0] != blocks[2]).any()


@pytest.mark.parametrize("source", ["torch", "paddle"])
def test_dlpack_shares_memory_where_layouts_agree(source: str) -> None:
    """What ``transfer`` exchanges is a view of the source's own memory, Linear weights included."""
    module = nlblocks.build(nlblocks.specs.DigitNet(), backend=source)
    tensors = nlblocks.backend.get(source).tensors(module)
    read = paddle.from_dlpack if OTHER[source] == "paddle" else torch.from_dlpack
    own = {name: tensor.data_ptr() for name, tensor in module.state_dict().items()}
    for name, tensor in tensors.items():
        assert read(tensor).data_ptr() == own[name], name


@pytest.mark.parametrize("backend", ["torch", "paddle"])
def test_build_draws_each_tensor_once(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in a block of blocks, and in the dtype asked for: nothing is drawn twice or rounded to float32."""
    native = {"torch": nlblocks_torch, "paddle": nlblocks_paddle}[backend]
    draws: list[str] = []
    block = sys.modules[f"{native.__name__}.block"]
    initial_state = block.initial_state
    monkeypatch.setattr(
        block, "initial_state", lambda spec, seed: draws.append(type(spec).__name__) or initial_state(spec, seed)
    )
    spec = nlblocks.specs.CBAM(in_channels=32)
    module = nlblocks.build(spec, backend=backend, seed=3, dtype="float64")
    assert draws == ["CBAM"]
    for name, array in initial_state(spec, 3).items():
        np.testing.assert_array_equal(nlblocks.state_of(module)[name], array)
    draws.clear()
    native.CBAM(spec)  # without the context a block initialises itself
    assert draws[-1] == "CBAM"
