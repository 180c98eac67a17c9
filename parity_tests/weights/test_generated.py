"""Paddle's own names of parameters (linear_0.w_0) tell the layer's type: they convert as the layer's names do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nlblocks.commands.files import convert, inspect
from nlblocks.conventions import conventions_of
from nlblocks.weights.files import open_checkpoint
from nlblocks.weights.generated import making
from parity_tests.helpers.command_line import output_of
from parity_tests.helpers.tensors import all_bits, bits, planned, state, there_and_back


def saved_by_parameter_names(path: Path) -> Any:
    """A Paddle model of many layers, saved under its parameters' names."""
    import paddle
    from paddle import nn

    paddle.seed(0)
    net = nn.Sequential(
        nn.Conv2D(3, 4, 3), nn.BatchNorm2D(4), nn.InstanceNorm2D(4), nn.PReLU(1), nn.Conv2DTranspose(4, 4, 3),
        nn.GroupNorm(2, 4), nn.AdaptiveAvgPool2D(1), nn.Flatten(), nn.Linear(4, 4), nn.LayerNorm(4), nn.BatchNorm1D(4),
        nn.Linear(4, 2),
    )  # fmt: skip
    paddle.save({tensor.name: tensor for tensor in net.state_dict().values()}, str(path))
    return net


def test_a_model_saved_by_parameter_names_runs_in_torch(tmp_path: Path, require: Any) -> None:
    require("torch", "paddle")
    import paddle
    import torch
    from torch import nn

    net = saved_by_parameter_names(tmp_path / "a.pdparams")
    output_of(convert, tmp_path / "a.pdparams", tmp_path / "a.pth")
    ours = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.InstanceNorm2d(4, affine=True), nn.PReLU(1),
        nn.ConvTranspose2d(4, 4, 3), nn.GroupNorm(2, 4), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 4),
        nn.LayerNorm(4),
        nn.BatchNorm1d(4), nn.Linear(4, 2),
    )  # fmt: skip
    found = torch.load(tmp_path / "a.pth", weights_only=True)
    wanted = [name for name in ours.state_dict() if not name.endswith("num_batches_tracked")]
    by_leaf = list(zip(wanted, found.items(), strict=True))
    assert [name.rpartition(".")[2] for name in wanted] == [name.rpartition(".")[2] for name in found]
    ours.load_state_dict({name: tensor for name, (_, tensor) in by_leaf}, strict=False)
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 5)).astype(np.float32)
    net.eval()
    expected = net(paddle.to_tensor(x)).numpy()
    assert np.abs(ours.eval()(torch.tensor(x)).detach().numpy() - expected).max() < 1e-5  # float32, ten layers
    output_of(convert, tmp_path / "a.pth", tmp_path / "back.pdparams")
    assert all_bits(open_checkpoint(tmp_path / "back.pdparams")) == all_bits(open_checkpoint(tmp_path / "a.pdparams"))


def test_the_names_that_paddle_will_give_are_known(tmp_path: Path, require: Any) -> None:
    require("paddle")
    import paddle
    from paddle import nn

    with paddle.utils.unique_name.guard():
        net = nn.Sequential(
            nn.Conv2D(3, 4, 3), nn.BatchNorm2D(4), nn.InstanceNorm2D(4), nn.PReLU(1), nn.Conv1D(4, 4, 3),
            nn.BatchNorm1D(4), nn.Flatten(), nn.Linear(4, 4), nn.LayerNorm(4), nn.Embedding(7, 4), nn.GRU(4, 3),
            nn.TransformerEncoderLayer(4, 2, 8), nn.Conv3D(3, 4, 3), nn.GroupNorm(2, 4), nn.Bilinear(3, 4, 5),
        )  # fmt: skip
    paddle.save(net.state_dict(), str(tmp_path / "b.pdparams"))
    checkpoint = open_checkpoint(tmp_path / "b.pdparams")
    linear = [name for name, tensor in checkpoint.items() if len(tensor.shape) == 2 and name != "9.weight"]
    made = making(checkpoint.tensors, linear, conventions_of("paddle"))
    assert made == {name: called for name, called in checkpoint.names.items() if not name.endswith("_l0")}


def test_the_type_tells_what_the_shape_does_not() -> None:
    square = {"w_0": (4, 4)}
    tensors = state(linear_0=square | {"b_0": (4,)}, fc_3=square, embedding_0=square,
                    lstm_cell_0={"w_0": (8, 3), "w_1": (8, 2)})  # fmt: skip
    there, back = there_and_back(tensors, "paddle")
    assert set(there) == {"linear_0.weight", "linear_0.bias", "fc_3.weight", "embedding_0.weight",
                          "lstm_cell_0.weight_ih", "lstm_cell_0.weight_hh"}  # fmt: skip
    assert bits(there["fc_3.weight"])[2] == tensors["fc_3.w_0"].numpy().T.tobytes()
    assert bits(there["embedding_0.weight"]) == bits(tensors["embedding_0.w_0"])
    assert all_bits(back) == all_bits(tensors)


def test_an_answer_may_use_the_name_in_the_file() -> None:
    tensors = state(linear_0={"w_0": (4, 4), "b_0": (4,)})
    for pattern in ("linear_0.w_0", "linear_*", "linear_0.weight"):
        kept = planned(tensors, "paddle", answers=[(pattern, "conv1d")]).tensors
        assert bits(kept["linear_0.weight"]) == bits(tensors["linear_0.w_0"])


def test_names_that_are_no_layers_types_stay() -> None:
    tensors = state(create_parameter_0={"w_0": (3,)}, linear_0={"w_9": (3,)}, conv={"w_0": (3,)})
    assert set(planned(tensors, "paddle").tensors) == set(tensors)


def test_inspect_says_what_they_are(tmp_path: Path, require: Any) -> None:
    require("paddle")
    saved_by_parameter_names(tmp_path / "a.pdparams")
    output = output_of(inspect, tmp_path / "a.pdparams")
    assert "of Paddle's own making: " in output
    assert "w_0 is " in output
