"""Paddle's inference models, written by Paddle itself: read without it, by their programs and the layers' names."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from nlblocks.commands.files import convert, inspect
from nlblocks.weights.files import open_checkpoint
from parity_tests.helpers.blocks import Require
from parity_tests.helpers.checkout import python
from parity_tests.helpers.command_line import call, output_of
from parity_tests.helpers.hostile import refused

WRITER = """
import os, sys
import paddle
from paddle import nn

class Net(nn.Layer):
    def __init__(self):
        super().__init__()
        self.conv, self.bn, self.act = nn.Conv2D(3, 4, 3, bias_attr=False), nn.BatchNorm2D(4), nn.PReLU(1)
        self.fc, self.norm = nn.Linear(4, 4), nn.LayerNorm(4)
        self.embed, self.raw = nn.Embedding(6, 4), self.create_parameter([4, 4])
        self.shift = self.create_parameter([4], is_bias=True)

    def forward(self, x):
        found = self.fc(self.act(self.bn(self.conv(x))).mean([2, 3]))
        return self.norm(found + self.embed(paddle.zeros([1], "int64"))) @ self.raw + self.shift

paddle.seed(0)
net = Net()
net(paddle.randn([4, 3, 8, 8]))
net.eval()
os.makedirs("out")
state = net.state_dict()
paddle.save(state, "out/net.pdparams")
spec = [paddle.static.InputSpec([None, 3, 8, 8], "float32", "x")]
static = paddle.jit.to_static(net, input_spec=spec, full_graph=True)
paddle.jit.save(static, "out/net")
if not os.path.exists("out/net.json"):
    from paddle import inference
    config = inference.Config("out/net.pdmodel", "out/net.pdiparams")
    config.disable_gpu()
    config.enable_save_optim_model(True)
    config.set_optim_cache_dir("out/optimised")
    inference.create_predictor(config)
    paddle.enable_static()
    executor = paddle.static.Executor()
    program, _, _ = paddle.static.load_inference_model("out/net", executor)
    paddle.distributed.io.save_persistables(executor, "out/variables", program)
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, require: Require) -> dict[str, Path]:
    """Folders with a model in the format of today and in the older one."""
    require("paddle")
    found = {}
    for kind, flag in (("pir", "1"), ("older", "0")):
        folder = tmp_path_factory.mktemp(kind)
        (folder / "write.py").write_text(WRITER)  # Paddle reads the source of what it translates
        done = python("write.py", cwd=folder, FLAGS_enable_pir_api=flag)
        assert (folder / "out" / "net.pdiparams").is_file(), done.stderr[-2000:]
        found[kind] = folder / "out"
    return found


def trained(folder: Path) -> dict[str, np.ndarray]:
    return open_checkpoint(folder / "net.pdparams").state()


@pytest.mark.parametrize("name", ["net.pdmodel", "net.pdiparams", "net.pdiparams.info"])
def test_the_tensors_have_the_names_of_the_layers(written: dict[str, Path], name: str) -> None:
    expected = trained(written["older"])
    found = open_checkpoint(written["older"] / name)
    assert found.layout == "paddle"
    assert set(found) == set(expected)
    for key, value in found.state().items():
        assert np.array_equal(value, expected[key])


@pytest.mark.parametrize("name", ["net.json", "net.pdiparams"])
def test_a_program_in_json_names_the_variables(written: dict[str, Path], name: str) -> None:
    expected = trained(written["pir"])
    found = open_checkpoint(written["pir"] / name).state()
    pairs = {"conv2d_0.w_0": "conv.weight", "batch_norm2d_0.w_1": "bn._mean", "batch_norm2d_0.w_2": "bn._variance",
             "linear_0.w_0": "fc.weight", "p_re_lu_0.w_0": "act._weight", "layer_norm_0.b_0": "norm.bias",
             "embedding_0.w_0": "embed.weight"}  # fmt: skip
    assert len(found) == len(expected)
    for variable, layer in pairs.items():
        assert np.array_equal(found[variable], expected[layer])


def test_the_program_says_which_weights_are_linear(written: dict[str, Path]) -> None:
    """A matrix of the model's own that is multiplied by may lie either way in a port: nothing is said of it."""
    said = open_checkpoint(written["older"] / "net.pdmodel").record["said"]
    assert said == {"fc.weight": "linear", "embed.weight": "embedding"}
    said = open_checkpoint(written["pir"] / "net.json").record["said"]
    assert said == {"linear_0.w_0": "linear", "embedding_0.w_0": "embedding"}


@pytest.mark.parametrize(("kind", "name"), [("older", "net.pdmodel"), ("pir", "net.json")])
def test_a_conversion_turns_what_the_program_multiplies_by(
    written: dict[str, Path], tmp_path: Path, kind: str, name: str
) -> None:
    raw = "raw=parameter" if kind == "older" else "net_0.w_0=parameter"
    output_of(convert, written[kind] / name, tmp_path / "net.pth", "--as", raw)
    expected = trained(written[kind])
    found = list(open_checkpoint(tmp_path / "net.pth").state().values())
    for layer, turned in (("fc.weight", True), ("raw", False), ("embed.weight", False)):
        value = expected[layer].T if turned else expected[layer]
        assert any(np.array_equal(value, other) for other in found), layer


def test_inspect_shows_the_program(written: dict[str, Path]) -> None:
    said = output_of(inspect, written["older"] / "net.pdmodel")
    assert "Paddle inference model" in said
    assert "in: x" in said
    rows = [" ".join(line.split()) for line in said.splitlines()]
    assert "conv2d 1 conv.weight" in rows
    assert "matmul_v2 2 fc.weight, raw" in rows
    rows = [" ".join(line.split()) for line in output_of(inspect, written["pir"] / "net.json").splitlines()]
    assert "conv2d 1 conv2d_0.w_0" in rows


def test_folded_batch_norms_are_said(written: dict[str, Path], tmp_path: Path) -> None:
    folder = written["older"] / "optimised"
    assert "batch norms are folded" in output_of(inspect, folder)
    result = call(folder, tmp_path / "net.safetensors", "--as", "net_0.w_0=parameter", command=convert)
    assert "note: batch norms are folded" in result.output
    assert "folded" not in output_of(inspect, written["older"] / "net.pdmodel")


def test_a_file_for_each_variable(written: dict[str, Path], tmp_path: Path) -> None:
    """Without a program, and with one as it was called then."""
    expected = open_checkpoint(written["older"] / "net.pdmodel").state()
    variables = tmp_path / "variables"
    shutil.copytree(written["older"] / "variables", variables)
    for _ in range(2):
        found = open_checkpoint(variables).state()
        assert len(found) == len(expected)
        assert sorted(value.tobytes() for value in found.values()) == sorted(v.tobytes() for v in expected.values())
        assert np.array_equal(found["linear_0.w_0"], expected["fc.weight"])
        shutil.copy(written["older"] / "net.pdmodel", variables / "__model__")
    assert open_checkpoint(variables).record["said"]["linear_0.w_0"] == "linear"
    assert np.array_equal(open_checkpoint(variables / "__model__").state()["linear_0.w_0"], found["linear_0.w_0"])


def test_weights_without_a_program_have_no_names(written: dict[str, Path], tmp_path: Path) -> None:
    shutil.copy(written["pir"] / "net.pdiparams", tmp_path / "net.pdiparams")
    refused(tmp_path / "net.pdiparams", "without names", "net.pdmodel or .json")


def test_a_program_without_its_weights(written: dict[str, Path], tmp_path: Path) -> None:
    shutil.copy(written["pir"] / "net.json", tmp_path / "net.json")
    refused(tmp_path / "net.json", "put net.pdiparams beside it")


def test_another_models_program_is_refused(written: dict[str, Path], tmp_path: Path) -> None:
    shutil.copy(written["pir"] / "net.pdiparams", tmp_path / "net.pdiparams")
    program = json.loads((written["pir"] / "net.json").read_text())
    kept = [row for row in program["program"]["regions"][0]["blocks"][0]["ops"] if row["#"] == "p"]
    one, other = (next(row for row in kept if row["A"][3] == name) for name in ("conv2d_0.w_0", "embedding_0.w_0"))
    one["A"][3], other["A"][3] = other["A"][3], one["A"][3]
    (tmp_path / "net.json").write_text(json.dumps(program))
    refused(tmp_path / "net.pdiparams", "do not belong together")
