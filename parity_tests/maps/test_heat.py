"""Each entry of a map lies over the part of the image that it is of."""

from __future__ import annotations

import numpy as np
import pytest

import nlblocks
from nlblocks.maps.heat import cell_of, diverging, heat, limits, standing_out
from nlblocks.maps.images import Picture
from nlblocks.maps.looking import Layer, Viewer
from nlblocks.numerics import distance, tolerance
from nlblocks.specs import CrissCrossAttention, NonLocal
from nlblocks.specs.layout import MapLayout
from parity_tests.helpers.blocks import built
from parity_tests.maps.views import picture


def test_criss_cross_is_laid_on_the_column_and_the_row() -> None:
    spec = CrissCrossAttention(in_channels=3)
    block, x = built(spec, "reference"), picture(size=(5, 7))
    ((layer,), _), run = Viewer(block).look(x), nlblocks.run(block, x.values[None])
    state = nlblocks.state_of(block)
    weight, bias = state["value.weight"][:, :, 0, 0], state["value.bias"]
    value = np.einsum("oc,chw->ohw", weight, x.values) + bias[:, None, None]
    mixed = np.zeros_like(x.values)
    for y in range(5):
        for column in range(7):
            found = heat(layer, x, (y, column)).values
            attended = np.isfinite(found)
            assert attended[y].all()
            assert attended[:, column].all()
            assert attended.sum() == 5 + 7 - 1
            mixed[:, y, column] = (value * np.nan_to_num(found)).sum((1, 2))
    assert distance(x.values + state["gamma"] * mixed, run.output[0]) <= tolerance.LIMITS["output"]


def test_pooled_keys_lie_over_the_windows_that_they_are_of() -> None:
    """Only one window of the image holds anything to be read: the heat is there."""
    spec = NonLocal(in_channels=2, inter_channels=1, mode="dot_product", sub_sample="after", norm=None)
    block = built(spec, "reference")
    state = {name: np.zeros_like(array) for name, array in nlblocks.state_of(block).items()}
    state |= {"theta.bias": np.ones(1), "phi.weight": np.array([[1.0, 0.0]]).reshape(1, 2, 1, 1)}
    nlblocks.load_state(block, state)
    values = np.zeros((2, 7, 9))
    values[0, 4, 3] = 1.0
    x = Picture(name="x", values=values, shown=np.zeros((7, 9, 3), np.uint8))
    ((layer,), _) = Viewer(block).look(x)
    found = heat(layer, x, (0, 8))
    assert found.reach == (6, 8), "the last row and column fill no window"
    assert found.values.shape == (3, 4)
    assert list(map(tuple, np.argwhere(found.values))) == [(4 // 2, 3 // 2)]


def test_a_grid_is_stretched_over_the_image() -> None:
    layout = MapLayout(meaning="positions", grid=(3, 4), pool=(1, 2))
    layer, x = Layer(name="a", layout=layout, values=np.zeros(layout.shape)), picture(size=(12, 16))
    cells = {cell_of(layer, x, (y, column)) for y in range(12) for column in range(16)}
    assert cells == {(y, column) for y in range(3) for column in range(4)}
    assert (cell_of(layer, x, (3, 4)), cell_of(layer, x, (4, 3)), cell_of(layer, x, (11, 15))) == (
        (0, 1), (1, 0), (2, 3),
    )  # fmt: skip
    assert heat(layer, x, (0, 0)).reach == (12, 16)


@pytest.mark.parametrize(
    ("meaning", "values", "expected"),
    [
        ("positions", [0.25, 0.75], (0, 0.75)),
        ("positions", [-0.5, 0.25], (-0.5, 0.5)),
        ("mask", [0.25, 0.75], (0.25, 0.75)),
        ("gate", [0.25, 0.75], (0.25, 0.75)),
        ("channels", [0.25, 0.75], (0, 0.75)),
    ],
)
def test_colours_start_at_nothing_but_for_what_scales(meaning, values, expected) -> None:
    array = np.array(values)
    layer = Layer(name="a", layout=MapLayout(meaning=meaning, grid=(1, 2)), values=array)
    low, high = limits(array[None], layer)
    assert (low[0], high[0]) == expected
    assert diverging(layer) == (array.min() < 0)


def test_positions_to_look_from_lie_on_what_stands_out() -> None:
    shown = np.full((28, 28, 3), 200, np.uint8)
    shown[6:22, 8:10] = 20
    x = Picture(name="x", values=np.zeros((1, 28, 28)), shown=shown)
    found = standing_out(x)
    assert len(found) == 3
    assert [y for y, _ in found] == sorted({y for y, _ in found})
    assert all(6 <= y < 22 and 8 <= column < 10 for y, column in found)
    blank = Picture(name="x", values=np.zeros((1, 5, 3)), shown=np.zeros((5, 3, 3), np.uint8))
    assert standing_out(blank) == [(2, 1)]
