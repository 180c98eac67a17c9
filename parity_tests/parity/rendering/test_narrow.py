"""The report on a phone: the page does not move sideways, and what was found is read without moving anything."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nlblocks import parity
from parity_tests.helpers.blocks import Require
from parity_tests.helpers.browser import NAMES, Page, binary, chromium

pytestmark = pytest.mark.skipif(binary() is None, reason=f"no browser: none of {', '.join(NAMES)} is installed")
CUT = """[...document.querySelectorAll('.card')].flatMap(card => [...card.querySelectorAll('td, p, dd, h1, h2')]
.filter(e => e.offsetParent && e.getBoundingClientRect().right > innerWidth).map(e => e.textContent))"""
"""The texts that end beyond the screen."""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, require: Require) -> Iterator[Page]:
    require("torch")
    from torch import nn

    models = [
        nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8, eps=eps), nn.LeakyReLU(slope), nn.Conv2d(8, 4, 3))
        for eps, slope in ((1e-3, 0.2), (1e-5, 0.01))
    ]
    program, folder = binary(), tmp_path_factory.mktemp("narrow")
    parity.compare(*models, (2, 3, 8, 8), steps=0).save(folder / "report.html")
    assert program is not None
    with chromium(program, folder / "profile") as page:
        page.open(folder / "report.html")
        yield page


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_beyond_the_screen(width: int, page: Page) -> None:
    page.resize(width, 844)
    assert page.value("document.documentElement.scrollWidth") <= width
    assert page.value("document.querySelectorAll('.stack').length") >= 3
    assert page.value(CUT) == []


def test_a_narrow_cell_stands_behind_its_heading(page: Page) -> None:
    page.resize(390, 844)
    shown = "getComputedStyle(document.querySelector('#phases td'), '::before').content"
    assert page.value(shown) == '"phase "'
    page.resize(1280, 900)
    assert page.value(shown) == "none"


def test_the_tests_see_what_is_cut_off(page: Page) -> None:
    page.resize(390, 844)
    page.value("document.querySelector('.stack').classList.replace('stack', 'wide')")
    page.value("document.querySelector('.wide').style.width = '700px'")
    assert page.value(CUT)
