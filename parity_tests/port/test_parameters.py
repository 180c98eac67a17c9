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


def _text(layer: str) -> str:
    snippet = Snippet(case(layer=layer, x="f2,5", grad=False))
    snippet.check()
    return snippet.ported.text


def test_an_attribute_in_a_variable_is_read_where_it_is_used() -> None:
    text = _text(
        f"rate = 0.1\nattr = paddle.ParamAttr(initializer={HALF}, learning_rate=rate)\n"
        "layer = nn.Linear(5, 4, weight_attr=attr, bias_attr=attr)\nlayer"
    )
    assert "nn.init.constant_(layer.weight, val=0.5)" in text
    assert "attr" not in text
    assert "rate" not in text
    assert "expect" not in text


def test_one_that_says_nothing_of_a_start_is_left_out() -> None:
    text = _text("attr = paddle.ParamAttr(learning_rate=0.1)\nnn.Sequential(nn.Linear(5, 4, weight_attr=attr))")
    assert "nn.Sequential(nn.Linear(5, 4))" in text
    assert "attr" not in text


def test_one_that_is_given_twice_stays_a_variable() -> None:
    text = _text(
        f"attr = paddle.ParamAttr(initializer={HALF})\na = nn.Linear(5, 4, weight_attr=attr)\n"
        "attr = paddle.ParamAttr(initializer=nn.initializer.Constant(2.0))\n"
        "b = nn.Linear(4, 3, weight_attr=attr)\nnn.Sequential(a, b)"
    )
    assert "attr = partial(nn.init.constant_, val=2.0)" in text


def test_so_is_one_whose_own_variables_change() -> None:
    text = _text(
        "bound = 0.5\nattr = paddle.ParamAttr(initializer=nn.initializer.Constant(bound))\n"
        "bound = 2.0\nlayer = nn.Linear(5, 4, weight_attr=attr)\nlayer"
    )
    assert "attr = partial(nn.init.constant_, val=bound)" in text


def test_what_only_a_label_was_made_of_goes_with_it() -> None:
    text = _text(
        "name = 'conv1'\nif name == 'conv1':\n    label = 'bn_' + name\nelse:\n    label = 'bn' + name[3:]\n"
        "nn.Linear(5, 4, weight_attr=paddle.ParamAttr(name=label + '_scale'))"
    )
    assert "label" not in text
    assert "if " not in text


def test_a_variable_that_calls_something_stays() -> None:
    text = _text("def told():\n    return 0.1\nrate = told()\nnn.Linear(5, 4, paddle.ParamAttr(learning_rate=rate))")
    assert "rate = told()" in text


def test_a_layer_that_is_added_and_assigned_starts_by_a_statement() -> None:
    text = _text(f"net = nn.Layer()\npart = net.add_sublayer('part', nn.Linear(5, 4, weight_attr={HALF}))\npart")
    assert "part = nn.Linear(5, 4)\n" in text
    assert "nn.init.constant_(part.weight, val=0.5)" in text


@pytest.mark.parametrize("value", ["False", "told"])
def test_a_parameter_that_is_told_not_to_be_trained_is_not(value: str) -> None:
    given = f"told = False\nfor parameter in layer.parameters():\n    parameter.trainable = {value}\nlayer(x)"
    snippet = Snippet(case(given, layer="nn.Linear(5, 4)", x="f2,5"))
    snippet.check()
    assert f"parameter.requires_grad = {value}" in snippet.ported.text


def test_nor_where_it_never_ran_unless_the_attribute_is_ones_own() -> None:
    given = (
        "class Own:\n    def set(self, parts):\n        self.trainable = False\n        for part in parts:\n"
        "            part.trainable = True\nlayer(x)"
    )
    snippet = Snippet(Case(given, {"x": "f2,5"}, "nn.Linear(5, 4)"))
    snippet.check()
    assert "self.trainable = False" in snippet.ported.text
    assert "part.requires_grad = True" in snippet.ported.text


def test_a_weight_that_is_turned_back_is_itself() -> None:
    given = (
        "a = list(layer.parameters())[0].transpose([1, 0])\nb = layer.weight.t()\nc = layer.weight.T\n"
        "layer(x).sum() + (a * 2 + b * 3 + c * 5).sum()"
    )
    snippet = Snippet(case(given, layer="nn.Linear(5, 4)", x="f2,5"))
    snippet.check()
    for line in ("a = list(layer.parameters())[0]\n", "b = layer.weight\n", "c = layer.weight\n"):
        assert line in snippet.ported.text


def test_a_variable_that_only_holds_truth_values_needs_no_check() -> None:
    text = _text(
        "wide = 5\nif wide > 4:\n    bias = wide == 5\nelse:\n    bias = not wide\nnn.Linear(wide, 4, bias_attr=bias)"
    )
    assert "expect" not in text
    assert "bias=bias)" in text


@pytest.mark.parametrize("start", ["None", HALF])
def test_an_initialiser_that_may_be_none_is_asked_for(start: str) -> None:
    text = _text(
        f"def made(start=None, frozen=False):\n"
        "    attr = paddle.ParamAttr(initializer=start, trainable=False if frozen else True)\n"
        "    layer = nn.Linear(5, 4, weight_attr=attr)\n    return layer\n"
        f"made({start})"
    )
    assert "if start is not None:\n" in text
    assert "start(layer.weight)\n" in text
    assert "layer.weight.requires_grad_(not frozen)" in text


def test_an_attribute_that_a_function_gives_may_say_nothing() -> None:
    """Another configuration's may: what calls it is asked first."""
    text = _text(
        f"def told():\n    return paddle.ParamAttr(initializer={HALF})\n"
        "layer = nn.Linear(5, 4, weight_attr=told())\nlayer"
    )
    assert "layer = initialised(nn.Linear(5, 4), weight=told())" in text
