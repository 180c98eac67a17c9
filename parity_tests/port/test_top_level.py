"""What stands at the top of a module: conditions, imports under them, flags that are tried, and changes to Paddle."""

from __future__ import annotations

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

import paddle

from parity_tests.port.packages import Package

FLAGS = '''
"""What is there."""
import importlib.util
import logging
import sys

import paddle

if sys.version_info < (3, 8):
    import importlib_metadata as metadata
else:
    import importlib.metadata as metadata

logger = logging.getLogger(__name__)
unused = importlib.util.find_spec("numpy") is not None
if unused:
    try:
        found = metadata.version("numpy")
        logger.info(f"numpy {found}")
    except metadata.PackageNotFoundError:
        unused = False

LEVELS = 1
LEVELS = LEVELS + 1
VERSION = metadata.version("numpy")
if unused:
    try:
        from paddle.incubate.nn.memory_efficient_attention import memory_efficient_attention

        memory_efficient_attention(paddle.ones([1]), paddle.ones([1]), paddle.ones([1]))
        FAST = True
    except Exception:
        FAST = False
logger.info("all known")
'''
PATCH = """
import paddle


def own_rand(shape, generator=None):
    return paddle.full(shape, 2.0)


def max(x):
    return x.amax()


def contiguous(x):
    return x


if not hasattr(paddle, "drawn"):
    GIVEN = paddle.rand
    paddle.rand = own_rand
    paddle.max = max
    paddle.nn.Doubled = type("Doubled", (), {})
paddle.Tensor.contiguous = contiguous
"""
NOISE = """
import paddle
from paddle import nn

from . import patch


class Noise(nn.Layer):
    def __init__(self, scaled=False):
        super().__init__()
        if scaled:
            self.scale = paddle.rand([1])
        self.given = patch.GIVEN

    def redraw(self, size):
        return paddle.rand([size])

    def forward(self, x):
        x = x.contiguous()
        return x + paddle.rand(x.shape, generator=None) * paddle.max(x) + max(1, 2)
"""
NET = """
from paddle import nn

from . import flags


class Net(nn.Layer):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(4, 4) if flags.FAST else nn.Linear(4, flags.LEVELS)
        assert flags.VERSION

    def forward(self, x):
        return self.inner(x)
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Package:
    return Package(tmp_path_factory.mktemp("p"), {"hut/flags.py": FLAGS, "hut/net.py": NET}, "hut.net:Net", "2,4")


def test_an_import_under_a_condition_stays_under_it(package) -> None:
    assert "else:\n    import importlib.metadata as metadata" in package.text("hut.flags")


def test_what_is_tried_at_the_top_and_is_not_ported_fails_there(package) -> None:
    found = package.check()
    assert found.shape == (2, 2)


def test_a_name_that_is_bound_twice_is_bound_twice(package) -> None:
    assert "LEVELS = 1\nLEVELS = LEVELS + 1\n" in package.text("hut.flags")


def test_what_a_package_puts_into_paddle_is_called_where_it_is_defined(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(paddle, "rand", paddle.rand)
    monkeypatch.setattr(paddle, "max", paddle.max)
    monkeypatch.setattr(paddle.Tensor, "contiguous", paddle.Tensor.contiguous)
    monkeypatch.setattr(paddle.nn, "Doubled", None, raising=False)
    package = Package(tmp_path, {"fog/patch.py": PATCH, "fog/net.py": NOISE}, "fog.net:Noise", "2,4")
    text = package.text("fog.net")
    assert "from fog_torch.patch import own_rand\n" in text
    assert "return x + own_rand(x.shape, generator=None) * max_(x) + max(1, 2)" in text
    assert "self.scale = own_rand([1])" in text
    assert "x = x.contiguous()" in text
    assert "contiguous" not in package.text("fog.patch")
    assert "torch.rand = " not in package.text("fog.patch")
    package.check()


def test_what_is_logged_is_no_reason_to_stay(package) -> None:
    assert "all known" not in package.text("hut.flags")


def test_imports_stand_below_the_docstring(package) -> None:
    assert package.text("hut.flags").startswith('"""What is there."""\nimport importlib.util\n')
