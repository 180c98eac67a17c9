"""The helpers that a port carries: those that it uses."""

from __future__ import annotations

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

from nlblocks.port.table.row import case
from parity_tests.port.snippets import Snippet


def test_one_that_nothing_uses_any_more_is_left_out() -> None:
    text = Snippet(case("x * paddle.distributed.ParallelEnv().nranks")).ported.text
    assert "x * world_size()" in text
    assert "ParallelEnv" not in text


def test_one_that_another_uses_stays() -> None:
    text = Snippet(case(layer="nn.Conv2D(3, 4, 3, stride=2, padding='SAME')")).ported.text
    assert "class SameConv2d" in text
    assert "def same_pad" in text
