"""Imported names that a module then gives to something of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

from parity_tests.port.packages import Package

PARTS = """
    from paddle import nn

    SCALE = 2.0

    class Gate(nn.Layer):
        def forward(self, x):
            return x * 3

    class Twice(nn.Layer):
        def forward(self, x):
            return x * SCALE
    """
OWN = """
    class Gate(nn.Layer):
        def forward(self, x):
            return x + 1
    """
NET = """
    class Net(nn.Layer):
        def __init__(self):
            super().__init__()
            self.gate = Gate()
            self.linear = nn.Linear(3, 4)

        def forward(self, x):
            return self.linear(self.gate(x))
    """


def _package(folder: Path, *parts: str) -> Package:
    net = "".join(parts)
    return Package(folder, {"hidden/parts.py": PARTS, "hidden/net.py": net}, "hidden.net:Net", "2,3")


def test_an_import_that_nothing_uses_before_a_definition_of_its_name_goes(tmp_path: Path) -> None:
    package = _package(tmp_path, "    from paddle import nn\n    from .parts import Gate\n", OWN, NET)
    assert "import Gate" not in package.text("hidden.net")
    assert "hidden.parts" not in package.ported
    package.check()


def test_what_runs_between_the_import_and_the_definition_has_the_imported(tmp_path: Path) -> None:
    between = "    from paddle import nn\n    from .parts import Gate\n\n    FIRST = Gate()\n"
    package = _package(tmp_path, between, OWN, NET.replace("self.gate(x)", "FIRST(self.gate(x))"))
    assert "from .parts import Gate" in package.text("hidden.net")
    package.check()


def test_a_name_that_is_given_to_what_is_made_of_it(tmp_path: Path) -> None:
    made = """
    from paddle import nn
    from .parts import Gate

    def doubled(kind):
        class Doubled(kind):
            def forward(self, x):
                return super().forward(x) * 2
        return Doubled

    Gate = doubled(Gate)
    """
    package = _package(tmp_path, made, NET)
    assert "from .parts import Gate" in package.text("hidden.net")
    package.check()


def test_a_class_of_the_name_of_its_base(tmp_path: Path) -> None:
    based = """
    from paddle import nn
    from paddle.nn import ReLU
    from .parts import Gate

    class Gate(Gate):
        before = Gate.forward

        def forward(self, x):
            return Gate.before(self, super().forward(x)) + 1

    class ReLU(ReLU):
        def forward(self, x):
            return super().forward(x) * 2
    """
    package = _package(tmp_path, based, NET.replace("self.gate(x)", "ReLU()(self.gate(x))"))
    assert "class ReLU(nn.ReLU):" in package.text("hidden.net")
    package.check()


def test_the_frameworks_name_until_the_module_has_its_own(tmp_path: Path) -> None:
    own = """
    from paddle import nn
    from paddle.nn import Sigmoid

    squash = Sigmoid()

    class Sigmoid(nn.Layer):
        def forward(self, x):
            return x * x

    class Gate(nn.Layer):
        def forward(self, x):
            return squash(x) + Sigmoid()(x)
    """
    package = _package(tmp_path, own, NET)
    assert "squash = nn.Sigmoid()" in package.text("hidden.net")
    package.check()


def test_a_function_called_by_a_name_that_was_an_imports(tmp_path: Path) -> None:
    own = """
    from paddle import nn
    from .parts import SCALE

    START = SCALE

    def SCALE(x):
        return x * START

    class Gate(nn.Layer):
        def forward(self, x):
            return SCALE(x)
    """
    package = _package(tmp_path, own, NET)
    assert "from .parts import SCALE" in package.text("hidden.net")
    package.check()
