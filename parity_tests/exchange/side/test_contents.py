"""What is in an ONNX file is shown, and its weights are converted by name."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from nlblocks.weights.files import open_checkpoint
from parity_tests.helpers.command_line import call
from parity_tests.helpers.onnx_files import exported

torch = pytest.importorskip("torch")
models = pytest.importorskip("parity_tests.helpers.onnx_models")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    model, target = models.made(models.ViT, trained=True), tmp_path / "vit.onnx"
    onnx.save(exported(model, torch.randn(models.SHAPES[models.ViT])), target)
    return target


def test_a_file_is_shown(file: Path) -> None:
    found = call("inspect", str(file))
    assert found.exit_code == 0, found.output
    assert "written by pytorch" in found.output
    assert ", opset ai.onnx " in found.output
    assert " float [2, 3, 8, 8]\n" in found.output
    assert "1 Conv," in found.output
    assert "        weight  float32  48 × 16  3.07 kB" in found.output


@pytest.mark.parametrize("ending", ["safetensors", "pdparams"])
def test_its_weights_are_the_models(file: Path, ending: str) -> None:
    target = file.with_suffix(f".{ending}")
    found = call("convert", str(file), str(target))
    assert found.exit_code == 0, found.output
    written, own = open_checkpoint(target), models.made(models.ViT, trained=True).state_dict()
    assert set(written) == set(own)
    for name, tensor in own.items():
        turned = ending == "pdparams" and tensor.ndim == 2
        assert torch.equal(torch.from_numpy(written[name].numpy()), tensor.T if turned else tensor), name


def test_what_cannot_be_is_one_line(file: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(file.read_bytes()[:-50])
    for arguments in (("inspect", str(cut)), ("convert", str(cut), str(tmp_path / "w.safetensors"))):
        found = call(*arguments)
        assert (found.exit_code, found.stderr.count("\n")) == (2, 1)
        assert found.stderr.startswith(f"nlblocks: {cut}: ")
    assert not (tmp_path / "w.npz").exists()
    assert "which has none" in call("inspect", str(file), "--key", "model").stderr
