"""A whole model with our blocks inside, saved in one framework and loaded into its twin in the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

import nlblocks  # noqa: E402
import nlblocks_paddle  # noqa: E402
import nlblocks_torch  # noqa: E402
from nlblocks.errors import InputError  # noqa: E402
from nlblocks.weights.files import open_checkpoint  # noqa: E402

X = np.random.default_rng(0).normal(size=(2, 3, 8, 8)).astype("float32")
FILES = ["net.safetensors", "net.pth", "net.pdparams"]


class Torch(torch.nn.Module):
    """A square Linear, an Embedding whose table is square, a BatchNorm, and two blocks."""

    def __init__(self, reduction: int = 4) -> None:
        super().__init__()
        self.conv, self.norm = torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8)
        self.look = nlblocks_torch.NonLocal(in_channels=8, mode="dot_product")
        self.gate = nlblocks_torch.SqueezeExcitation(in_channels=8, ratio=reduction)
        self.fc, self.table = torch.nn.Linear(8, 8), torch.nn.Embedding(8, 8)

    def forward(self, x: Any) -> Any:
        x = self.gate(self.look(torch.relu(self.norm(self.conv(x)))))
        return self.fc(x.mean((2, 3))) + self.table.weight.mean(0)


class Paddle(paddle.nn.Layer):
    def __init__(self, reduction: int = 4) -> None:
        super().__init__()
        self.conv, self.norm = paddle.nn.Conv2D(3, 8, 3), paddle.nn.BatchNorm2D(8)
        self.look = nlblocks_paddle.NonLocal(in_channels=8, mode="dot_product")
        self.gate = nlblocks_paddle.SqueezeExcitation(in_channels=8, ratio=reduction)
        self.fc, self.table = paddle.nn.Linear(8, 8), paddle.nn.Embedding(8, 8)

    def forward(self, x: Any) -> Any:
        x = self.gate(self.look(paddle.nn.functional.relu(self.norm(self.conv(x)))))
        return self.fc(x.mean([2, 3])) + self.table.weight.mean(0)


def output(model: Any) -> Any:
    model.eval()
    tensor = torch.tensor if isinstance(model, torch.nn.Module) else paddle.to_tensor
    return model(tensor(X)).detach().numpy()


def trained(kind: Any) -> Any:
    """A model whose every tensor is distinct: our blocks begin as nothing."""
    model, rng = kind(), np.random.default_rng(0)
    for name, value in model.state_dict().items():
        if value.ndim:
            array = rng.uniform(0.5, 1.5, value.shape).astype("float32")
            array = array if name.endswith(("var", "variance")) else array - 1
            value.copy_(torch.tensor(array)) if kind is Torch else value.set_value(array)
    return model


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(("kind", "twin"), [(Torch, Paddle), (Paddle, Torch), (Torch, Torch), (Paddle, Paddle)])
def test_the_twin_gives_the_same_outputs(tmp_path: Path, name: str, kind: Any, twin: Any) -> None:
    model = trained(kind)
    nlblocks.save(model, tmp_path / name)
    other = twin()
    assert nlblocks.load(tmp_path / name, into=other) is other
    assert np.abs(output(model) - output(other)).max() < 1e-6 < np.abs(output(model)).max()


@pytest.mark.parametrize("kind", [Torch, Paddle])
@pytest.mark.parametrize("name", FILES)
def test_the_way_there_and_back_is_bit_for_bit(tmp_path: Path, name: str, kind: Any) -> None:
    model, twin, again = trained(kind), Paddle() if kind is Torch else Torch(), kind()
    nlblocks.save(model, tmp_path / name)
    nlblocks.save(nlblocks.load(tmp_path / name, into=twin), tmp_path / name)
    nlblocks.load(tmp_path / name, into=again)
    states = model.state_dict(), again.state_dict()
    assert all(np.array_equal(states[0][n].numpy(), states[1][n].numpy()) for n in states[0] if states[0][n].ndim)


def test_each_framework_s_own_loader_takes_its_file(tmp_path: Path) -> None:
    model = trained(Torch)
    nlblocks.save(model, tmp_path / "net.pth")
    nlblocks.save(model, tmp_path / "net.pdparams")
    Torch().load_state_dict(torch.load(tmp_path / "net.pth"))
    other = Paddle()
    assert other.set_state_dict(paddle.load(str(tmp_path / "net.pdparams"))) == ([], [])
    assert np.abs(output(model) - output(other)).max() < 1e-6


@pytest.mark.parametrize("name", FILES)
def test_the_specs_of_the_blocks_are_in_the_file(tmp_path: Path, name: str) -> None:
    model = trained(Torch)
    nlblocks.save(model, tmp_path / name)
    blocks = open_checkpoint(tmp_path / name).record["blocks"]
    assert {path: nlblocks.spec_from_dict(spec) for path, spec in blocks.items()} == {
        "look": model.look.spec, "gate": model.gate.spec,
    }  # fmt: skip


def test_a_block_with_other_fields_is_refused_and_nothing_is_loaded(tmp_path: Path) -> None:
    nlblocks.save(trained(Torch), tmp_path / "net.pth")
    other = Paddle(reduction=2)
    before = {name: value.numpy().copy() for name, value in other.state_dict().items()}
    with pytest.raises(InputError, match="the block gate is squeeze_excitation with other fields") as error:
        nlblocks.load(tmp_path / "net.pth", into=other)
    assert "\n" not in str(error.value)
    assert all(np.array_equal(before[name], value.numpy()) for name, value in other.state_dict().items())


class Fewer(Paddle):
    def __init__(self) -> None:
        super().__init__()
        del self.table
        self.extra = paddle.nn.Linear(8, 3)


def test_what_is_missing_and_what_is_unexpected_is_listed(tmp_path: Path) -> None:
    nlblocks.save(trained(Torch), tmp_path / "net.pth")
    with pytest.raises(InputError, match=r"extra.weight is missing; extra.bias is missing; table.weight is unexpected"):
        nlblocks.load(tmp_path / "net.pth", into=Fewer())


def test_a_model_takes_the_place_of_what_would_make_one(tmp_path: Path) -> None:
    nlblocks.save(trained(Torch), tmp_path / "net.pth")
    with pytest.raises(InputError, match="leave out backend"):
        nlblocks.load(tmp_path / "net.pth", into=Torch(), backend="torch")
    with pytest.raises(InputError, match="must be a torch"):
        nlblocks.load(tmp_path / "net.pth", into=3)


def test_what_is_no_model_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not an nlblocks block"):
        nlblocks.save(3, tmp_path / "net.pth")
    assert not any(tmp_path.iterdir())
