"""The report as a page and as JSON: what is on them, for long names, many layers, shapes that differ."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks import parity  # noqa: E402
from nlblocks.errors import InputError  # noqa: E402
from parity_tests.helpers.nets import compare, paddle_net, paddle_rows, torch_net, torch_rows  # noqa: E402

LONG = "a_name_of_a_layer_that_goes_on_and_on_" * 3
KEYS = {
    "accept", "ambiguous", "comparisons", "finding", "findings", "helped", "initialisation", "inputs", "layers", "left",
    "left_only", "not_compared", "optimisers", "pairs", "right", "right_only", "same", "seconds", "seed", "steps",
    "undecided", "verdict",
}  # fmt: skip


class _Balanced(HTMLParser):
    """Fails where a tag is not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in ("meta", "input"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def saved(report: Any, folder: Path) -> tuple[str, dict[str, Any]]:
    report.save(folder / "r.html")
    report.save(folder / "r.json")
    text = (folder / "r.html").read_text()
    parser = _Balanced()
    parser.feed(text)
    assert not parser.open
    assert "http" not in text
    assert not re.search(r"<(link|img|iframe)|src=|@import|url\(", text)

    def refuse(constant: str) -> Any:
        raise AssertionError(f"{constant} is no JSON")

    return text, json.loads((folder / "r.json").read_text(), parse_constant=refuse)


def test_a_deep_pair_that_is_the_same(tmp_path: Path) -> None:
    report = parity.compare(torch_rows(60), paddle_rows(60), (2, 4))
    assert report, str(report)
    text, data = saved(report, tmp_path)
    assert set(data) == KEYS
    assert data["same"] is True
    assert data["finding"] is None
    assert "THE SAME" in text
    assert text.count('class="dot on"') == len(data["layers"]) == 121
    assert 'data-for="pairs"' in text
    assert 'aria-label="search pairs"' in text
    assert text.count("<tr>") > 121 + len(data["pairs"])
    assert "training, 1 step: SGD" in text


def test_the_finding_is_on_top_and_marked(tmp_path: Path) -> None:
    report = parity.compare(torch_rows(60), paddle_rows(60, wrong=40), (2, 4))
    text, data = saved(report, tmp_path)
    assert data["finding"]["cause"] == "activation.kind"
    assert text.index("What went wrong, and where") < text.index("Where the error arises") < text.index("Pairing")
    assert text.count('class="mark"') == 1
    assert text.count('class="dot on"') == 81
    worst = data["comparisons"][0]
    assert f"{worst['values'][0]:.9g} and {worst['values'][1]:.9g}" in text
    assert f"{worst['values'][0]:.9g} on the left, {worst['values'][1]:.9g} on the right" in str(report)


def test_shapes_that_differ_are_named(tmp_path: Path) -> None:
    report = parity.compare(torch_rows(3), paddle_rows(3, out=5), (2, 4))
    assert not report
    text, data = saved(report, tmp_path)
    assert "shapes differ: (2, 2) and (2, 5)" in text
    assert "shapes differ: (2, 2) and (2, 5)" in str(report)
    assert data["comparisons"][-1]["problem"]


def test_names_are_escaped_and_long_ones_cut_in_the_picture(tmp_path: Path) -> None:
    left, right = torch.nn.Sequential(), paddle.nn.Sequential()
    left.add_module(LONG + "<i>", torch.nn.LeakyReLU(0.1))
    right.add_sublayer(LONG + "<i>", paddle.nn.LeakyReLU(0.2))
    text, _ = saved(parity.compare(left, right, (2, 4)), tmp_path)
    assert "<i>" not in text
    assert "&lt;i&gt;" in text
    assert "…" in text


def test_an_accepted_cause_is_not_shown_as_a_fault(tmp_path: Path) -> None:
    left, right = torch.nn.BatchNorm1d(4), paddle.nn.BatchNorm1D(4)
    report = parity.compare(left, right, (6, 4), accept=("batch_norm.variance",))
    assert report
    text, _ = saved(report, tmp_path)
    assert "1 accepted: batch_norm.variance" in text
    assert "1 of 2 agree, 1 accepted: batch_norm.variance" in str(report)
    assert "accept batch_norm.variance" in str(parity.compare(left, right, (6, 4)))


def test_a_cause_that_hides_the_rest_cannot_be_accepted() -> None:
    report = parity.compare(torch.nn.LeakyReLU(0.1), paddle.nn.LeakyReLU(0.2), (2, 4), accept=("leaky_relu.slope",))
    assert not report
    assert "accepted, but it changes what is computed" in str(report)


@pytest.mark.parametrize("path", ["no/r.html", "folder.html", "r.txt", 5])
def test_a_path_that_cannot_be_written(path: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder.html").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError):
        parity.compare(torch.nn.ReLU(), paddle.nn.ReLU(), (2, 4), training=False).save(path)
    assert [found.name for found in tmp_path.iterdir()] == ["folder.html"]


def test_the_page_holds_the_finding_and_nothing_from_elsewhere(tmp_path: Path) -> None:
    report = compare(torch_net(), paddle_net(eps=1e-3), training=False)
    report.save(tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text()
    assert "batch_norm.eps" in text
    assert "http" not in text
    assert not list(tmp_path.glob("*.part"))
    with pytest.raises(InputError, match="html"):
        report.save(tmp_path / "r.txt")
