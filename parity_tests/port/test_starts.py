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


def test_a_vector_starts_as_paddles_where_torch_takes_none() -> None:
    both = "nn.initializer.XavierUniform(), nn.initializer.KaimingNormal()"
    layer = f"def starts():\n    return {both}\n\nweight, bias = starts()\nnn.Linear(5, 4000, weight, bias)"
    made = Snippet(case(layer=layer))
    made.check()
    assert "return nn.init.xavier_uniform_, partial(kaiming_normal, nonlinearity='relu')" in made.ported.text


BIAS = "nn.initializer.Assign(np.ones(4))"


@pytest.mark.parametrize("values", ["table", "paddle.reshape(paddle.arange(20.0), [5, 4])"])
@pytest.mark.parametrize("layer", [f"nn.Linear(5, 4, {{}}, {BIAS})", "fill = {}\nlayer = nn.Linear(5, 4, fill)\nlayer"])
def test_values_of_a_linear_weight_are_turned(layer: str, values: str) -> None:
    code = layer.format(f"nn.initializer.Assign({values})")
    made = Snippet(case(layer=f"table = np.arange(20.0).reshape([5, 4])\n{code}"))
    made.check()
    space: dict[str, object] = {"__name__": "snippet_torch"}
    exec(made.ported.text, space)
    assert torch.equal(space["build"]().weight, torch.arange(20.0).reshape(5, 4).t())  # type: ignore[operator]
    assert made.ported.text.count(".t()") == 1
