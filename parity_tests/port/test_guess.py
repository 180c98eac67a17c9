"""What never ran is known by its source: a part of a tensor is one."""

from __future__ import annotations

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

from nlblocks.port.table.row import case
from parity_tests.port.snippets import Snippet

NEVER = "if x.ndim == 1:\n    {}\nx * 2"


@pytest.mark.parametrize(
    ("line", "written"),
    [
        ("[each.item() for each in paddle.linspace(0, 1, 4)]", "each.item() for each in torch.linspace(0, 1, 4)"),
        ("y = [float(row.sum()) for row in paddle.ones([2, 3])]", "row.sum()"),
    ],
)
def test_what_a_loop_takes_out_of_a_tensor_is_one(line: str, written: str) -> None:
    made = Snippet(case(NEVER.format(line)))
    made.check()
    assert written in made.ported.text


def test_what_a_loop_takes_out_of_something_else_is_not() -> None:
    (refused,) = Snippet(case(NEVER.format("[each.sum() for each in x.rows]"))).ported.refused
    assert refused.api == "Tensor.sum"
