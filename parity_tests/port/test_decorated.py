"""Decorators that do something to a class, a function, or what runs within; and those of Python's own library."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

from parity_tests.port.packages import Package

TOOLS = '''
import functools
import os
import time
from contextlib import contextmanager

import paddle

FAST = os.environ.get("DECO_FAST", "0").lower() in ("1", "true")
TRACE = []


def timed(function):
    """Notes how often a function ran."""

    @functools.wraps(function)
    def inner(*args, **kwargs):
        TRACE.append((function.__name__, time.perf_counter()))
        return function(*args, **kwargs)

    return inner


def with_defaults(**defaults):
    def outer(cls):
        first = cls.__init__

        @functools.wraps(first)
        def init(self, *args, **kwargs):
            first(self, *args, **{**defaults, **kwargs})

        cls.__init__ = init
        return cls

    return outer


def float32(forward):
    @functools.wraps(forward)
    def inner(self, x, *args):
        return forward(self, x.astype(self.weight_dtype), *args)

    return inner


@contextmanager
def frozen(layer):
    kept = [p.stop_gradient for p in layer.parameters()]
    for p in layer.parameters():
        p.stop_gradient = True
    try:
        yield layer
    finally:
        for p, one in zip(layer.parameters(), kept):
            p.stop_gradient = one


@functools.lru_cache(maxsize=None)
def table(size):
    return tuple(range(size))


def get_activation(spec):
    if callable(spec):
        return spec
    if isinstance(spec, dict):
        spec = dict(spec)
        return getattr(paddle.nn, spec.pop("type"))(**spec)
    return {"swish": paddle.nn.Swish, "leaky": functools.partial(paddle.nn.LeakyReLU, negative_slope=0.2)}[spec]()
'''
NET = """
import abc
import enum
from functools import cached_property, partial
from typing import NamedTuple, Optional

import paddle
import paddle.nn as nn

from .tools import FAST, float32, frozen, get_activation, table, timed, with_defaults


class Mode(str, enum.Enum):
    SUM = "sum"
    MEAN = "mean"


class Result(NamedTuple):
    out: paddle.Tensor
    inner: Optional[paddle.Tensor] = None


class Step(nn.Layer, abc.ABC):
    @abc.abstractmethod
    def step(self, x):
        ...

    def forward(self, x):
        return self.step(x)

    @property
    @abc.abstractmethod
    def wide(self):
        ...


@with_defaults(outer=5)
class Linear(Step):
    def __init__(self, inner, outer):
        super().__init__()
        self._wide = outer
        self.fc = nn.Linear(inner, outer)

    @property
    def wide(self):
        return self._wide

    @property
    def weight_dtype(self):
        return self.fc.weight.dtype

    @timed
    @float32
    def step(self, x):
        return self.fc(x)


class Pool(nn.Layer):
    def __init__(self, mode: Mode):
        super().__init__()
        self.mode = Mode(mode)
        self.fn = {Mode.SUM: paddle.sum, Mode.MEAN: partial(paddle.mean, keepdim=False)}[self.mode]

    def forward(self, x):
        return self.fn(x, axis=-1)


class Net(nn.Layer):
    def __init__(self, mode="mean", acts=("swish", "leaky", {"type": "LeakyReLU", "negative_slope": 0.3}), **kwargs):
        super().__init__()
        drop = kwargs.pop("drop", 0.0)
        if kwargs:
            raise TypeError(f"unexpected {sorted(kwargs)}")
        self.first = Linear(4)
        self.acts = nn.LayerList([get_activation(a) for a in acts])
        self.drop = nn.Dropout(drop) if drop > 0 else nn.Identity()
        self.pool = Pool(mode)
        with frozen(self.first):
            pass

    @cached_property
    def steps(self):
        return table(self.first.wide)

    @classmethod
    def small(cls, **kwargs):
        return cls(mode=Mode.SUM, **kwargs)

    def __call__(self, *args, **kwargs):
        return super().__call__(*args, **kwargs)

    def forward(self, x):
        x = self.first(x)
        for act in self.acts:
            x = act(x) + len(self.steps)
        if FAST:
            return Result(x)
        x = self.drop(x)
        return Result(out=self.pool(x), inner=x)


def small():
    return Net.small()
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Package:
    files = {"deco/tools.py": TOOLS, "deco/net.py": NET}
    return Package(tmp_path_factory.mktemp("deco"), files, "deco.net:small", "3,4")


def test_a_named_tuple_comes_out(package) -> None:
    found = package.check()
    assert found.out.shape == (3,)
    assert not package.refused


def test_a_decorator_that_changes_its_class_stays(package) -> None:
    assert "@with_defaults(outer=5)\nclass Linear(Step):" in package.text("deco.net")


def test_a_decorator_that_wraps_stays(package) -> None:
    assert "@timed\n    @float32\n    def step(self, x):" in package.text("deco.net")


@pytest.mark.parametrize(
    ("variable", "named"),
    [("", "KNOWN: dict = {}"), ("KNOWN = {}\n", "from parts import KNOWN"), ("KNOWN = {}\n", "import parts")],
)
def test_a_registry_that_is_read_is_filled(variable: str, named: str, tmp_path: Path) -> None:
    known = "parts.KNOWN" if named == "import parts" else "KNOWN"
    text = f"""from paddle import nn
{named}


def register(cls):
    {known}[cls.__name__] = cls
    return cls


@register
class Double(nn.Layer):
    def forward(self, x):
        return x * 2


class Net(nn.Layer):
    def forward(self, x):
        for kind in {known}.values():
            x = kind()(x)
        return x
"""
    Package(tmp_path, {"own.py": text, "parts.py": variable or "OTHER = 1\n"}, "own:Net", "2,5").check()
