"""The page of a port: both sources side by side, with what is refused and what the proof never ran marked."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest

pytest.importorskip("libcst")

from nlblocks.port import PortReport
from nlblocks.port.aligned import Sources, aligned
from nlblocks.port.rewrite import Refused

LEFT = """import paddle
import paddle.nn as nn


class Unused(nn.Layer):
    def forward(self, x):
        return x


class Net(nn.Layer):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2D(1, 2, 3, data_format="NCHW")
        self.odd = paddle.odd()

    def forward(self, x, flip=False):
        if flip:
            x = paddle.flip(x, axis=[1])
        return self.conv(x)
"""
RIGHT = """import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.odd = not_ported("paddle.odd")

    def forward(self, x, flip=False):
        if flip:
            x = torch.flip(x, dims=(1,))
        return self.conv(x)
"""


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


def test_each_line_stands_beside_its_port() -> None:
    left, right = LEFT.splitlines(), RIGHT.splitlines()
    rows = list(aligned(left, right))
    assert [a for a, _ in rows if a is not None] == list(range(len(left)))
    assert [b for _, b in rows if b is not None] == list(range(len(right)))
    beside = {left[a].strip(): right[b].strip() for a, b in rows if a is not None and b is not None}
    assert beside["class Net(nn.Layer):"] == "class Net(nn.Module):"
    assert beside["self.odd = paddle.odd()"] == 'self.odd = not_ported("paddle.odd")'
    assert beside["x = paddle.flip(x, axis=[1])"] == "x = torch.flip(x, dims=(1,))"
    assert "class Unused(nn.Layer):" not in beside


def test_the_page_marks_what_is_refused_and_what_never_ran(tmp_path) -> None:
    report = PortReport(
        out="out", verdict="not run", why="<why>", files=("shop_torch.py",),
        refused=(Refused("paddle.odd", "shop", 14, "the table has no row for it"),),
        unproven={"shop_torch.py": [[13, 13]]}, sources=(Sources("shop", "shop_torch.py", LEFT, RIGHT),),
    )  # fmt: skip
    report.save(tmp_path / "port.html")
    text = (tmp_path / "port.html").read_text(encoding="utf-8")
    report.save(tmp_path / "PORT.HTML")
    assert (tmp_path / "PORT.HTML").read_text(encoding="utf-8") == text
    parser = _Balanced()
    parser.feed(text)
    assert not parser.open
    assert "http" not in text
    assert not re.search(r"<(link|img|iframe)|src=|@import|url\(", text)
    assert "&lt;why&gt;" in text
    assert '<td class="refused">        self.odd = paddle.odd()</td>' in text
    assert '<td class="unproven">            x = torch.flip(x, dims=(1,))</td>' in text
    assert re.search(r"lines \d to \d", text)  # of the class that the port does not need
    assert "shop:14" in text
