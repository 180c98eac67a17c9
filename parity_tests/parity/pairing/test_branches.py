"""Branches that run in another order: what goes into a layer, and what it goes into, tells which it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from nlblocks import parity
from nlblocks.parity.pairing.pair import Pairing, pair
from nlblocks.parity.running import Subject

IMAGE = (2, 3, 8, 8)
LEFT, RIGHT = "abcdefgh", "zyxwvuts"
"""Names that tell nothing of each other."""


class Branches(nn.Module):
    """Branches on one input, defined and run in some ``order`` and called by ``names``; ``joined`` in their own."""

    def __init__(
        self, make: Sequence[Callable[[], nn.Module]], joined: Callable[..., Any], order: Sequence[int], names: str
    ) -> None:
        super().__init__()
        self.joined, self.order, self.names = joined, order, names
        for place in order:
            setattr(self, names[place], make[place]())

    def forward(self, x: torch.Tensor) -> Any:
        results = {place: getattr(self, self.names[place])(x) for place in self.order}
        return self.joined(*(results[place] for place in range(len(results))))


def conv(given: int, made: int, size: int = 3, norm: bool = True, **how: Any) -> nn.Module:
    own = nn.Conv2d(given, made, size, padding=how.get("dilation", 1) * (size // 2), bias=False, **how)
    return nn.Sequential(own, nn.BatchNorm2d(made), nn.ReLU()) if norm else own


def total(*parts: torch.Tensor) -> torch.Tensor:
    return torch.relu(torch.stack(parts).sum(0)) if len(parts) > 2 else torch.relu(parts[0] + parts[1])


def beside(*parts: torch.Tensor) -> torch.Tensor:
    return torch.cat(parts, 1)


def vgg(given: int, made: int) -> list[Callable[[], nn.Module]]:
    return [lambda: conv(given, made, 1, dilation=1), lambda: conv(given, made, 3)]


def inception() -> list[Callable[[], nn.Module]]:
    return [
        lambda: conv(8, 4, 1),
        lambda: nn.Sequential(conv(8, 4, 1), conv(4, 6)),
        lambda: nn.Sequential(conv(8, 4, 1), conv(4, 6), conv(6, 6)),
        lambda: nn.Sequential(nn.AvgPool2d(3, 1, 1), conv(8, 4, 1)),
    ]


def dilated() -> list[Callable[[], nn.Module]]:
    return [
        lambda: nn.Sequential(conv(3, 4, 1), conv(4, 5, dilation=1)),
        lambda: nn.Sequential(conv(3, 4, 1), conv(4, 5, dilation=2)),
        lambda: nn.Sequential(conv(3, 4, 1), conv(4, 5, dilation=3)),
    ]


def paired(left: nn.Module, right: nn.Module) -> Pairing:
    return pair(*Subject.structures(*Subject.both(left, right, np.zeros(IMAGE), 0), training=True))


def right_ones(found: Pairing) -> bool:
    """Whether all is paired, and each tensor with the one that is called the same but for the branch's letter."""
    letters = str.maketrans(LEFT, RIGHT)
    names = {
        ".".join(word.translate(letters) if len(word) == 1 else word for word in a.split(".")): b
        for a, b in found.names.items()
    }
    return not (found.left_only or found.right_only or found.lacking()) and all(a == b for a, b in names.items())


def test_branches_of_other_shapes_at_every_depth() -> None:
    widths = [(3, 8), (8, 8), (8, 8), (8, 16), (16, 16)]
    left = nn.Sequential(*(Branches(vgg(*width), total, (0, 1), LEFT) for width in widths))
    right = nn.Sequential(*(Branches(vgg(*width), total, (1, 0), RIGHT) for width in widths))
    found = paired(left, right)
    assert right_ones(found)
    assert len(found.names) == 50
    assert not found.ambiguous
    assert {row.by for row in found.rows()} == {"flow"}


@pytest.mark.parametrize("order", [(3, 2, 1, 0), (1, 0, 3, 2), (2, 0, 3, 1)])
def test_four_branches_of_which_some_begin_alike(order: Sequence[int]) -> None:
    left = nn.Sequential(conv(3, 8), Branches(inception(), beside, range(4), LEFT), conv(20, 3, 1))
    right = nn.Sequential(conv(3, 8), Branches(inception(), beside, order, RIGHT), conv(20, 3, 1))
    assert right_ones(paired(left, right))


@pytest.mark.parametrize(("joined", "by"), [(total, "flow"), (lambda a, b, c: a + b + c, "attributes")])
def test_branches_that_differ_in_their_dilation_alone(joined: Callable[..., torch.Tensor], by: str) -> None:
    left, right = (
        nn.Sequential(Branches(dilated(), joined, order, names), conv(5, 2, 1))
        for order, names in ((range(3), LEFT), ((2, 0, 1), RIGHT))
    )
    found = paired(left, right)
    assert right_ones(found)
    assert by in {row.by for row in found.rows()}


def test_resolutions_that_are_fused_into_each_other() -> None:
    class Fusion(nn.Module):
        """Three resolutions of their own widths, each made of all three."""

        def __init__(self, order: Sequence[int], names: str) -> None:
            super().__init__()
            self.order, self.names = order, names
            self.stem = nn.ModuleDict({names[i]: conv(3, 4 + i) for i in order})
            self.fuse = nn.ModuleDict(
                {f"{names[i]}{names[j]}": conv(4 + j, 4 + i, 1) for i in order for j in order[::-1]}
            )

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
            names, deep = self.names, {}
            for i in self.order:
                deep[i] = F.max_pool2d(self.stem[names[i]](x), 2**i)
            found = {}
            for i in self.order:
                size = deep[i].shape[2:]
                parts = {j: F.interpolate(self.fuse[f"{names[i]}{names[j]}"](deep[j]), size) for j in self.order[::-1]}
                found[i] = torch.relu(parts[0] + parts[1] + parts[2])
            return tuple(found[i] for i in range(3))

    found = paired(Fusion((0, 1, 2), LEFT), Fusion((2, 0, 1), RIGHT))
    letters = str.maketrans(LEFT, RIGHT)
    assert len(found.names) == 60
    assert all(
        b.split(".")[1] == a.split(".")[1].translate(letters) and b.split(".")[2:] == a.split(".")[2:]
        for a, b in found.names.items()
    )


def test_an_extra_layer_takes_nothing_from_its_neighbours() -> None:
    def block(extra: bool, names: str) -> nn.Module:
        own = nn.Sequential()
        for name, layer in zip(names, (nn.Conv2d(6, 6, 1), nn.BatchNorm2d(6), nn.Conv2d(6, 6, 1)), strict=False):
            own.add_module(name, layer)
        if extra:
            own.add_module(names[3], nn.Conv2d(6, 6, 1))
        own.add_module(names[4], nn.BatchNorm2d(6))
        own.add_module(names[5], nn.ReLU())
        return own

    left = nn.Sequential(conv(3, 6), block(False, LEFT), conv(6, 5))
    right = nn.Sequential(conv(3, 6), block(True, RIGHT), conv(6, 5))
    found = paired(left, right)
    assert found.names["1.b.weight"] == "1.y.weight"
    assert found.names["1.e.weight"] == "1.v.weight"
    assert found.names["2.0.weight"] == "2.0.weight"
    assert len(found.right_only) == 1


def test_an_extra_layer_has_its_own_norm() -> None:
    """As MobileNetV2 in two codebases: one expands even where nothing is to be expanded."""

    def net(extra: bool, names: str) -> nn.Module:
        own = nn.Sequential()
        layers = [conv(3, 6), *([conv(6, 6, 1)] if extra else []), conv(6, 6, groups=6), conv(6, 4, 1)]
        for name, layer in zip(names, layers, strict=False):
            own.add_module(name, layer)
        return own

    found = paired(net(False, "cba"), net(True, "zcyx"))
    assert found.names["c.1.weight"] == "z.1.weight"
    assert [unit.name for unit in found.right_only] == ["c.0", "c.1"]


def test_layers_of_other_shapes_are_paired_once_no_equal_ones_are_left() -> None:
    left = Branches([lambda: conv(3, 8, 1, False), lambda: conv(3, 6, 3, False)], beside, (0, 1), LEFT)
    right = Branches([lambda: conv(3, 8, 1, False), lambda: conv(3, 7, 3, False)], beside, (1, 0), RIGHT)
    found = paired(left, right)
    assert found.names == {"a.weight": "z.weight", "b.weight": "y.weight"}
    assert {row.left: row.by for row in found.rows()} == {"a.weight": "flow", "b.weight": "rest"}


def test_what_has_other_widths_is_paired_by_its_place_too() -> None:
    def stage(width: int, order: Sequence[int], names: str) -> nn.Module:
        """A residual block whose shortcut and first layer are alike, then another block."""
        longer = [lambda: nn.Sequential(conv(8, width, 1), conv(width, width, 1)), lambda: conv(8, width, 1)]
        return nn.Sequential(conv(3, 8), Branches(longer, total, order, names), conv(width, 4))

    found = paired(stage(6, (0, 1), LEFT), stage(7, (1, 0), RIGHT))
    assert found.names["1.a.0.0.weight"] == "1.z.0.0.weight"
    assert found.names["1.b.0.weight"] == "1.y.0.weight"
    assert not (*found.left_only, *found.right_only)


def test_branches_that_nothing_tells_apart_are_said_to_be_a_guess() -> None:
    left, right = (
        nn.Sequential(Branches([lambda: conv(3, 4, 3, False)] * 2, total, order, names), conv(4, 2, 1))
        for order, names in (((0, 1), LEFT), ((1, 0), RIGHT))
    )
    found = paired(left, right)
    (said,) = found.ambiguous
    assert "0.a, 0.b could be any of 0.y, 0.z" in said.replace("0.z, 0.y", "0.y, 0.z")
    assert {row.left for row in found.rows() if row.ambiguous} == {"0.a.weight", "0.b.weight"}


class Attention(nn.Module):
    def __init__(self, names: Sequence[str], exchanged: bool = False) -> None:
        super().__init__()
        self.names, self.exchanged = names, exchanged
        for name in names:
            setattr(self, name, nn.Linear(8, 8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = (getattr(self, name)(x) for name in self.names)
        q, k = (k, q) if self.exchanged else (q, k)
        return torch.softmax(q @ k.transpose(-1, -2), -1) @ v


@pytest.mark.parametrize("names", [("query", "key", "value"), ("to_q", "to_k", "to_v")])
def test_two_that_are_exchanged_stay_a_fault_where_names_tell_them_apart(names: Sequence[str]) -> None:
    left = nn.Sequential(nn.Conv1d(3, 3, 1), Attention(("q", "k", "v")), nn.Linear(8, 4))
    for exchanged in (False, True):
        right = nn.Sequential(nn.Conv1d(3, 3, 1), Attention(names, exchanged), nn.Linear(8, 4))
        assert bool(parity.compare(left, right, (2, 3, 8), training=False)) is not exchanged
