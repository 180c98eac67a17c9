"""Every snippet of the README and of the guides runs, whole, as written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from parity_tests.helpers.blocks import Require
from parity_tests.helpers.checkout import ROOT
from parity_tests.helpers.pages import PageRun

# The other Chinese pages hold the same blocks, comments apart: test_translations.py.
PAGES = [
    path
    for pattern in ("README.md", "docs/concepts.md", "docs/reference/*.md", "docs/guides/*.md", "docs/zh/port.md")
    for path in sorted(ROOT.glob(pattern))
]


@pytest.mark.skipif(os.name == "nt", reason="the pages' commands are written for a POSIX shell")
@pytest.mark.parametrize("page", [pytest.param(page, id=page.relative_to(ROOT).as_posix()) for page in PAGES])
def test_a_page_runs_as_written(page: Path, tmp_path: Path, require: Require) -> None:
    require("torch", "paddle")
    folder = tmp_path / "reader"
    folder.mkdir()
    PageRun(page, folder, tmp_path / "notes").run()
