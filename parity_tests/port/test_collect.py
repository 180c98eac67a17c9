"""What a port holds of a package: all that what it keeps needs, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

pytest.importorskip("libcst")

from nlblocks.port.job import Job
from nlblocks.port.observe import Record
from nlblocks.port.port import translate


def written(folder: Path, entry: str, files: Mapping[str, str]) -> dict[str, str]:
    """The texts of a port of files that never ran, by module."""
    for name, text in files.items():
        path = folder / "sources" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    job = Job.of([entry], folder / "out", path=[folder / "sources"], kwargs="", inputs=(), weights=(), setup=None)
    return {name: found.text for name, found in translate(job, Record()).items()}


def test_what_is_looked_up_on_a_module_that_another_shows_is_kept(tmp_path) -> None:
    files = {
        "shop/net.py": "from shop.tools import sizes\n\n\ndef size():\n    return sizes.SMALL + sizes.LARGE\n",
        "shop/tools/__init__.py": "from .inner import sizes\n",
        "shop/tools/inner/__init__.py": "from . import sizes\n",
        "shop/tools/inner/sizes.py": "SMALL = 1\nMIDDLE = 2\nLARGE = 3\n",
    }
    assert written(tmp_path, "shop.net:size", files)["shop.tools.inner.sizes"] == "SMALL = 1\nLARGE = 3\n"
