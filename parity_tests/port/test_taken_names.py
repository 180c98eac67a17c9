"""Names that a file has for something else already."""

from __future__ import annotations

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

from nlblocks.port.table.row import case
from parity_tests.port.snippets import Snippet


def test_a_helper_has_a_name_of_its_own() -> None:
    snippet = Snippet(case("pad = (0, 1, 0, 1)\nF.pad(x, pad, value=0) if x.ndim == 4 else F.pad(x, pad)", x="f2,3,4"))
    assert "pad_(x, pad, 0)" in snippet.ported.text
    assert "def pad_(x, sizes, value=0.0):" in snippet.ported.text
    assert "return F.pad(x, sizes, value=value)" in snippet.ported.text


def test_a_local_name_does_not_hide_torchs_functions() -> None:
    snippet = Snippet(case("B, C, F, H = x.shape\npaddle.nn.functional.relu(x) * F"))
    snippet.check()
