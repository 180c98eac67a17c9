"""A linear layer's weight is [in, out] in Paddle and [out, in] in torch: what reads it finds Paddle's."""

from __future__ import annotations

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

from nlblocks.port.table.row import case
from parity_tests.port.snippets import Snippet

SQUARE = "nn.Linear(4, 4)"


@pytest.mark.parametrize("code", ["x @ layer.weight", "layer.weight[:2] + x[:2]", "(x - layer.weight) * 2"])
def test_an_operator_reads_it_as_paddle_does(code: str) -> None:
    Snippet(case(code, layer=SQUARE, x="f4,4")).check()


@pytest.mark.parametrize(("factor", "own"), [("0.5", "layer.weight.data"), ("x", "layer.weight.t().data")])
def test_a_multiple_of_itself_is_turned_only_where_that_matters(factor: str, own: str) -> None:
    made = Snippet(
        case(f"layer.weight.set_value(layer.weight * {factor})\nlayer(x)", layer=SQUARE, x="f4,4", grad=False)
    )
    made.check()
    assert f"{own}.mul_({factor})" in made.ported.text
