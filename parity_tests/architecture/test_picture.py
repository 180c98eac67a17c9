"""The picture and the table of docs/architecture.md are today's, the page is linked, and what it names is there."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from docs.architecture import PAGE, PICTURE, arrows, page, rows, svg
from docs.imports import read
from docs.rooms import ROOT, House

TRACE = "nlblocks/parity/tracing/trace.py"


@pytest.fixture(scope="module")
def checkout() -> House:
    return House(read(ROOT))


def test_the_picture_and_the_page_are_not_stale(checkout: House) -> None:
    assert PICTURE.read_text(encoding="utf-8") == svg(checkout), "run: make docs"
    text = PAGE.read_text(encoding="utf-8")
    assert text == page(checkout, text), "run: make docs"


def test_the_picture_shows_every_part_and_every_import(checkout: House) -> None:
    root = ElementTree.fromstring(svg(checkout))
    space = {"svg": "http://www.w3.org/2000/svg"}
    names = {element.text for element in root.iterfind(".//svg:text", space)}
    assert {row.name for row in rows(checkout)} <= names
    assert len(root.findall(".//svg:circle", space)) == len(arrows(checkout)) > 50


def test_an_import_changes_the_picture(checkout: House, tmp_path: Path) -> None:
    (tmp_path / TRACE).parent.mkdir(parents=True)
    (tmp_path / TRACE).write_text("from nlblocks.parity.judging import Judge\n", encoding="utf-8")
    changed = House({**checkout.modules, **read(tmp_path)})
    assert svg(changed) != svg(checkout)
    assert "tracing imports judging" in svg(changed)


def test_what_the_page_names_is_there() -> None:
    text = PAGE.read_text(encoding="utf-8")
    links = [target for target in re.findall(r"\]\(([^)#]+)", text) if "://" not in target]
    paths = re.findall(r"`((?:nlblocks|backends|benchmarks|parity_tests|docs)/[\w/.]*)`", text)
    assert links
    assert paths
    rows = re.findall(r"`(\w+)` (?:in|of) `([\w/]+\.py)`", text)
    assert len(rows) > 4
    assert not [row for row in rows if not re.search(rf"\b{row[0]}\b", (ROOT / row[1]).read_text(encoding="utf-8"))]
    missing = [link for link in links if not (PAGE.parent / link).exists()]
    assert not missing + [path for path in paths if not (ROOT / path).exists()]
    assert f"({PAGE.relative_to(ROOT).as_posix()})" in (ROOT / "README.md").read_text(encoding="utf-8")
