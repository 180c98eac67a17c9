"""Methods that change their tensor: where torch only makes a new one, the name must be given to it."""

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
        "y = x * 2\ny = y.reshape_([6, 20])\ny",
        "(x * 2).reshape_([6, 20])",
        "y = x * 2\ny = paddle.reshape_(y, [0, -1])\ny",
    ],
)
def test_same(code: str) -> None:
    Snippet(case(code)).check()


@pytest.mark.parametrize(
    "code", ["y = x * 2\ny.reshape_([6, 20])\ny", "y = x * 2\nz = paddle.reshape_(y, [6, 20])\ny + z"]
)
def test_a_tensor_that_is_reshaped_itself_is_refused(code: str) -> None:
    assert "itself is reshaped" in Snippet(case(code)).ported.refused[0].why
