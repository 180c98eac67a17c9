"""A panel shows each position beside what it reads, framed and laid out as the map is."""

from __future__ import annotations

import numpy as np
import pytest

from nlblocks import maps
from nlblocks.errors import InputError
from nlblocks.maps import images
from nlblocks.maps.heat import COLOURS, cell_of, heat
from nlblocks.maps.looking import Layer, Viewer
from nlblocks.maps.panels import figure_of, panel
from nlblocks.specs import CBAM, ChannelAffinity, CrissCrossAttention, NonLocal
from parity_tests.helpers.blocks import built
from parity_tests.maps.views import picture

X = picture(size=(9, 14))
QUERIES = [(0, 13), (4, 2), (8, 8), (1, 1)]


def layer_of(spec, name: str = "attention") -> Layer:
    layers, _ = Viewer(built(spec, "reference")).look(X)
    return next(layer for layer in layers if layer.name == name)


def drawn(layer: Layer, queries=QUERIES):
    """The axes of a figure but for its colour bars, two by two: the image, and the drawing beside it."""
    axes = [axis for axis in figure_of(layer, X, queries).axes if axis.get_label() != "<colorbar>"]
    return list(zip(axes[::2], axes[1::2], strict=True))


@pytest.mark.parametrize(
    "spec",
    [
        NonLocal(in_channels=3, sub_sample="after"),
        NonLocal(in_channels=3, mode="dot_product"),
        CrissCrossAttention(in_channels=3),
    ],
    ids=["pooled", "signed", "crossed"],
)
def test_each_position_has_its_image_and_its_heat(spec) -> None:
    layer = layer_of(spec)
    pairs = drawn(layer)
    assert len(pairs) == 6, "two rows of three, two of them empty"
    for (left, right), query in zip(pairs, QUERIES, strict=False):
        found, (row, column) = heat(layer, X, query), cell_of(layer, X, query)
        grey, over = right.images
        assert np.array_equal(left.images[0].get_array(), X.shown)
        assert np.array_equal(grey.get_array(), X.shown.mean(2))
        assert np.array_equal(np.ma.filled(over.get_array(), np.nan), found.values, equal_nan=True)
        assert list(over.get_extent()) == [-0.5, found.reach[1] - 0.5, found.reach[0] - 0.5, -0.5]
        assert over.get_clim() == (found.low, found.high)
        assert over.get_cmap().name == COLOURS[found.low < 0]
        for axis in (left, right):
            (frame,) = axis.patches
            assert (frame.get_x() + 0.5, frame.get_y() + 0.5) == (column, row)
            assert (axis.get_xlim(), axis.get_ylim()) == ((-0.5, 13.5), (8.5, -0.5))
    assert not any(axis.axison for pair in pairs[len(QUERIES) :] for axis in pair)


def test_gates_are_bars_and_masks_and_affinities_a_matrix() -> None:
    gate, mask = (layer_of(CBAM(in_channels=3, ratio=1), name) for name in ("channel", "spatial"))
    ((_, bars),) = drawn(gate)
    assert [bar.get_height() for bar in bars.patches] == list(gate.values)
    ((_, over),) = drawn(mask)
    assert np.array_equal(over.images[1].get_array(), mask.values)
    assert not over.patches, "a mask is not seen from a position"
    affinity = layer_of(ChannelAffinity(in_channels=3, inter_channels=3))
    ((_, matrix),) = drawn(affinity)
    assert np.array_equal(matrix.images[0].get_array(), affinity.values)


def test_a_panel_is_a_png() -> None:
    assert panel(layer_of(NonLocal(in_channels=3)), X, QUERIES[:1]).startswith(b"\x89PNG")


def test_what_draws_may_not_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "find_spec", lambda name: None if name == "PIL" else True)
    for call in (lambda: maps.read_images(["x.png"]), lambda: maps.draw(None, [X], "out")):
        with pytest.raises(InputError, match=r'maps need pillow; install it with: pip install "nlblocks\[pictures\]"'):
            call()
