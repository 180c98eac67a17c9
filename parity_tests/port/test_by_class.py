"""A layer's method, called by the name of its class."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

from parity_tests.port.packages import Package


def _package(folder: Path, base: str, made: str, call: str, shape: str) -> Package:
    net = f"""
    from paddle import nn
    from paddle.nn import LayerNorm

    class Part({base}):
        def forward(self, x):
            return {call} * 2

    class Net(nn.Layer):
        def __init__(self):
            super().__init__()
            self.part = {made}

        def forward(self, x):
            return self.part(x)
    """
    return Package(folder, {"named/net.py": net}, "named.net:Net", shape)


def test_a_linear_layers_forward(tmp_path: Path) -> None:
    package = _package(tmp_path, "nn.Linear", "Part(3, 4)", "nn.Linear.forward(self, x + 1)", "2,3")
    assert "return nn.Linear.forward(self, x + 1) * 2" in package.text("named.net")
    package.check()


def test_the_forward_of_a_class_that_was_imported_by_name(tmp_path: Path) -> None:
    package = _package(tmp_path, "LayerNorm", "Part(3)", "LayerNorm.forward(self, x)", "2,3")
    assert "return nn.LayerNorm.forward(self, x) * 2" in package.text("named.net")
    package.check()


def test_the_forward_of_a_part_of_another_kind(tmp_path: Path) -> None:
    call = "nn.Conv2D.forward(self, nn.ReLU.forward(nn.ReLU(), x))"
    package = _package(tmp_path, "nn.Conv2D", "Part(3, 4, 3)", call, "2,3,5,5")
    assert "return nn.Conv2d.forward(self, nn.ReLU.forward(nn.ReLU(), x)) * 2" in package.text("named.net")
    package.check()


def test_an_argument_by_paddles_name_is_refused(tmp_path: Path) -> None:
    package = _package(tmp_path, "nn.Linear", "Part(3, 4)", "nn.Linear.forward(self, input=x)", "2,3")
    assert package.refused == {"Layer.forward"}
