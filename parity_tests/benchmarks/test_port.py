"""How a port reads beside its original: the figures that `make port` prints."""

from __future__ import annotations

from pathlib import Path

from benchmarks.port.__main__ import summary, table
from benchmarks.port.style import style

ORIGINAL = """import paddle


# Unused here.
class Unused(paddle.nn.Layer):
    pass


# What is kept.
class Net(paddle.nn.Layer):
    def forward(self, x):
        label = "never"
        # halved
        return x / 2  # at once
"""
PORT = """import os

import torch


# What is kept.
class Net(torch.nn.Module):
    def forward(self, x):
        # halved
        return x / 2
"""


def test_what_is_new_and_what_is_lost(tmp_path: Path) -> None:
    for folder, text in (("sources/shop", ORIGINAL), ("out/shop_torch", PORT)):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "net.py").write_text(text)
        (tmp_path / folder / "__init__.py").write_text("")
    (tmp_path / "out" / "entry_torch.py").write_text("import os\n")
    found = style(tmp_path / "out", [tmp_path / "sources"])
    assert found == {"ruff": {"F401": 1}, "comments": [2, 3], "lines": [5, 6]}


def test_the_figures_of_all() -> None:
    one = {
        "verdict": "proven", "why": "", "error": 1e-15, "lines": 200, "refused": [], "seconds": 9.0, "translation": 0.5,
        "style": {"ruff": {}, "comments": [2, 3], "lines": [5, 6]},
    }  # fmt: skip
    none = {"verdict": "not run", "why": "gone", "error": None, "lines": 0, "refused": [], "seconds": 1.0}
    said = summary({"a:A": one, "b:B": none})
    assert said.startswith("1 of 2 proven")
    assert "2 of 3 comments" in said
    assert "0.833 times" in said
    assert "2.5 s per 1,000 lines" in said
    assert "| a:A | proven | 1e-15 | 200 | 0 | 9.0 | 0.5 |" in table({"a:A": one, "b:B": none})
