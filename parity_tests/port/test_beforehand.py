"""Layers whose arguments are given beforehand, by functools.partial."""

from __future__ import annotations

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

from nlblocks.port.table.row import case
from parity_tests.port.snippets import Snippet

FIXED = "paddle.ParamAttr(initializer=nn.initializer.Constant(2.0), trainable=False)"


def _text(layer: str, *, held: bool = False) -> str:
    snippet = Snippet(case(layer=f"from functools import partial\n{layer}", held=held, x="f2,3,4,5"))
    snippet.check()
    return snippet.ported.text


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("nn.InstanceNorm2D, epsilon=1e-5", "partial(nn.InstanceNorm2d, eps=1e-5, affine=True)"),
        ("nn.InstanceNorm2D", "partial(nn.InstanceNorm2d, affine=True)"),
        ("nn.InstanceNorm2D, weight_attr=False, bias_attr=False", "partial(nn.InstanceNorm2d)"),
        ("nn.BatchNorm2D, momentum=0.5", "partial(nn.BatchNorm2d, momentum=0.5)"),
        ("nn.BatchNorm2D, use_global_stats=False", "partial(ToldBatchNorm2d, use_global_stats=False)"),
        (
            f"nn.InstanceNorm2D, weight_attr={FIXED}, bias_attr={FIXED}",
            "partial(starting(nn.InstanceNorm2d, weight=fixed(",
        ),
    ],
)
def test_the_call_adds_nothing_to_what_was_given(given: str, said: str) -> None:
    text = _text(f"kind = partial({given})\nnn.Sequential(nn.Conv2D(3, 3, 1), kind(3))")
    assert said in text
    assert "kind(3))" in text


@pytest.mark.parametrize("kind", ["InstanceNorm2D", "BatchNorm2D"])
def test_what_it_is_of_is_asked_as_before(kind: str) -> None:
    text = _text(
        f"kind = partial(nn.{kind}, weight_attr={FIXED}, bias_attr={FIXED})\n"
        "bias = kind.func == nn.InstanceNorm2D\nnn.Sequential(nn.Conv2D(3, 3, 1, bias_attr=bias), kind(3))"
    )
    assert 'bias = getattr(kind.func, "unstarted", kind.func) == nn.InstanceNorm2d' in text


@pytest.mark.parametrize("given", ["Own", "F.relu"])
def test_what_derives_from_it_is_another(given: str) -> None:
    _text(
        f"class Own(nn.BatchNorm2D):\n    pass\nkind = partial({given})\n"
        "nn.Conv2D(3, 3, 1, bias_attr=None if kind.func is nn.BatchNorm2D else False)"
    )


@pytest.mark.parametrize(
    ("api", "given", "call", "said"),
    [
        ("nn.AvgPool2D", "3, 1, padding=1", "", "partial(kind, 3, 1, padding=1, count_include_pad=False)"),
        ("nn.BatchNorm2D", "momentum=0.7", "3", "partial(kind, momentum=0.3)"),
        ("nn.InstanceNorm2D", "epsilon=1e-3", "3", "partial(kind, eps=1e-3, affine=True)"),
    ],
)
def test_to_what_a_variable_holds(api: str, given: str, call: str, said: str) -> None:
    text = _text(f"def make(kind):\n    return partial(kind, {given})\nmake({api})({call})", held=True)
    assert said in text


def test_to_one_of_several_is_refused() -> None:
    layer = "from functools import partial\n"
    layer += "nn.Sequential(*[partial(kind, momentum=0.7)(3) for kind in (nn.BatchNorm2D, nn.BatchNorm)])"
    assert "one of several" in {one.why for one in Snippet(case(layer=layer)).ported.refused}.pop()


def test_what_is_given_beforehand_to_some_alone_is_refused() -> None:
    snippet = Snippet(
        case(
            layer="from functools import partial\nkinds = nn.InstanceNorm2D, partial(nn.InstanceNorm2D, epsilon=0.1)\n"
            "nn.Sequential(*[kind(3) for kind in kinds])",
            x="f2,3,4,5",
        )
    )
    ((api, why),) = {(one.api, one.why) for one in snippet.ported.refused}
    assert api == "paddle.nn.InstanceNorm2D"
    assert why == "arguments were given beforehand to some of what is called here, and not to all"
