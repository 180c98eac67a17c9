"""The examples that plug blocks into a ResNet-50 and a ViT run, and torchvision's own ResNet-50 takes them too."""

from __future__ import annotations

import importlib.util
import runpy
import sys

import pytest

from parity_tests.helpers.blocks import Require
from parity_tests.helpers.checkout import ROOT, python

EXAMPLES = ROOT / "examples"


@pytest.mark.parametrize("name", ["torch", "paddle"])
def test_example_resnet(
    name: str, require: Require, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    require(name)
    monkeypatch.setattr(sys, "argv", ["insert_into_resnet.py", name])
    runpy.run_path(str(EXAMPLES / "insert_into_resnet.py"), run_name="__main__")
    printed = capsys.readouterr().out
    assert "5 blocks, 60 new tensors" in printed
    assert "still there: True" in printed
    assert "bit for bit: True" in printed
    assert "has 1024 channels; it must have 512" in printed


def test_example_vit(require: Require, capsys: pytest.CaptureFixture[str]) -> None:
    require("torch")
    import torch

    fast = torch.backends.mha.get_fastpath_enabled()
    try:
        runpy.run_path(str(EXAMPLES / "insert_into_vit.py"), run_name="__main__")
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    printed = capsys.readouterr().out
    assert "encoder.layers.3.non_local.block.g.weight" in printed
    assert "bit for bit: True" in printed


TORCHVISION = """
import torch
# torchvision registers shapes for its compiled operators when imported; these two must exist for that.
library = torch.library.Library("torchvision", "DEF")
for operator in ("nms", "qnms"):
    library.define(f"{operator}(Tensor boxes, Tensor scores, float threshold) -> Tensor")
from torchvision.models import resnet50
import nlblocks
model = resnet50().eval()
x = torch.randn(1, 3, 64, 64)
with torch.no_grad():
    before, names = model(x), set(model.state_dict())
    spec = nlblocks.specs.NonLocal(in_channels=1, sub_sample="after")
    paths = nlblocks.insert_all(model, "layer3.*", spec, example=x)
    assert paths == [f"layer3.{index}" for index in range(6)], paths
    assert torch.equal(model(x), before)
    assert names < set(model.state_dict())
    assert nlblocks.insert_all(model, "Bottleneck", spec, "before", example=x)[0] == "layer1.0"
    assert torch.equal(model(x), before)
"""


def test_torchvision_resnet50(require: Require) -> None:
    require("torch")
    if importlib.util.find_spec("torchvision") is None:
        pytest.skip("torchvision is not installed")
    found = python("-c", TORCHVISION)
    assert found.returncode == 0, found.stderr
