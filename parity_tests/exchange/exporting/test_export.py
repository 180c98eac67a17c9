"""A spec, a block or a model becomes a file that was held against it, or none."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

import nlblocks  # noqa: E402
from nlblocks import specs  # noqa: E402
from nlblocks.errors import InputError  # noqa: E402
from nlblocks.exchange import export, load_spec  # noqa: E402

SPEC = specs.NonLocal(in_channels=6, mode="dot_product")
FRAMEWORKS = ("torch", "paddle")


@pytest.mark.parametrize("backend", FRAMEWORKS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_spec_becomes_a_file_that_says_what_it_is_of(tmp_path: Path, backend: str, dtype: str) -> None:
    found = export(SPEC, tmp_path / "a.onnx", backend=backend, dtype=dtype, seed=3)
    assert load_spec(tmp_path / "a.onnx") == SPEC
    assert list(found.shapes) == ["x", "output", "attention"]
    assert {(check.pair[1], check.dtype) for check in found.checks} >= {
        ("evaluator", "float64"), ("onnxruntime", "float64"), ("onnxruntime", dtype)
    }  # fmt: skip
    model = onnx.load(tmp_path / "a.onnx")
    said = json.loads(next(entry.value for entry in model.metadata_props if entry.key == "nlblocks"))
    assert said["seed"] == 3
    assert said["dtype"] == dtype
    assert said["versions"]["onnx"] == onnx.__version__


@pytest.mark.parametrize("backend", FRAMEWORKS)
def test_a_block_is_exported_with_its_own_weights(tmp_path: Path, backend: str) -> None:
    spec = specs.SqueezeExcitation(in_channels=8, ratio=2)
    block = nlblocks.build(spec, backend=backend, seed=5)
    export(block, tmp_path / "a.onnx")
    model = onnx.load(tmp_path / "a.onnx")
    said = json.loads(next(entry.value for entry in model.metadata_props if entry.key == "nlblocks"))
    held = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    held |= {
        node.output[0]: numpy_helper.to_array(node.attribute[0].t)
        for node in model.graph.node
        if node.op_type == "Constant"
    }
    for name, value in nlblocks.state_of(block).items():
        place, how = said["weights"][name]
        own = value.T if how == "turned" else value
        np.testing.assert_array_equal(held[place].reshape(-1), own.reshape(-1))


@pytest.mark.parametrize("backend", FRAMEWORKS)
def test_a_batch_and_an_image_may_be_of_any_size(tmp_path: Path, backend: str) -> None:
    found = export(SPEC, tmp_path / "a.onnx", backend=backend, dynamic=True)
    assert found.shapes["x"] == ("batch", 6, "height", "width")
    assert found.shapes["output"] == ("batch", 6, "height", "width")
    assert found.shapes["attention"] == ("batch", "attention_1", "attention_2")
    assert not found.notes


def test_what_cannot_be_of_any_size_is_said(tmp_path: Path) -> None:
    spec = specs.RelationAwareAttention(in_channels=6, positions=20, mode="spatial", channel_ratio=2, spatial_ratio=2)
    found = export(spec, tmp_path / "a.onnx", backend="torch", dynamic=True)
    assert found.shapes["x"][0] == "batch"
    assert "height" not in found.shapes["x"]
    assert any("height stays as it is" in note and "H·W must be 20" in note for note in found.notes)


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.fc = torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Linear(4, 5)

    def forward(self, x: Any, y: Any) -> dict[str, Any]:
        features = torch.relu(self.norm(self.conv(x)))
        return {"features": features, "scores": self.fc(features.mean((2, 3)) + y)}


def test_any_model_is_exported(tmp_path: Path) -> None:
    found = export(Net(), tmp_path / "a.onnx", inputs=((2, 3, 8, 8), (2, 4)), dynamic=True)
    assert found.shapes["x0"] == ("batch", 3, "height", "width")
    assert found.shapes["x1"] == ("batch", 4)
    assert found.shapes["output_scores"] == ("batch", 5)


class Square(torch.nn.Module):
    def forward(self, x: Any) -> Any:
        return torch.nn.functional.interpolate(x, scale_factor=2) - 1.0


def test_an_extent_is_called_after_the_one_on_its_own_axis(tmp_path: Path) -> None:
    found = export(torch.nn.Conv2d(3, 2, 3, padding=1), tmp_path / "a.onnx", inputs=(2, 3, 8, 8), dynamic=True)
    assert found.shapes["output"] == ("batch", 2, "height", "width")
    found = export(Square(), tmp_path / "b.onnx", inputs=(2, 3, 8, 8), dynamic=True)
    assert found.shapes["output"] == ("batch", 3, "output_2", "output_3")


class Attending(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = torch.nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: Any) -> Any:
        return self.attention(x, x, x, need_weights=False)[0]


def test_attention_that_torch_would_fuse_is_exported_with_any_batch(tmp_path: Path) -> None:
    before = torch.backends.mha.get_fastpath_enabled()
    found = export(Attending(), tmp_path / "a.onnx", inputs=(2, 5, 8), dynamic=True)
    assert found.shapes["x"][0] == "batch"
    assert torch.backends.mha.get_fastpath_enabled() is before


@pytest.mark.parametrize("what", ["weight", "attribute", "axis"])
def test_a_program_that_differs_is_not_written(tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from nlblocks_torch import exporting

    own = exporting.exported

    def spoilt(*args: Any, **how: Any) -> onnx.ModelProto:
        model = own(*args, **how)
        if what == "weight":
            tensor = next(t for t in model.graph.initializer if len(t.dims) > 1)
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(1.00001), tensor.name))
        elif what == "attribute":
            norm = next(node for node in model.graph.node if node.op_type == "BatchNormalization")
            next(a for a in norm.attribute if a.name == "epsilon").f = 2e-5
        else:
            node = next(node for node in model.graph.node if node.op_type == "Softmax")
            node.attribute[0].i = 1
        return model

    monkeypatch.setattr(exporting, "exported", spoilt)
    spec = specs.NonLocal(in_channels=6)
    with pytest.raises(InputError, match="differs from the model"):
        export(spec, tmp_path / "a.onnx", backend="torch")
    assert not list(tmp_path.iterdir())


def test_what_is_wrong_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ends in \.onnx"):
        export(SPEC, tmp_path / "a.pth")
    with pytest.raises(InputError, match="dtype='float16'"):
        export(SPEC, tmp_path / "a.onnx", dtype="float16")
    with pytest.raises(InputError, match="give the shapes of its inputs"):
        export(Net(), tmp_path / "a.onnx")
    with pytest.raises(InputError, match="shape"):
        export(SPEC, tmp_path / "a.onnx", inputs=(2, 5, 4, 4))
    export(Net(), tmp_path / "b.onnx", inputs=((2, 3, 8, 8), (2, 4)))
    with pytest.raises(InputError, match="no block's spec is in it"):
        load_spec(tmp_path / "b.onnx")


def test_without_onnx_everything_else_works_and_this_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['onnx'] = None\n"
        "import nlblocks; from nlblocks.cli import main\n"
        "assert nlblocks.build(nlblocks.specs.SpatialGate(), backend='torch', seed=0)\n"
        "sys.argv = ['nlblocks', 'export', 'spatial_gate', 'a.onnx']; main()\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.returncode == 2
    assert found.stderr.strip().splitlines()[-1] == (
        'nlblocks: ONNX files need the package onnx; install it with: pip install "nlblocks[onnx]"'
    )
