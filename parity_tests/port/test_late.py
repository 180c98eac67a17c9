"""Classes that are found by text: in this module, in another, and through a module that loads its parts late."""

from __future__ import annotations

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

from parity_tests.port.packages import Package

FILES = {
    "shelf/parts/__init__.py": """
        import importlib

        _WHERE = {"Wide": "wide", "Deep": "deep"}


        def __getattr__(name):
            if name in _WHERE:
                return getattr(importlib.import_module("." + _WHERE[name], __name__), name)
            raise AttributeError(name)
        """,
    "shelf/parts/wide.py": """
        import paddle
        from paddle import nn


        class Wide(nn.Layer):
            def __init__(self, inner, outer):
                super().__init__()
                self.inner = nn.Linear(inner, outer)

            def forward(self, x):
                return paddle.tanh(self.inner(x))
        """,
    "shelf/parts/deep.py": """
        from paddle import nn

        from .wide import Wide


        class Deep(nn.Layer):
            def __init__(self, inner, outer):
                super().__init__()
                self.body = nn.Sequential(Wide(inner, inner), Wide(inner, outer))

            def forward(self, x):
                return self.body(x)
        """,
    "shelf/net.py": """
        import importlib
        import sys

        from paddle import nn

        from . import parts
        from .own import Own  # noqa: F401


        def made(name, *args):
            if name in globals():
                return globals()[name](*args)
            if hasattr(sys.modules[__name__], name):
                return getattr(sys.modules[__name__], name)(*args)
            return getattr(parts, name)(*args)


        class Net(nn.Layer):
            def __init__(self, names=("Wide", "Deep", "Own")):
                super().__init__()
                self.blocks = nn.LayerList([made(name, 4, 4) for name in names])
                home = importlib.import_module("shelf.own")
                self.last = getattr(home, "Own")(4, 2)

            def forward(self, x):
                for block in self.blocks:
                    x = block(x)
                return self.last(x)
        """,
    "shelf/own.py": """
        from paddle import nn


        class Own(nn.Linear):
            pass
        """,
}


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Package:
    return Package(tmp_path_factory.mktemp("shelf"), FILES, "shelf.net:Net", "3,4")


def test_what_is_found_is_carried(package) -> None:
    package.check()
    assert not package.refused


def test_a_module_that_loads_its_parts_late_does_so_in_the_port(package) -> None:
    assert "def __getattr__(name):" in package.text("shelf.parts")
