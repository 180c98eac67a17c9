"""Classes that Paddle tells apart and torch does not: named once, and noted where the answer changes."""

from __future__ import annotations

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

from nlblocks.port.rewrite import Ported
from nlblocks.port.table.row import case
from parity_tests.port.snippets import Snippet


def ported(classes: str, layer: str) -> Ported:
    return Snippet(case(f"isinstance(layer, {classes})", layer=layer, grad=False)).ported


@pytest.mark.parametrize(
    ("classes", "written"),
    [
        ("(nn.BatchNorm2D, nn.SyncBatchNorm)", "isinstance(layer, nn.BatchNorm2d)"),
        ("(nn.BatchNorm2D, nn.Conv2D, nn.SyncBatchNorm)", "isinstance(layer, (nn.BatchNorm2d, nn.Conv2d))"),
        ("(nn.Conv2D, nn.Linear)", "isinstance(layer, (nn.Conv2d, nn.Linear))"),
    ],
)
def test_each_is_named_once(classes: str, written: str) -> None:
    found = ported(classes, "nn.BatchNorm2D(3)")
    assert written in found.text
    assert not found.notes


def test_an_answer_that_changes_is_noted() -> None:
    (note,) = ported("(nn.BatchNorm, nn.SyncBatchNorm)", "nn.BatchNorm2D(3)").notes
    assert "a paddle.nn.BatchNorm2D is no paddle.nn.BatchNorm in Paddle" in note.why
