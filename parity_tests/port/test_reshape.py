"""Extents of 0 copy the input's: what is reshaped is written once, and lists that are unpacked stay unpacked."""

from __future__ import annotations

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

from nlblocks.port.table.row import case
from parity_tests.port.snippets import Snippet


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("paddle.reshape(x, [0, -1, *x.shape[2:]])", "torch.reshape(x, (x.shape[0], -1, *x.shape[2:]))"),
        ("x.reshape([*x.shape[:2], -1])", "x.reshape(*x.shape[:2], -1)"),
        ("x.expand([*x.shape])", "x.expand(*x.shape)"),
        ("x.transpose([*range(4)])", "x.permute(*range(4))"),
        ("x.reshape([*x.shape[:1], 0, -1])", "reshape(x, [*x.shape[:1], 0, -1])"),
        ("F.relu(x).reshape([0, -1])", "F.relu(x).flatten(1)"),
        ("paddle.reshape(F.relu(x), [0, 0, -1])", "F.relu(x).flatten(2)"),
        ("F.relu(x.flatten(2)).reshape([0, 0, -1, 5])", "F.relu(x.flatten(2)).unflatten(2, (-1, 5))"),
        ("F.relu(x).reshape([0, 0, 2, 2, 5])", "reshape(F.relu(x), [0, 0, 2, 2, 5])"),
        ("F.relu(x).reshape([0, 4, -1])", "reshape(F.relu(x), [0, 4, -1])"),
    ],
)
def test_same(code: str, text: str) -> None:
    snippet = Snippet(case(code, x="f2,3,4,5"))
    assert text in snippet.ported.text
    snippet.check()
