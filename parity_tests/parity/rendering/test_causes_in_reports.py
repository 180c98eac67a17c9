"""From a cause in a report there is a way to what it is: a command, and on the page an explanation of its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from nlblocks import parity
from nlblocks.parity.rendering import LabReport
from nlblocks.parity.rendering.html import lab_cards, page

torch = pytest.importorskip("torch")


def net(*layers: Any) -> Any:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), *layers)


Compared = Callable[..., LabReport]


@pytest.fixture(scope="module")
def compared() -> Compared:
    def report(left: Any, right: Any) -> LabReport:
        return parity.compare(net(*left), net(*right), (2, 3, 9, 9), training=False)

    return report


@pytest.fixture(scope="module")
def one(compared: Compared) -> LabReport:
    return compared([torch.nn.LeakyReLU(0.2)], [torch.nn.LeakyReLU(0.01)])


@pytest.fixture(scope="module")
def two(compared: Compared) -> LabReport:
    norm, leaky = torch.nn.BatchNorm2d, torch.nn.LeakyReLU
    return compared([norm(4), leaky(0.2)], [norm(4, eps=1e-2), leaky(0.01)])


@pytest.fixture(scope="module")
def none(compared: Compared) -> LabReport:
    return compared([torch.nn.ReLU()], [torch.nn.ReLU()])


def test_the_text_says_how_to_read_more(one: LabReport, two: LabReport, none: LabReport) -> None:
    assert str(one).endswith("\n  more: nlblocks causes leaky_relu.slope")
    assert str(two).endswith("\n  more: nlblocks causes NAME, of each name in brackets")
    assert "nlblocks causes" not in str(none)


def test_the_page_explains_the_causes_that_occur(one: LabReport, two: LabReport, none: LabReport) -> None:
    for report in (one, two):
        html = page(report.to_dict(), "")
        links = re.findall(r'href="([^"]*)"', html)
        anchors = re.findall(r'<h3 id="([^"]*)">', html)
        assert links
        assert {link.removeprefix("#") for link in links} == set(anchors)
        assert len(anchors) == len(set(anchors)) == len({f.cause for f in report.findings if f.cause})
        for name in {f.cause for f in report.findings if f.cause}:
            assert parity.CAUSES[name].shows.split(";")[0].replace("'", "&#x27;") in html
        assert "http" not in html
    assert "The causes, explained" not in page(none.to_dict(), "")


def test_pages_of_several_reports_keep_their_explanations_apart(one: LabReport) -> None:
    html = "".join(card for prefix in ("a-", "b-") for card in lab_cards(one.to_dict(), prefix))
    assert set(re.findall(r'href="#([^"]*)"', html)) == {"a-cause-leaky_relu.slope", "b-cause-leaky_relu.slope"}
    assert len(re.findall(r'<h3 id="[^"]*leaky_relu.slope">', html)) == 2


def test_a_cause_that_is_in_no_table_is_said_without_a_link(one: LabReport) -> None:
    told = one.to_dict()
    told["finding"] = {**told["finding"], "cause": "mine.own"}
    told["findings"] = [{**found, "cause": "mine.own"} for found in told["findings"]]
    html = page(told, "")
    assert '<span class="cause">mine.own</span>' in html
    assert "The causes, explained" not in html
