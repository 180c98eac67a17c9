"""Names that a module gives to one thing, and then to another."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

from parity_tests.port.packages import Package

NET = """
class Net(nn.Layer):
    def __init__(self):
        super().__init__()
        self.part = {made}

    def forward(self, x):
        return {given}
"""
POOL = "from paddle import nn\nPool = nn.MaxPool2D\nif nn.Layer:\n    Pool = nn.AvgPool2D\n"


def _net(head: str, made: str, given: str = "self.part(x)") -> str:
    return f"from paddle import nn\n{head}{NET.format(made=made, given=given)}"


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        (
            _net(
                "from paddle.nn import Linear\n\n\nclass Linear(Linear):\n    def forward(self, x):\n"
                "        return super().forward(x) * 3\n",
                "Linear(5, 4)",
            ),
            "2,5",
        ),
        (_net("from paddle.nn.functional import relu\n\n\ndef relu(x):\n    return x * 3\n", "None", "relu(x)"), "2,5"),
        (_net("from paddle.nn import ReLU\nReLU = nn.Sigmoid\n", "ReLU()"), "2,5"),
        (POOL + NET.format(made="Pool(3, 1, 1)", given="self.part(x)"), "2,3,5,5"),
    ],
)
def test_the_last_is_meant(text: str, shape: str, tmp_path: Path) -> None:
    Package(tmp_path, {"own.py": text}, "own:Net", shape).check()


def test_the_last_is_meant_elsewhere_too(tmp_path: Path) -> None:
    files = {"inside/pools.py": POOL, "inside/own.py": _net("from inside.pools import Pool\n", "Pool(3, 1, 1)")}
    Package(tmp_path, files, "inside.own:Net", "2,3,5,5").check()


def test_a_class_may_derive_from_the_one_whose_name_it_takes(tmp_path: Path) -> None:
    base = "from paddle import nn\n\n\nclass Block(nn.Layer):\n    def forward(self, x):\n        return x * 2\n"
    own = "from .base import Block\n\n\nclass Block(Block):\n    def forward(self, x):\n"
    own += "        return super().forward(x) + 1\n"
    files = {"inside/base.py": base, "inside/own.py": _net(own, "Block()")}
    Package(tmp_path, files, "inside.own:Net", "2,5").check()
