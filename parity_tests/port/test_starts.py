"""How parameters made by hand start: what a variable holds comes before the default."""

from __future__ import annotations

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

import torch

from nlblocks.port.table.modules import net
from nlblocks.port.table.row import case
from parity_tests.port.snippets import Snippet

MADE = "self.w = self.create_parameter([3, 4], attr=attr, default_initializer=nn.initializer.Constant(2.0))"


@pytest.mark.parametrize(
    ("attr", "start"),
    [("paddle.ParamAttr(initializer=nn.initializer.Constant(3.0))", 3.0), ("paddle.ParamAttr(name='w')", 2.0)],
)
def test_an_initialiser_in_a_variable_comes_before_the_default(attr: str, start: float) -> None:
    layer = net(f"attr = {attr}\n        {MADE}", "self.fc(x) + self.w.sum()")
    made = Snippet(case(layer=layer))
    made.check()
    space: dict[str, object] = {"__name__": "snippet_torch"}
    exec(made.ported.text, space)
    assert torch.equal(space["build"]().w, torch.full((3, 4), start))  # type: ignore[operator]
