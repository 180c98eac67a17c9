"""The page in headless Chromium: the run that is chosen marks the pictures; nothing is wider than a phone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nlblocks.training.reporting import Results
from nlblocks.training.reporting.page import page
from parity_tests.helpers.browser import NAMES, Page, binary, chromium

pytestmark = pytest.mark.skipif(binary() is None, reason=f"no browser: none of {', '.join(NAMES)} is installed")
MARKS = "[...document.querySelectorAll('.tests figure')].map(f => [f.dataset.at, f.className, f.textContent])"


@pytest.fixture(scope="module")
def tab(results: Results, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    program, folder = binary(), tmp_path_factory.mktemp("page")
    assert program is not None
    (folder / "report.html").write_text(page(results))
    with chromium(program, folder / "profile") as found:
        found.open(folder / "report.html")
        yield found


def choose(tab: Page, run: str) -> None:
    tab.value(
        "(() => { const pick = document.querySelector('#run');"
        f" pick.value = '{run}'; pick.dispatchEvent(new Event('change')); }})()"
    )


@pytest.mark.parametrize(("run", "right"), [("baseline in torch, seed 0", 4), ("non_local in paddle, seed 1", 9)])
def test_each_picture_says_what_the_chosen_run_made_of_it(tab: Page, run: str, right: int) -> None:
    choose(tab, run)
    assert tab.value("document.querySelector('#share').textContent") == f"{right} of the 10 test pictures right"
    marks = tab.value(MARKS)
    expected = [
        [str(at), "right", f"✓ {at}"] if at < right else [str(at), "wrong", f"✗ 0, is {at}"] for at in range(10)
    ]
    assert marks == expected


def test_a_run_that_is_not_done_cannot_be_chosen(tab: Page) -> None:
    options = tab.value("[...document.querySelectorAll('#run option')].map(o => o.textContent)")
    assert "non_local in paddle, seed 1" in options
    assert "non_local in paddle, seed 2" not in options


@pytest.mark.parametrize("width", [1200, 390])
def test_nothing_is_wider_than_the_window(tab: Page, width: int) -> None:
    tab.call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False)
    assert tab.value("document.documentElement.scrollWidth") <= width
    panel = "document.querySelector('.panels svg').getBoundingClientRect()"
    assert tab.value(f"{panel}.right") <= width
    assert tab.value(f"{panel}.width") > 250


def test_the_page_asks_for_nothing_and_its_scripts_raise_nothing(tab: Page) -> None:
    assert not tab.errors
    assert all(request.startswith(("file:", "data:")) for request in tab.requests)
