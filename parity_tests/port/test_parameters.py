"""How parameters start, and whether they are trained: what a ParamAttr says, wherever it is said."""

from __future__ import annotations

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

from nlblocks.port.table.row import Case, case
from parity_tests.port.snippets import Snippet

HALF = "nn.initializer.Constant(0.5)"


@pytest.mark.parametrize("frozen", [True, False])
def test_an_attribute_says_whether_a_parameter_is_trained(frozen: bool) -> None:
    """Also where the run saw one of the two alone: the other is not dropped."""
    attribute = f"paddle.ParamAttr(initializer={HALF}, trainable=False if frozen else True)"
    layer = f"frozen = {frozen}\nlayer = nn.Linear(5, 4, weight_attr={attribute})\nlayer"
    snippet = Snippet(case(layer=layer, x="f2,5"))
    snippet.check()
    assert "layer.weight.requires_grad_(not frozen)" in snippet.ported.text


@pytest.mark.parametrize("frozen", [True, False])
def test_it_says_so_inside_an_expression(frozen: bool) -> None:
    attribute = "paddle.ParamAttr(trainable=not frozen)"
    snippet = Snippet(case(layer=f"frozen = {frozen}\nnn.Linear(5, 4, weight_attr={attribute})", x="f2,5"))
    snippet.check()
    assert "fixed(trainable=not frozen)" in snippet.ported.text


@pytest.mark.parametrize(
    "given",
    [
        "layer.create_parameter([3], default_initializer=nn.initializer.Constant(0.0)) + x.sum()",
        "start = nn.initializer.Constant(0.25)\nlayer.create_parameter([3], default_initializer=start) + x.sum()",
        "start = paddle.ParamAttr(initializer=nn.initializer.Constant(0.25))\n"
        "layer.create_parameter([3], attr=start) + x.sum()",
        "start = paddle.ParamAttr(initializer=nn.initializer.Constant(0.25))\n"
        "layer.create_parameter([3], attr=start, default_initializer=nn.initializer.Constant(0.5)) + x.sum()",
        "start = paddle.ParamAttr(learning_rate=0.5)\nlayer.create_parameter([3, 4], attr=start).sum() * 0 + x.sum()",
        "w = layer.create_parameter([1], default_initializer=nn.initializer.Constant(0.0))\nw + x.sum()",
    ],
)
def test_a_parameter_of_ones_own_starts_as_told(given: str) -> None:
    Snippet(case(given, layer="nn.Linear(5, 4)", grad=False)).check()


def test_what_never_ran_is_still_a_layers_where_nothing_else_has_the_name() -> None:
    code = "def never(part):\n    part.short.add_sublayer('pool', nn.ReLU())\nlayer(x)"
    snippet = Snippet(Case(code, {"x": "f2,5"}, "nn.Linear(5, 4)"))
    snippet.check()
    assert "part.short.add_module('pool', nn.ReLU())" in snippet.ported.text
