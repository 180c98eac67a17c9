"""Each map of a block says what its entries mean, and how many there are of them."""

from __future__ import annotations

import math

import pytest

from nlblocks.specs import DigitNet, DualAttention, NonLocal, RelationAwareAttention
from nlblocks.specs.layout import MapLayout
from parity_tests.helpers.blocks import SPECS


@pytest.mark.parametrize("spec", SPECS)
def test_a_layout_holds_every_entry_of_its_map(spec) -> None:
    shape = spec.example_shape()
    layouts, maps = spec.map_layouts(shape), spec.attention_shapes(shape)
    assert list(layouts) == list(maps)
    for name, layout in layouts.items():
        assert math.prod(layout.shape) == math.prod(maps[name][1:]), name


def test_pooled_keys_leave_out_a_window_that_does_not_fit() -> None:
    layout = NonLocal(in_channels=4, sub_sample="after").map_layouts((1, 4, 7, 9))["attention"]
    assert (layout.grid, layout.pool, layout.keys, layout.shape) == ((7, 9), (2, 2), (3, 4), (7, 9, 12))


def test_a_network_has_the_layouts_of_its_blocks() -> None:
    layouts = DigitNet().map_layouts((2, 1, 28, 28))
    assert {name: (layout.grid, layout.keys) for name, layout in layouts.items()} == {
        "nl_1": ((14, 14), (7, 7)),
        "nl_2": ((7, 7), (3, 3)),
    }
    head = DualAttention(in_channels=16, num_classes=3, reduction=2).map_layouts((2, 16, 4, 5))
    assert head == {
        "position": MapLayout(meaning="positions", grid=(4, 5)),
        "channel": MapLayout(meaning="channels", grid=(8, 8)),
    }


def test_a_gate_of_relations_is_a_gate_and_a_mask() -> None:
    both = RelationAwareAttention(in_channels=64, positions=64).map_layouts((1, 64, 4, 16))
    assert {name: (layout.meaning, layout.shape) for name, layout in both.items()} == {
        "spatial": ("mask", (4, 16)),
        "channel": ("gate", (64,)),
    }
