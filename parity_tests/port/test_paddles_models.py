"""Models that come with Paddle: what is built on them is ported with their source."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

pytest.importorskip("libcst")

from nlblocks.port import port

NETS = """
import paddle
import paddle.nn as nn
import paddle.vision.models as models
from paddle.vision.models.resnet import BasicBlock


class Net(models.ResNet):
    def __init__(self):
        super().__init__(BasicBlock, 18, num_classes=0, with_pool=False)
        self.layer3 = self.layer4 = nn.Identity()
        self.other = paddle.vision.models.squeezenet1_1(num_classes=3)

    def forward(self, x):
        return super().forward(x), self.other(x)
"""


def test_they_are_ported_from_their_source(tmp_path: Path, require) -> None:
    require("torch", "paddle")
    (tmp_path / "nets.py").write_text(textwrap.dedent(NETS).lstrip())
    out = tmp_path / "out"
    report = port("nets:Net", out, path=[tmp_path], inputs="1,3,32,32")
    assert report, str(report)
    net = (out / "nets_torch.py").read_text()
    assert "import paddle_torch.vision.models as models" in net
    assert "self.other = paddle_torch.vision.models.squeezenet1_1(num_classes=3)" in net
    resnet = (out / "paddle_torch" / "vision" / "models" / "resnet.py").read_text()
    assert "Licensed under the Apache License" in resnet
    assert "def forward(self, x):" in resnet
