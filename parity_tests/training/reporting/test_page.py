"""The page of a study holds all that it shows, says what was run, and links to each run."""

from __future__ import annotations

import json
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from nlblocks.training.recipes import recipe_named
from nlblocks.training.reporting import Results, tables, write_report
from nlblocks.training.reporting.page import page
from parity_tests.helpers.studies import study_folder

LOCKSTEP = {
    "verdict": "same", "model": "baseline", "pair": ["torch", "paddle"], "precision": "float64", "batch_size": 32,
    "steps": 2,
    "losses": [{"first": 2.0, "second": 2.0 + 3e-12, "nudge": 2e-12}, {"first": 1.0, "second": 1.0, "nudge": 0}],
    "parting": None,
}  # fmt: skip
"""What of a report of lockstep is shown."""


@pytest.fixture(scope="module")
def html(results: Results) -> str:
    return page(results)


def test_the_page_needs_nothing_from_outside(html: str) -> None:
    sources = re.findall(r'(?:src|href)="([^"#]*)"', html)
    assert sources
    assert all(source.startswith("data:") or re.fullmatch(r"\w+/\w+/seed-\d/", source) for source in sources)
    assert "@import" not in html
    assert "url(http" not in html


def test_every_tag_is_closed_and_every_name_is_given_once(html: str) -> None:
    class Reader(HTMLParser):
        open, names = [], []  # type: ignore[var-annotated]

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.names += [value for name, value in attrs if name == "id"]
            if tag not in ("meta", "img", "input", "br"):
                self.open.append(tag)

        def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.names += [value for name, value in attrs if name == "id"]

        def handle_endtag(self, tag: str) -> None:
            assert self.open.pop() == tag

    reader = Reader()
    reader.feed(html)
    assert not reader.open
    assert len(reader.names) == len(set(reader.names))


def test_there_is_a_row_and_a_link_for_every_run(html: str, results: Results) -> None:
    for result in results.runs:
        assert f'href="{result.run.path.relative_to(results.path).as_posix()}/"' in html
    assert '<span class="note">3 of 6</span>' in html
    assert f"{len(results.runs) - 1} of {len(results.runs)} runs done" in html


def test_the_tables_of_the_terminal_stand_in_the_page(html: str, results: Results) -> None:
    for grid in tables.grids(results):
        for row in grid.rows:
            assert all(f">{cell}</td>" in html for cell in row)


def test_the_recipe_can_be_taken_from_the_page(html: str) -> None:
    found = re.search(r"<pre[^>]*>(.*?)</pre>", html, re.DOTALL)
    assert found is not None
    assert json.loads(unescape(found[1])) == recipe_named("digits_ablation").to_dict()


def test_environments_are_counted(html: str) -> None:
    assert re.search(r">18</td><td[^>]*>python 3\.11\.7, numpy 2\.4\.6, torch 3\.0, Linux, 2 cores", html)


def test_what_lockstep_found_is_shown(tmp_path: Path) -> None:
    folder = study_folder(tmp_path, backends=("torch",), seeds=1)
    (folder / "baseline" / "lockstep-float64.json").write_text(json.dumps(LOCKSTEP))
    shown = page(Results.read(folder))
    assert '<div class="good">baseline in lockstep, float64: same</div>' in shown
    row = "".join(f'<td class="r">{cell}</td>' for cell in ("float64", "2", "3.0e-12", "2.0e-12", "same"))
    assert f">baseline</td>{row}" in shown


def test_where_lockstep_parts_is_said(tmp_path: Path) -> None:
    folder = study_folder(tmp_path, backends=("torch",), seeds=1)
    losses = [*LOCKSTEP["losses"], {"first": None, "second": 1.0, "nudge": None}]  # type: ignore[misc]
    found = {**LOCKSTEP, "verdict": "different", "losses": losses, "parting": {"step": 3}}
    (folder / "gaussian" / "lockstep-float32.json").write_text(json.dumps(found))
    grid = tables.lockstep(Results.read(folder))
    assert grid is not None
    assert grid.rows[0][3:] == ["3.0e-12", "2.0e-12", "different in step 3"]


def test_a_study_without_pictures_has_a_page_without_them(tmp_path: Path) -> None:
    folder = study_folder(tmp_path, backends=("torch",), seeds=1)
    (folder / "pictures.safetensors").unlink()
    assert "Test pictures" not in page(Results.read(folder))


def test_the_report_is_made_again_from_the_folder_alone(tmp_path: Path) -> None:
    folder = study_folder(tmp_path, seeds=2)
    files = write_report(folder)
    assert [path.name for path in files] == ["table.txt", "curves.png", "report.html"]
    first = [path.read_bytes() for path in files]
    assert first[0].decode() == f"{tables.texts(Results.read(folder))}\n"
    for path in files:
        path.unlink()
    write_report(folder)
    assert [path.read_bytes() for path in files] == first
