"""A batch normalisation that meets one value a channel: torch's does not train there, and the verdict says so."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

from nlblocks.port import port
from nlblocks.port.inputs import Inputs

NET = """
import paddle
import paddle.nn as nn


class Net(nn.Layer):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2D(3, 4, 1)
        self.pool = nn.AdaptiveAvgPool2D(1)
        self.norm = nn.BatchNorm2D(4)

    def forward(self, x):
        return self.norm(self.pool(self.conv(x)))
"""


def test_it_is_proven_on_two_samples_and_named(tmp_path) -> None:
    (tmp_path / "net.py").write_text(NET)
    report = port("net:Net", tmp_path / "out", path=[tmp_path], inputs="1,3,4,4")
    assert report.verdict == "proven except"
    assert "batch_norm.single" in report.accepted


def test_a_sample_stands_beside_its_mirror_image() -> None:
    inputs = Inputs([np.arange(3.0)[None]], {"ids": [np.array([[1, 2]])], "size": np.array([3, 4]), "flag": True})
    args, kwargs = inputs.doubled().args, inputs.doubled().kwargs
    assert args[0].tolist() == [[0, 1, 2], [2, 1, 0]]
    assert kwargs["ids"][0].tolist() == [[1, 2], [2, 1]]
    assert kwargs["size"].tolist() == [3, 4]
