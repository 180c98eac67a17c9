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


def test_it_is_proven_on_more_samples_and_named(tmp_path) -> None:
    (tmp_path / "net.py").write_text(NET)
    report = port("net:Net", tmp_path / "out", path=[tmp_path], inputs="1,3,4,4")
    assert report.verdict == "proven except"
    assert "batch_norm.single" in report.accepted


def test_a_sample_stands_beside_its_mirror_images() -> None:
    image = np.arange(4.0).reshape(1, 1, 2, 2)
    inputs = Inputs([image], {"ids": [np.array([[1, 2, 3]])], "size": np.array([3, 4]), "flag": True})
    found = inputs.mirrored()
    assert found.args[0].reshape(4, 4).tolist() == [[0, 1, 2, 3], [1, 0, 3, 2], [2, 3, 0, 1], [3, 2, 1, 0]]
    assert found.kwargs["ids"][0].tolist() == [[1, 2, 3], [3, 2, 1], [3, 1, 2], [1, 3, 2]]
    assert found.kwargs["size"].tolist() == [3, 4]
