"""paddle.shape(x) is a tensor: numbers in torch, but where a function that is given it needs a tensor."""

from __future__ import annotations

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

from nlblocks.port.table.row import case
from nlblocks.port.text import WatchedText
from parity_tests.port.snippets import Snippet

PADDED = """
def padded(x, size):
    n, c, h, w = size
    more = paddle.cast(paddle.ceil(h / 3) * 3 - h, 'int32')
    return F.pad(x, [0, 0, 0, int(more)])

padded(x, {})
"""


@pytest.mark.parametrize("given", ["paddle.shape(x)", "size=paddle.shape(x)"])
def test_it_is_one_where_it_is_reckoned_with(given: str) -> None:
    made = Snippet(case(PADDED.format(given).strip()))
    made.check()
    assert "torch.tensor(x.shape)" in made.ported.text


def test_it_is_numbers_where_it_is_only_taken_apart() -> None:
    made = Snippet(
        case("def flat(x, size):\n    n, c = size[:2]\n    return x.reshape([n, c, -1])\n\nflat(x, paddle.shape(x))")
    )
    made.check()
    assert "flat(x, x.shape)" in made.ported.text


def test_a_count_that_is_only_shown_is_a_number() -> None:
    text = WatchedText("import paddle\nx = paddle.ones([2])\nsaid = f'{sum(y.numel() for y in [x])} of {x.numel()}'\n")
    text.run(["x"])
    assert "f'{sum(y.numel() for y in [x])} of {x.numel()}'" in text.port().text
