"""Training goes on in the other framework: with the optimiser's state carried over, three further steps agree."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nlblocks.commands.files import convert
from nlblocks.errors import InputError
from nlblocks.weights.files import open_checkpoint
from nlblocks.weights.optimiser import _updates
from parity_tests.helpers.command_line import call, output_of

pytestmark = pytest.mark.filterwarnings("ignore:When training, we now always track global mean:UserWarning")  # Paddle's
RATES = {"momentum": 0.01, "nesterov": 0.01, "adam": 0.003, "adamw": 0.003}


@pytest.fixture(autouse=True)
def _float64(require: Any) -> Iterator[None]:
    require("torch", "paddle")
    import paddle
    import torch

    torch.set_default_dtype(torch.float64)
    paddle.set_default_dtype("float64")
    with paddle.utils.unique_name.guard():  # names as in a process that builds nothing else
        yield
    torch.set_default_dtype(torch.float32)
    paddle.set_default_dtype("float32")


def torch_net() -> Any:
    from torch import nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.bn, self.act = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.PReLU()
            self.fc, self.norm = nn.Linear(4, 4), nn.LayerNorm(4)
            self.attn, self.lstm = nn.MultiheadAttention(4, 2, batch_first=True), nn.LSTM(4, 3, batch_first=True)
            self.head = nn.Linear(3, 2, bias=False)

        def forward(self, x: Any) -> Any:
            y = self.act(self.bn(self.conv(x))).flatten(2).transpose(1, 2)
            y = self.norm(self.fc(y))
            return self.head(self.lstm(y + self.attn(y, y, y)[0])[0])

    return Net()


def paddle_net() -> Any:
    from paddle import nn

    class Net(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.bn, self.act = nn.Conv2D(3, 4, 3), nn.BatchNorm2D(4), nn.PReLU()
            self.fc, self.norm = nn.Linear(4, 4), nn.LayerNorm(4)
            self.attn, self.lstm = nn.MultiHeadAttention(4, 2), nn.LSTM(4, 3)
            self.head = nn.Linear(3, 2, bias_attr=False)

        def forward(self, x: Any) -> Any:
            y = self.act(self.bn(self.conv(x))).flatten(2).transpose([0, 2, 1])
            y = self.norm(self.fc(y))
            return self.head(self.lstm(y + self.attn(y, y, y))[0])

    return Net()


def torch_optimiser(name: str, net: Any) -> Any:
    from torch import optim

    lr = RATES[name]
    if name in ("momentum", "nesterov"):
        return optim.SGD(net.parameters(), lr, momentum=0.9, nesterov=name == "nesterov")
    return (optim.AdamW if name == "adamw" else optim.Adam)(net.parameters(), lr, weight_decay=0.01)


def paddle_optimiser(name: str, net: Any) -> Any:
    from paddle import optimizer

    lr = RATES[name]
    if name in ("momentum", "nesterov"):
        return optimizer.Momentum(lr, 0.9, parameters=net.parameters(), use_nesterov=name == "nesterov")
    kind = optimizer.AdamW if name == "adamw" else optimizer.Adam
    return kind(lr, parameters=net.parameters(), weight_decay=0.01)


def trained(net: Any, optimiser: Any, make: Callable[[Any], Any], steps: range) -> list[float]:
    """The losses of some steps, each on a batch of its own."""
    losses = []
    for step in steps:
        x = np.random.default_rng(step).normal(size=(2, 3, 4, 4))
        loss = net(make(x)).square().mean()
        loss.backward()
        optimiser.step()
        (optimiser.zero_grad if hasattr(optimiser, "zero_grad") else optimiser.clear_grad)()
        losses.append(float(loss.detach()))
    return losses


@pytest.mark.parametrize("name", RATES)
def test_three_further_steps_agree_from_torch(tmp_path: Path, name: str) -> None:
    import paddle
    import torch

    torch.manual_seed(0)
    ours = torch_net()
    optimiser = torch_optimiser(name, ours)
    trained(ours, optimiser, torch.tensor, range(3))
    torch.save({"model": ours.state_dict(), "optimizer": optimiser.state_dict(), "epoch": 1}, tmp_path / "net.pth")
    result = call(tmp_path / "net.pth", tmp_path / "net.pdparams", "--optimiser", command=convert)
    assert result.exit_code == 0, result.exception
    assert "built first in its process (conv2d_0.w_0, " in result.stderr
    theirs = paddle_net()
    assert theirs.set_state_dict(paddle.load(str(tmp_path / "net.pdparams"))) == ([], [])
    other, state = paddle_optimiser(name, theirs), paddle.load(str(tmp_path / "net.pdopt"))
    other.set_state_dict(state)
    expected = trained(ours, optimiser, torch.tensor, range(3, 6))
    found = trained(theirs, other, paddle.to_tensor, range(3, 6))
    assert {name for name in other.state_dict() if name not in ("master_weights", "LR_Scheduler")} == set(state)
    assert np.allclose(found, expected, rtol=1e-6, atol=0)  # Paddle's kernels hold eps and betas as float32
    theirs.set_state_dict(paddle.load(str(tmp_path / "net.pdparams")))
    without = trained(theirs, paddle_optimiser(name, theirs), paddle.to_tensor, range(3, 6))
    assert not np.allclose(without, expected, rtol=1e-4, atol=0)  # which is what the state is for


@pytest.mark.parametrize("name", RATES)
def test_three_further_steps_agree_from_paddle(tmp_path: Path, name: str) -> None:
    import paddle
    import torch

    paddle.seed(0)
    theirs = paddle_net()
    optimiser = paddle_optimiser(name, theirs)
    trained(theirs, optimiser, paddle.to_tensor, range(3))
    paddle.save(theirs.state_dict(), str(tmp_path / "net.pdparams"))
    paddle.save(optimiser.state_dict(), str(tmp_path / "net.pdopt"))
    result = call(tmp_path / "net.pdparams", tmp_path / "net.pth", "--optimiser", command=convert)
    assert result.exit_code == 0, result.exception
    assert "holds no learning rate" in result.stderr
    saved = torch.load(tmp_path / "net.pth", weights_only=True)
    ours = torch_net()
    ours.load_state_dict(saved["model"])
    assert saved["optimizer"]["param_groups"][0]["param_names"] == [name for name, _ in ours.named_parameters()]
    other = torch_optimiser(name, ours)
    other.load_state_dict(saved["optimizer"] | {"param_groups": other.state_dict()["param_groups"]})
    expected = trained(theirs, optimiser, paddle.to_tensor, range(3, 6))
    assert np.allclose(trained(ours, other, torch.tensor, range(3, 6)), expected, rtol=1e-6, atol=0)


def test_there_and_back_gives_the_same_moments(tmp_path: Path) -> None:
    import torch

    ours = torch_net()
    optimiser = torch_optimiser("adam", ours)
    trained(ours, optimiser, torch.tensor, range(2))
    torch.save({"model": ours.state_dict(), "optimizer": optimiser.state_dict()}, tmp_path / "a.pth")
    output_of(convert, tmp_path / "a.pth", tmp_path / "b.pdparams", "--optimiser")
    output_of(convert, tmp_path / "b.pdparams", tmp_path / "c.pth", "--optimiser")
    back = torch.load(tmp_path / "c.pth", weights_only=True)["optimizer"]["state"]
    for number, kept in optimiser.state_dict()["state"].items():
        assert all(torch.equal(back[number][slot], value) for slot, value in kept.items())


def test_the_names_of_a_model_are_taken_from_its_file(tmp_path: Path) -> None:
    import paddle
    import torch

    ours = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2))
    optimiser = torch.optim.Adam(ours.parameters())
    ours(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    torch.save({"model": ours.state_dict(), "optimizer": optimiser.state_dict()}, tmp_path / "a.pth")
    paddle.nn.Linear(1, 1)  # so that the others are not the first
    theirs = paddle.nn.Sequential(paddle.nn.Linear(3, 4), paddle.nn.Linear(4, 2))
    paddle.save(theirs.state_dict(), str(tmp_path / "names.pdparams"))
    output_of(
        convert, tmp_path / "a.pth", tmp_path / "b.pdparams", "--optimiser", "--names", tmp_path / "names.pdparams"
    )
    wanted = {f"{parameter.name}_moment1_0" for parameter in theirs.parameters()}
    assert wanted <= set(open_checkpoint(tmp_path / "b.pdopt", ""))


def test_what_cannot_be_carried_over_is_one_line_and_leaves_no_file(tmp_path: Path) -> None:
    import torch

    def saved(name: str, optimiser: Any) -> Path:
        (ours(torch.ones(1, 3)) ** 2).sum().backward()
        optimiser.step()
        torch.save({"model": ours.state_dict(), "optimizer": optimiser.state_dict()}, tmp_path / name)
        return tmp_path / name

    ours = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2))
    first, last = ours[0].parameters(), ours[1].parameters()
    groups = [{"params": [*last]}, {"params": [*first]}]
    torch.save(ours.state_dict(), tmp_path / "none.pth")
    for path, message in (
        (saved("groups.pth", torch.optim.Adam(groups)), "4 parameters in 2 groups, the model 4, so their order is not"),
        (saved("part.pth", torch.optim.Adam(ours[1].parameters())), "2 parameters in 1 groups, the model 4"),
        (saved("order.pth", torch.optim.Adam([*ours[1].parameters(), *ours[0].parameters()])), "in another order"),
        (saved("rms.pth", torch.optim.RMSprop(ours.parameters())), "keeps square_avg, which has no counterpart"),
        (saved("sgd.pth", torch.optim.SGD(ours.parameters(), 0.1)), "keeps nothing that is carried over"),
        (saved("damped.pth", torch.optim.SGD(ours.parameters(), 0.1, 0.9, dampening=0.1)), "SGD with dampening"),
        (tmp_path / "none.pth", r"no optimiser's state in the file; save \{'model'"),
    ):
        with pytest.raises(InputError, match=message):
            output_of(convert, path, tmp_path / "x.pdparams", "--optimiser")
    with pytest.raises(InputError, match="holds tensors alone"):
        output_of(convert, tmp_path / "none.pth", tmp_path / "x.safetensors", "--optimiser")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("x")]


def test_an_optimisers_file_alone_is_refused_and_copied_state_is_said(tmp_path: Path) -> None:
    import paddle
    import torch

    net = paddle.nn.Linear(4, 3)
    optimiser = paddle.optimizer.Adam(parameters=net.parameters())
    net(paddle.ones([2, 4])).sum().backward()
    optimiser.step()
    paddle.save(optimiser.state_dict(), str(tmp_path / "o.pdopt"))
    with pytest.raises(InputError, match=r"holds an optimiser's state \(linear_0.w_0_moment1_0\) and no weights"):
        output_of(convert, tmp_path / "o.pdopt", tmp_path / "o.pth")
    ours = torch.nn.Linear(4, 3)
    optimiser = torch.optim.Adam(ours.parameters())
    ours(torch.ones(2, 4)).sum().backward()
    optimiser.step()
    torch.save(optimiser.state_dict(), tmp_path / "o.pth")
    with pytest.raises(InputError, match=r"holds an optimiser's state \(state\.0\.step\) and no weights"):
        output_of(convert, tmp_path / "o.pth", tmp_path / "o.pdparams")
    torch.save({"model": ours.state_dict(), "optimizer": optimiser.state_dict()}, tmp_path / "a.pth")
    result = call(tmp_path / "a.pth", tmp_path / "a.pdparams", "--key", "", command=convert)
    assert "6 tensors of an optimiser (optimizer.state.0.step, ...) are copied as they are" in result.stderr


@pytest.mark.parametrize("count", [0, 1, 7, 100, 5000, 30000])
def test_powers_of_beta_tell_the_updates(count: int) -> None:
    first, second = np.float32(0.9), np.float32(0.999)
    for _ in range(count):
        first, second = np.float32(first * np.float32(0.9)), np.float32(second * np.float32(0.999))
    assert _updates(float(first), float(second), Path("a.pdopt")) == count
    with pytest.raises(InputError, match="do not tell how many"):
        _updates(0.7, 0.3, Path("a.pdopt"))
