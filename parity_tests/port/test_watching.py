"""What is watched is not changed by it: looking at an object runs none of its code."""

from __future__ import annotations

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")

from nlblocks.port.observe import Watcher
from nlblocks_paddle.lab.porting import porting

OBJECTS = """
import paddle
from paddle import nn

asked = []


class Asking:
    def __getattr__(self, name):
        asked.append(name)
        return getattr(self.inner, name)

    def __call__(self, x):
        return x


class Counted(list):
    def __len__(self):
        asked.append("len")
        return super().__len__()

    def __getitem__(self, key):
        raise KeyError(key)


class Net(nn.Layer):
    def __init__(self):
        super().__init__()
        self.config = {"wide": 3}

    def __getattr__(self, name):
        asked.append(name)
        try:
            return super().__getattr__(name)
        except AttributeError:
            return self.__dict__["config"][name]

    def forward(self, x):
        return x * self.wide


class Posing:
    @property
    def __class__(self):
        asked.append("class")
        return nn.Layer


def same(value):
    return value


first = same(Asking())(Counted([1]))
net = same(Net())
bare = same(nn.Layer.__new__(Net))
posing = same(Posing())
del asked[:]
same(same(first))
same(same(net))
same(same(bare))
same(same(posing))
told = list(asked)
result = net(paddle.ones([2]))
"""


@pytest.fixture(scope="module")
def watched():
    watcher, space = Watcher(porting), {"__name__": "asked"}
    watcher.run(OBJECTS, "asked", "asked.py", space)
    return watcher.record.modules["asked"], space


def test_no_object_is_asked_for_anything(watched) -> None:
    assert watched[1]["told"] == []


def test_what_looks_attributes_up_itself_gives_what_it_gives(watched) -> None:
    assert watched[1]["result"].tolist() == [3.0, 3.0]


def test_an_object_is_what_its_class_says(watched) -> None:
    record, _ = watched
    kinds = {kind for place in record.places.values() for kind in place.arguments.get("0", place.result).kinds}
    assert {"list[int]", "asked.Posing", "Layer:paddle.nn.Layer"} <= kinds
