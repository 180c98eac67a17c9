"""Packages that build their models by configuration: registries, wrapped constructors, mixins, outputs with names."""

from __future__ import annotations

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

from parity_tests.port.packages import Package

SETTINGS = '''
"""What a model was made with."""

import functools
import inspect
from collections import OrderedDict


class Frozen(OrderedDict):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for key, value in self.items():
            setattr(self, key, value)
        self.__closed = True

    def __setitem__(self, name, value):
        if hasattr(self, "_Frozen__closed") and self.__closed:
            raise TypeError("it is frozen")
        super().__setitem__(name, value)

    def pop(self, *args):
        raise TypeError("it is frozen")


def as_text(settings):
    return "; ".join(f"{name} is {value}" for name, value in settings.items())


class Configured:
    file_name = None

    def __repr__(self):
        return f"{type(self).__name__}: {as_text(self._kept)}"

    def keep(self, **given):
        if self.file_name is None:
            raise NotImplementedError(f"{type(self)} says no file_name")
        self._kept = Frozen({**getattr(self, "_kept", {}), **given})

    def __getattr__(self, name):
        if "_kept" in self.__dict__ and name in self.__dict__["_kept"]:
            return self._kept[name]
        raise AttributeError(f"{type(self).__name__} has no {name}")

    @property
    def settings(self):
        return self._kept

    @classmethod
    def of(cls, settings, **more):
        return cls(**{**settings, **more})

    @classmethod
    def fetched(cls, address):
        import urllib.request

        return cls(**urllib.request.urlopen(address).read())


def kept(init):
    @functools.wraps(init)
    def inner(self, *args, **kwargs):
        if not isinstance(self, Configured):
            raise RuntimeError("only for what is Configured")
        names = list(inspect.signature(init).parameters)[1:]
        defaults = {n: p.default for n, p in inspect.signature(init).parameters.items() if n in names}
        given = dict(zip(names, args))
        self.keep(**{**defaults, **given, **kwargs})
        init(self, *args, **kwargs)

    return inner
'''
OUTPUTS = '''
from collections import OrderedDict
from dataclasses import dataclass, fields
from typing import Any, Optional, Tuple

import paddle


class Output(OrderedDict):
    """Fields by name, and by place those that are not None."""

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None:
                self[field.name] = value

    def __getitem__(self, key: Any) -> Any:
        return dict(self.items())[key] if isinstance(key, str) else self.to_tuple()[key]

    def __setitem__(self, key, value):
        super().__setitem__(key, value)
        super().__setattr__(key, value)

    def to_tuple(self) -> Tuple[Any]:
        return tuple(getattr(self, f.name) for f in fields(self) if getattr(self, f.name) is not None)


@dataclass
class Drawn(Output):
    sample: paddle.Tensor
    inner: Optional[paddle.Tensor] = None
    extra: Optional[Tuple[paddle.Tensor]] = None
'''
BASE = """
from paddle import nn


class Base(nn.Layer):
    _tiles = False

    def __init__(self):
        super().__init__()

    def __getattr__(self, name):
        if name != "_kept" and "_kept" in self.__dict__ and name in self.__dict__["_kept"]:
            return self.__dict__["_kept"][name]
        return super().__getattr__(name)

    @property
    def device(self):
        return next(iter(self.parameters())).place

    @property
    def dtype(self):
        return next(iter(self.parameters())).dtype

    def count(self, trainable=False):
        return sum(p.size for p in self.parameters() if not trainable or not p.stop_gradient)

    def set_tiles(self, valid):
        def walk(module):
            if hasattr(module, "tiles"):
                module.tiles = valid
            for child in module.children():
                walk(child)

        walk(self)
"""
MODEL = """
import paddle
from paddle import nn

from .base import Base
from .outputs import Drawn
from .settings import Configured, kept

ACTS = {"silu": nn.Silu(), "relu": nn.ReLU(), "gelu": nn.GELU()}


def act(name):
    name = name.lower()
    if name in ACTS:
        return ACTS[name]
    raise ValueError(f"no {name}")


class Painter(Base, Configured):
    file_name = "painter.json"

    @kept
    def __init__(self, wide: int = 6, act_name: str = "SiLU", groups: int = 2, deep=(4, 6), centred: bool = True):
        super().__init__()
        self.conv = nn.Conv2D(3, deep[0], 3, padding=1)
        self.norm = nn.GroupNorm(num_groups=groups, num_channels=deep[0], epsilon=1e-6)
        self.act = act(act_name)
        self.out = nn.Conv2D(deep[0], wide, 1)

    def forward(self, sample: paddle.Tensor, return_dict: bool = True):
        sample = sample.cast(self.dtype)
        if self.settings.centred:
            sample = 2 * sample - 1.0
        inner = self.act(self.norm(self.conv(sample)))
        sample = self.out(inner) * self.settings["groups"] + self.wide
        if not return_dict:
            return (sample,)
        return Drawn(sample=sample, inner=inner)
"""


@pytest.fixture(scope="module")
def painter(tmp_path_factory) -> Package:
    files = {"art/settings.py": SETTINGS, "art/outputs.py": OUTPUTS, "art/base.py": BASE, "art/model.py": MODEL}
    return Package(tmp_path_factory.mktemp("painter"), files, "art.model:Painter", "2,3,4,5")


def test_a_constructor_that_is_wrapped_keeps_its_settings(painter) -> None:
    found = painter.check()
    assert found["sample"] is found.sample
    assert found[1] is found.inner
    assert "@kept\n    def __init__" in painter.text("art.model")
    assert not painter.refused


def test_what_shows_a_model_is_torchs_where_it_is_left_out(painter) -> None:
    assert "__repr__" not in painter.text("art.settings")
    assert not painter.refused


def test_an_output_of_named_fields_is_one_in_the_port(painter) -> None:
    assert "@dataclass\nclass Drawn(Output):\n    sample: torch.Tensor" in painter.text("art.outputs")


def test_what_looks_attributes_up_itself_is_called_as_before(painter) -> None:
    assert "return super().__getattr__(name)" in painter.text("art.base")


SUBCLASSES = """
from paddle import nn


class Block(nn.Layer):
    kinds = {}

    def __init_subclass__(cls, kind="", **options):
        super().__init_subclass__(**options)
        if kind:
            Block.kinds[kind] = cls

    @classmethod
    def made(cls, kind, *args, **kwargs):
        return cls.kinds[kind](*args, **kwargs)


class Plain(Block, kind="plain"):
    def __init__(self, wide):
        super().__init__()
        self.inner = nn.Linear(wide, wide)

    def forward(self, x):
        return self.inner(x)


class Twice(Plain, kind="twice"):
    def forward(self, x):
        return super().forward(super().forward(x))


class Unused(Block, kind="unused"):
    def __init__(self, wide):
        super().__init__()
        self.inner = nn.Linear(wide, wide)


class Net(nn.Layer):
    def __init__(self, kinds=("plain", "twice")):
        super().__init__()
        self.blocks = nn.LayerList([Block.made(kind, 4) for kind in kinds])

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return x
"""


def test_subclasses_that_register_themselves(tmp_path) -> None:
    package = Package(tmp_path, {"kin/blocks.py": SUBCLASSES}, "kin.blocks:Net", "3,4")
    package.check()
    assert 'class Twice(Plain, kind="twice"):' in package.text("kin.blocks")


METACLASS = """
from paddle import nn

KNOWN = {}


class Meta(type(nn.Layer)):
    def __new__(mcs, name, bases, space):
        made = super().__new__(mcs, name, bases, space)
        KNOWN[name] = made
        return made

    def __call__(cls, *args, **kwargs):
        made = super().__call__(*args, **kwargs)
        made.asked = (args, tuple(kwargs))
        return made


class Block(nn.Layer, metaclass=Meta):
    pass


class Narrow(Block):
    def __init__(self, wide):
        super().__init__()
        self.inner = nn.Linear(wide, 2)

    def forward(self, x):
        return nn.functional.gelu(self.inner(x), approximate=True)


class Net(nn.Layer):
    def __init__(self, name="Narrow"):
        super().__init__()
        self.block = KNOWN[name](4)

    def forward(self, x):
        return self.block(x) * len(self.block.asked[0])
"""


def test_a_metaclass_that_registers(tmp_path) -> None:
    package = Package(tmp_path, {"meta/blocks.py": METACLASS}, "meta.blocks:Net", "3,4")
    package.check()
