"""The page holds the maps, to a byte an entry, and says where it holds fewer."""

from __future__ import annotations

import base64
import json
import re

import numpy as np
import pytest

from nlblocks.maps import page as page_module
from nlblocks.maps.heat import limits
from nlblocks.maps.looking import Layer, Viewer
from nlblocks.maps.page import LEVELS, Page, Stored
from nlblocks.specs import CBAM, ChannelAffinity, CrissCrossAttention, NonLocal, PositionAttention
from nlblocks.specs.layout import MapLayout
from parity_tests.helpers.blocks import built
from parity_tests.maps.views import picture

BLOCKS = [
    NonLocal(in_channels=3, sub_sample="after"),
    NonLocal(in_channels=3, mode="dot_product"),
    PositionAttention(in_channels=3),
    CrissCrossAttention(in_channels=3),
    ChannelAffinity(in_channels=3),
    CBAM(in_channels=3, ratio=1),
]


def data_of(html: str):
    (text,) = re.findall(r'<script type="application/json" id="maps">(.*?)</script>', html, re.DOTALL)
    return json.loads(text)


def decoded(stored) -> np.ndarray:
    """The rows of a layer in the page's data."""
    low, high = (np.frombuffer(base64.b64decode(stored[name]), np.float32) for name in ("low", "high"))
    codes = np.frombuffer(base64.b64decode(stored["codes"]), np.uint8).reshape(len(low), -1)
    return low[:, None] + codes / LEVELS * (high - low)[:, None]


@pytest.mark.parametrize("spec", BLOCKS, ids=lambda spec: spec.kind)
def test_the_data_is_the_map_to_half_a_step_of_its_colours(spec) -> None:
    x = picture()
    layers, _ = Viewer(built(spec, "reference")).look(x)
    page = Page("a model", 1)
    page.add(x, layers, (3, 4))
    data = data_of(page.html())
    (found,) = data["pictures"]
    assert (found["name"], found["size"], found["start"]) == ("x", [12, 16], [3, 4])
    assert not page.notes
    for stored, layer in zip(found["layers"], layers, strict=True):
        assert stored["name"] == layer.name
        assert stored["meaning"] == layer.layout.meaning
        assert stored["grid"] == list(layer.layout.grid)
        rows = decoded(stored)
        values = layer.values.reshape(rows.shape)
        low, high = limits(values, layer)
        half = ((high - low) / LEVELS / 2)[:, None] + 2.0**-23 * np.abs(values).max()  # low and high are float32
        assert (np.abs(rows - values) <= half).all()
        assert np.abs(values).max() > 0


def test_a_page_says_that_it_holds_fewer_positions(monkeypatch: pytest.MonkeyPatch) -> None:
    layers, _ = Viewer(built(PositionAttention(in_channels=3), "reference")).look(picture())
    monkeypatch.setattr(page_module, "LIMIT", 2 * 12 * 16 * 12 * 16 - 1)
    page = Page("a model", 2)
    page.add(picture(), layers, (0, 0))
    assert page.notes == [
        "attention on x: the page has one of every 2 positions along each axis, so that it holds at most 73,727 entries"
    ]
    html = page.html()
    assert page.notes[0] in html
    (stored,) = data_of(html)["pictures"][0]["layers"]
    assert stored["step"] == 2
    kept = layers[0].values[::2, ::2].reshape(6 * 8, -1)
    assert np.abs(decoded(stored) - kept).max() <= kept.max() / LEVELS


def test_no_more_than_the_limit_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    layouts = [MapLayout(meaning="positions", grid=(9, 7)), MapLayout(meaning="channels", grid=(40, 40))]
    layers = [Layer(name=str(i), layout=layout, values=np.ones(layout.shape)) for i, layout in enumerate(layouts)]
    for limit in (9000, 4000, 1700, 300, 70):
        steps = page_module._steps(layers, limit)
        sizes = [Stored.of(layer, step).codes.size for layer, step in zip(layers, steps, strict=True)]
        assert sum(sizes) <= limit
        assert limit < 9000 or steps == [1, 1]
    assert page_module._steps(layers, 1), "one position of each is the least"


def test_a_name_cannot_end_the_script() -> None:
    x = picture()
    layers, _ = Viewer(built(BLOCKS[0], "reference")).look(x)
    name = "</script><script>alert(1)</script>"
    page = Page(name, 1)
    page.add(x, [Layer(name=name, layout=layers[0].layout, values=layers[0].values)], (0, 0))
    html = page.html()
    assert html.count("</script>") == 3
    assert data_of(html)["pictures"][0]["layers"][0]["name"] == name
