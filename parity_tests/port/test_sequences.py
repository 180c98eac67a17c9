"""Lists in Paddle that are tuples in torch, where somebody may ask which."""

from __future__ import annotations

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

from nlblocks.port.table.row import case
from parity_tests.port.snippets import Snippet


@pytest.mark.parametrize(
    "code",
    [
        "def of(v):\n    return v.shape\ny = x * 2 if of(x) == [2, 3, 4, 5] else x\ny",
        "def of(v):\n    return paddle.split(v, 2, axis=0)\ny = of(x)\ny[0] * 2 if isinstance(y, list) else y[0]",
        "def is_so(s):\n    return s == [2, 3, 4, 5]\ny = x * 2 if is_so(x.shape) else x\ny",
        "def total(s):\n    return s[0] + s[1] if isinstance(s, list) else s[0]\ntotal(paddle.split(x, 2, axis=0))",
        "kept = []\nkept.append(x.shape)\ny = x * 2 if kept[0] == [2, 3, 4, 5] else x\ny",
    ],
)
def test_it_is_a_list(code: str) -> None:
    Snippet(case(code)).check()


def test_a_tuple_does_for_torch_and_python() -> None:
    text = Snippet(case("len(x.shape) * paddle.zeros(x.shape) + x")).ported.text
    assert "len(x.shape) * torch.zeros(x.shape)" in text
