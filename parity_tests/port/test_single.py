"""A batch normalisation that meets one sample, on which torch's does not train, or wrongly: the verdict says so."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

import torch

from nlblocks.port import port
from nlblocks.port.inputs import Inputs
from nlblocks_torch.lab.porting import porting

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


BEHIND = """
import paddle
import paddle.nn as nn


class Net(nn.Layer):
    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm2D(8)
        self.norm = nn.LayerNorm(8)
        self.fc = nn.Linear(8, 3)

    def forward(self, x):
        return self.fc(self.norm(self.bn(x).flatten(2).transpose([0, 2, 1])))
"""


def test_what_torch_misreads_is_proven_on_more_samples_and_named(tmp_path) -> None:
    (tmp_path / "net.py").write_text(BEHIND)
    report = port("net:Net", tmp_path / "out", path=[tmp_path], inputs="1,8,4,4")
    assert report.verdict == "proven except", report
    assert "batch_norm.layout" in report.accepted


def test_several_samples_are_read_rightly() -> None:
    from nlblocks_torch.lab.porting import porting

    model = torch.nn.Sequential(torch.nn.BatchNorm2d(8), torch.nn.Flatten(2), Transposed(), torch.nn.LayerNorm(8))
    assert [porting.alone(model, [torch.randn(n, 8, 4, 4)], {}) for n in (1, 2)] == ["layout", ""]
    assert all(parameter.grad is None for parameter in model.parameters())


class Transposed(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.transpose(1, 2)


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


class Caching(torch.nn.Module):
    """Keeps what it computed first, in the dtype of that time."""

    kept = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.kept is None:
            self.kept = torch.ones(3)
        return x * self.kept


def test_what_the_model_keeps_of_the_run_that_asks_is_forgotten() -> None:
    model = Caching()
    assert porting.alone(model, [torch.ones(2, 3, requires_grad=True)], {}) == ""
    assert model.training
    assert model.kept is None
