"""Checkpoints go to the toy's layout and back, whole, and its models compute what the others' did."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

import nlblocks
from nlblocks import specs
from nlblocks.conventions import conventions_of, framework_of, frameworks
from nlblocks.numerics import tolerance
from nlblocks.weights.conversion import Options
from nlblocks.weights.convert import plan
from nlblocks.weights.files import in_memory, open_checkpoint, write_checkpoint
from nlblocks.weights.files.dtypes import of_array
from parity_tests.helpers.command_line import call
from parity_tests.weights.tables import as_told_by, bits, checkpoint, disagreements

FRAMEWORKS = ("torch", "paddle")
EPS = 2.0**-17  # which Paddle, that holds it as float32, holds exactly
INPUT = np.random.default_rng(0).normal(size=(6, 5))
pytestmark = [
    # The hooks of torch.nn.utils are what older models were saved with.
    pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:When training, we now always track global mean and variance:UserWarning"),
]


def convert(*words: object) -> None:
    found = call("convert", *words)
    assert found.exit_code == 0, found.output


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("ending", ["safetensors", "native"])
def test_a_checkpoint_of_every_layer_comes_back_bit_for_bit(
    numtape: Any, framework: str, ending: str, tmp_path: Path, require: Any
) -> None:
    require(framework)
    source = checkpoint(framework)
    suffix = {"torch": "pth", "paddle": "pdparams"}[framework] if ending == "native" else ending
    first, there, back = tmp_path / f"a.{suffix}", tmp_path / "b.safetensors", tmp_path / f"c.{suffix}"
    write_checkpoint(first, source, layout=framework)
    convert(first, there, "--to", "toy")
    toy = open_checkpoint(there)
    assert toy.layout == "toy"
    assert disagreements(as_told_by(framework, conventions_of("toy")), toy.tensors) == []
    assert {"bn.mean", "bn.var"} <= set(toy.tensors)
    convert(there, back, *(["--to", framework] if ending == "safetensors" else []))
    assert bits(open_checkpoint(back).tensors) == bits(source)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_function_does_the_same(numtape: Any, framework: str, require: Any) -> None:
    require(framework)
    source = checkpoint(framework)
    there = plan(source, Options(source=framework, target="toy"))
    back = plan(there.tensors, Options(source="toy", target=framework), there.record)
    assert bits(back.tensors) == bits(source)
    other = "paddle" if framework == "torch" else "torch"
    over = plan(there.tensors, Options(source="toy", target=other), there.record)
    direct = plan(source, Options(source=framework, target=other))
    assert bits(over.tensors) == bits(direct.tensors)
    counts = [planned.record.get("num_batches_tracked") for planned in (there, over)]
    assert counts == ([{"bn.num_batches_tracked": 0}] * 2 if framework == "torch" else [None] * 2)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_what_the_toy_saves_goes_to_another_and_back(
    numtape: Any, framework: str, tmp_path: Path, require: Any
) -> None:
    require(framework)
    model = toy_net(numtape)
    own = {name: tensor.data for name, tensor in model.tensors().items()}
    tensors = {name: in_memory(array, of_array(array)) for name, array in own.items()}
    write_checkpoint(tmp_path / "plain.safetensors", tensors)  # as another tool writes it: it does not say whose
    convert(tmp_path / "plain.safetensors", tmp_path / "b.safetensors", "--from", "toy", "--to", framework)
    convert(tmp_path / "b.safetensors", tmp_path / "c.safetensors", "--from", framework, "--to", "toy")
    assert bits(open_checkpoint(tmp_path / "c.safetensors").tensors) == bits(tensors)
    there = open_checkpoint(tmp_path / "b.safetensors").tensors
    assert there["fc1.weight"].shape == ((8, 5) if framework == "torch" else (5, 8))


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_model_that_loads_what_was_converted_computes_the_same(
    numtape: Any, framework: str, tmp_path: Path, require: Any
) -> None:
    require(framework)
    saved, expected = {"torch": torch_run, "paddle": paddle_run}[framework](tmp_path)
    convert(saved, tmp_path / "toy.safetensors", "--to", "toy")
    with numtape.using(dtype="float64"):
        model = toy_net(numtape)
    model.load(load_file(tmp_path / "toy.safetensors"))
    model.eval()
    found = model(numtape.Tensor(INPUT)).data
    assert found.dtype == np.float64
    assert np.abs(found - expected).max() <= tolerance.LIMITS["output"] * np.abs(expected).max()


def test_a_block_in_a_file_is_turned_for_it(numtape: Any, tmp_path: Path) -> None:
    spec = specs.SqueezeExcitation(in_channels=8, ratio=2)
    block = nlblocks.build(spec, backend="reference", dtype="float64")
    nlblocks.save(block, tmp_path / "a.safetensors")
    convert(tmp_path / "a.safetensors", tmp_path / "b.safetensors", "--to", "toy")
    for name, array in load_file(tmp_path / "b.safetensors").items():
        assert array.tobytes() == nlblocks.build(spec, backend="toy", dtype="float64").tensors()[name].data.tobytes()
    loaded = nlblocks.load(tmp_path / "b.safetensors", backend="toy", spec=spec)
    assert all(np.array_equal(nlblocks.state_of(loaded)[n], a) for n, a in nlblocks.state_of(block).items())


def test_the_file_says_whose_it_is(numtape: Any, tmp_path: Path) -> None:
    assert frameworks() == ["torch", "paddle", "toy"]
    assert framework_of("numtape") == "toy"
    one = {"a": in_memory(np.ones(2), of_array(np.ones(2)))}
    write_checkpoint(tmp_path / "a.safetensors", one, layout="toy")
    raw = (tmp_path / "a.safetensors").read_bytes()
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    assert header["__metadata__"]["format"] == "numtape"
    refused = call("convert", tmp_path / "a.safetensors", tmp_path / "a.pth", "--to", "toy")
    assert (refused.exit_code, "--to toy does not write a .pth file" in refused.output) == (2, True)


def toy_net(numtape: Any) -> Any:
    class Net(numtape.Module):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            self.fc1, self.bn, self.fc2 = numtape.Linear(5, 8), numtape.BatchNorm(8, eps=EPS), numtape.Linear(8, 3)

        def forward(self, x: Any) -> Any:
            return self.fc2(numtape.relu(self.bn(self.fc1(x))))

    return Net()


def torch_run(folder: Path) -> tuple[Path, Any]:
    """A model that has been in training, saved, and what it computes in float64."""
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc1, self.bn, self.fc2 = nn.Linear(5, 8), nn.BatchNorm1d(8, eps=EPS), nn.Linear(8, 3)

        def forward(self, x: Any) -> Any:
            return self.fc2(torch.relu(self.bn(self.fc1(x))))

    model = Net().double()
    model(torch.as_tensor(INPUT * 2 + 1))
    torch.save(model.state_dict(), folder / "a.pth")
    return folder / "a.pth", model.eval()(torch.as_tensor(INPUT)).detach().numpy()


def paddle_run(folder: Path) -> tuple[Path, Any]:
    """The same in Paddle."""
    import paddle
    from paddle import nn

    class Net(nn.Layer):  # type: ignore[name-defined, misc]
        def __init__(self) -> None:
            super().__init__()
            self.fc1, self.bn, self.fc2 = nn.Linear(5, 8), nn.BatchNorm1D(8, epsilon=EPS), nn.Linear(8, 3)

        def forward(self, x: Any) -> Any:
            return self.fc2(nn.functional.relu(self.bn(self.fc1(x))))

    model = Net().to(dtype="float64")
    model(paddle.to_tensor(INPUT * 2 + 1))
    paddle.save(model.state_dict(), str(folder / "a.pdparams"))
    model.eval()
    return folder / "a.pdparams", model(paddle.to_tensor(INPUT)).numpy()
