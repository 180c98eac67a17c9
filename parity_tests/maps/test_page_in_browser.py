"""The page in headless Chromium, under a real pointer: what is drawn is the map of the position that is pointed at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib import colormaps

from nlblocks.maps import page as page_module
from nlblocks.maps.heat import COLOURS, diverging, heat
from nlblocks.maps.images import Picture
from nlblocks.maps.looking import Layer, Viewer
from nlblocks.maps.page import Page
from nlblocks.specs import CBAM, ChannelAffinity, CrissCrossAttention, NonLocal
from parity_tests.helpers.blocks import built
from parity_tests.helpers.browser import NAMES, binary, chromium
from parity_tests.helpers.browser import Page as Tab
from parity_tests.maps.views import picture

pytestmark = pytest.mark.skipif(binary() is None, reason=f"no browser: none of {', '.join(NAMES)} is installed")
SIZE = (12, 20)
NEAR = 3
"""Steps of 255 that a pixel may be off: the code, the colours over the image, and the grey below are each rounded."""
BLOCKS = {
    "pooled": NonLocal(in_channels=3, sub_sample="after"),
    "signed": NonLocal(in_channels=3, inter_channels=3, mode="dot_product"),
    "crossed": CrissCrossAttention(in_channels=3),
    "gated": CBAM(in_channels=3, ratio=1, spatial_kernel_size=3),
    "affine": ChannelAffinity(in_channels=3, inter_channels=3),
}
SAID = "document.querySelector('#said').textContent"
Maps = dict[str, tuple[Picture, list[Layer]]]


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    program = binary()
    assert program is not None
    with chromium(program, tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture(scope="module")
def maps() -> Maps:
    """Two pictures, each with the maps of every block."""
    found = {}
    for name in ("first", "second"):
        x = picture(name, size=SIZE)
        layers = {block: Viewer(built(spec, "reference")).look(x)[0] for block, spec in BLOCKS.items()}
        found[name] = x, [replace(one, name=f"{block}.{one.name}") for block in layers for one in layers[block]]
    return found


@pytest.fixture(scope="module")
def html(maps: Maps) -> str:
    page = Page("every kind of map", len(maps))
    for x, layers in maps.values():
        page.add(x, layers, (1, 2))
    return page.html()


@pytest.fixture
def opened(tab: Tab, html: str, tmp_path: Path) -> Tab:
    return show(tab, html, tmp_path)


def show(tab: Tab, html: str, folder: Path) -> Tab:
    path = folder / "maps.html"
    path.write_text(html, encoding="utf-8")
    tab.open(path)
    tab.wait(f"{SAID} !== ''")
    return tab


def point(tab: Tab, y: int, x: int, name: str = "first", selector: str = "#image") -> None:
    """Move the pointer to a pixel of the picture, and wait until the page has followed."""
    tab.point(selector, (x + 0.5) / SIZE[1], (y + 0.5) / SIZE[0])
    tab.wait(f"{SAID} === '{name}: y {y}, x {x}'")


def pixels(tab: Tab, layer: str, places: list[tuple[float, float]]) -> np.ndarray:
    """The colours of a layer's canvas at places (y, x) in pixels of the picture, [places, 3]."""
    script = f"""(() => {{
        const canvas = document.querySelector('[data-layer="{layer}"] canvas.map'), context = canvas.getContext('2d');
        return {list(map(list, places))}.map(([y, x]) => [...context.getImageData(
            Math.floor(x * canvas.width / {SIZE[1]}), Math.floor(y * canvas.height / {SIZE[0]}), 1, 1).data]);
    }})()"""
    return np.array(tab.value(script))[:, :3]


def expected(x: Picture, layer: Layer, query: tuple[int, int], places: list[tuple[float, float]]) -> np.ndarray:
    """The same by the map itself: its colour over the grey image, and that alone where nothing is attended to."""
    found = heat(layer, x, query)
    table = colormaps[COLOURS[diverging(layer)]]
    colours = []
    for y, column in places:
        grey = np.full(3, x.shown[int(y), int(column)].mean())
        row, key = (int(at * n // far) for at, n, far in zip((y, column), found.values.shape, found.reach, strict=True))
        value = found.values[row, key] if y < found.reach[0] and column < found.reach[1] else np.nan
        share = (value - found.low) / (found.high - found.low)
        over = grey if np.isnan(value) else np.array(table(round(share * 255))[:3]) * 255
        colours.append(0.35 * grey + 0.65 * over)
    return np.array(colours)


def off(tab: Tab, maps: Maps, query: tuple[int, int], name: str = "first") -> list[str]:
    """The layers that are not drawn as they are from a pixel; looked at a third into each pixel, beside any frame."""
    x, layers = maps[name]
    places = [(y + 0.3, column + 0.3) for y in range(SIZE[0]) for column in range(SIZE[1])]
    return [
        layer.name
        for layer in layers
        if layer.layout.spatial
        and np.abs(pixels(tab, layer.name, places) - expected(x, layer, query, places)).max() > NEAR
    ]


def test_every_map_follows_the_pointer(opened: Tab, maps: Maps) -> None:
    assert {diverging(layer) for layer in maps["first"][1]} == {False, True}
    for y, x in ((0, 0), (3, 17), (11, 19), (7, 2)):
        point(opened, y, x)
        assert off(opened, maps, (y, x)) == []
    moved = off(opened, maps, (3, 17))
    assert moved == [layer.name for layer in maps["first"][1] if layer.layout.from_each]
    assert opened.errors == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("(cell[0] / layer.step) * layer.kept[1] + cell[1]", "(cell[1] / layer.step) * layer.kept[1] + cell[0]"),
        ("layer.pool[axis] * picture.size", "picture.size"),
        ("codes[cell[0] * width + x] = row[height + x]", "codes[cell[0] * width + x] = row[x]"),
        ("colours[layer.diverging]", "colours[!layer.diverging]"),
        ("event.clientY - box.top", "event.clientY"),
    ],
    ids=["turned", "not pooled", "row for column", "other colours", "beside the canvas"],
)
def test_a_page_that_draws_another_map_is_found(
    right: str, wrong: str, tab: Tab, maps: Maps, html: str, tmp_path: Path
) -> None:
    assert right in html
    spoiled = show(tab, html.replace(right, wrong), tmp_path)
    spoiled.point("#image", 17.5 / SIZE[1], 3.5 / SIZE[0])
    spoiled.wait(f"{SAID} !== 'first: y 1, x 2'")
    assert off(spoiled, maps, (3, 17))


def test_a_position_can_be_held_and_moved_by_key(opened: Tab, maps: Maps) -> None:
    opened.point("#image", 5.5 / SIZE[1], 4.5 / SIZE[0], click=True)
    opened.wait(f"{SAID} === 'first: y 4, x 5, held'")
    opened.point("#image", 0.9, 0.9)
    opened.wait("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")
    assert opened.value(SAID) == "first: y 4, x 5, held"
    opened.point("#image", 5.5 / SIZE[1], 4.5 / SIZE[0], click=True)
    opened.value("document.querySelector('#image').focus()")
    opened.press("ArrowRight")
    opened.press("ArrowDown")
    opened.wait(f"{SAID} === 'first: y 5, x 6'")
    assert off(opened, maps, (5, 6)) == []


def test_the_pointer_over_a_map_chooses_as_well(opened: Tab, maps: Maps) -> None:
    point(opened, 2, 9, selector='[data-layer="pooled.attention"] canvas.map')
    assert off(opened, maps, (2, 9)) == []


def test_another_image_can_be_chosen(opened: Tab, maps: Maps) -> None:
    opened.point("#pick button:nth-child(2)", 0.5, 0.5, click=True)
    opened.wait(f"{SAID} === 'second: y 1, x 2'")
    point(opened, 8, 13, "second")
    assert off(opened, maps, (8, 13), "second") == []
    assert opened.value("document.querySelectorAll('.tile').length") == len(maps["second"][1])


def test_gates_and_affinities_tell_their_numbers(opened: Tab, maps: Maps) -> None:
    layers = {layer.name: layer for layer in maps["first"][1]}

    def told(name: str, across: float, down: float, said: str) -> list[float]:
        opened.point(f'[data-layer="{name}"] canvas.map', across, down)
        opened.wait(f"""document.querySelector('[data-layer="{name}"] figcaption').textContent.startsWith('{said}')""")
        text = opened.value(f"""document.querySelector('[data-layer="{name}"] figcaption').textContent""")
        return [float(number) for number in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", text)]

    gate, affinity = layers["gated.channel"].values, layers["affine.attention"].values
    channel, scaled = told("gated.channel", 1.5 / 3, 0.5, "channel 1")
    assert (channel, abs(scaled - gate[1]) < 5e-3) == (1, True)
    size = len(affinity)
    reads, value, of = told("affine.attention", 0.5 / size, 0.99, f"channel {size - 1} reads")
    assert (reads, of) == (size - 1, 0)
    assert abs(value - affinity[-1, 0]) < 5e-3 * np.abs(affinity).max() + 5e-3


def test_a_thinned_layer_shows_the_nearest_position_that_is_kept(
    tab: Tab, maps: Maps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_module, "LIMIT", 5000)
    x, (layer, *_) = maps["first"]
    page = Page("fewer positions", 1)
    page.add(x, [layer], (0, 0))
    thinned = show(tab, page.html(), tmp_path)
    point(thinned, 7, 13)
    assert off(thinned, {"first": (x, [layer])}, (6, 12)) == []
    assert off(thinned, {"first": (x, [layer])}, (7, 13)) == [layer.name]


def test_the_page_asks_for_nothing_from_elsewhere(opened: Tab) -> None:
    assert [url for url in opened.requests if not url.startswith(("file:", "data:"))] == []
    assert len([url for url in opened.requests if url.startswith("file:")]) == 1
