"""What the source evaluates once is evaluated once in the port."""

from __future__ import annotations

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

from nlblocks.port.table.row import case
from parity_tests.port.snippets import Snippet

COUNTED = "n = []\ndef f(v):\n    n.append(1)\n    return v * 2\n"


@pytest.mark.parametrize(
    ("code", "written"),
    [
        ("f(x).T", "f(x).permute(1, 0)"),
        ("paddle.split(f(x), [1, -1], axis=1)[1]", "split(f(x), [1, -1], 1)"),
        ("F.label_smooth(f(x), epsilon=0.1)", "(lambda label: (1 - 0.1) * label + 0.1 / label.shape[-1])(f(x))"),
        ("[paddle.is_integer(f(x)), x][1]", "(lambda x: not (x.is_floating_point()"),
    ],
)
def test_a_call(code: str, written: str) -> None:
    held = "label_smooth" in code  # Paddle holds the share in float32
    made = Snippet(case(f"{COUNTED}y = {code}\ny * len(n)", x="f4,3", held=held))
    assert written in made.ported.text
    made.check()


def test_no_name_hides_another() -> None:
    made = Snippet(
        case(
            f"{COUNTED}index = paddle.to_tensor([0, 1])\n"
            "y = paddle.scatter(x, f(index) // 2, f(x)[index], overwrite=False)\ny * len(n)",
            x="f4,3",
        )
    )
    assert "lambda index_: " in made.ported.text
    made.check()


def test_a_name_that_is_looked_up() -> None:
    made = Snippet(case("names = ['swish', 'relu', 'gelu']\ny = getattr(F, names.pop(0))(x)\ny * len(names)"))
    assert "(lambda name: {'swish': 'silu'}.get(name, name))(names.pop(0))" in made.ported.text
    made.check()
    plain = Snippet(case("act = ' Swish '\ngetattr(F, act.strip().lower())(x)")).ported.text
    assert "{'swish': 'silu'}.get(act.strip().lower(), act.strip().lower())" in plain


def test_whether_there_is_a_bias() -> None:
    head = "def make(**given):\n    return nn.Conv2D(3, 4, 3, bias_attr=given.pop('bias_attr', True))\n"
    (refused,) = Snippet(case(layer=f"{head}make(bias_attr=False)")).ported.refused
    assert "something else when it is asked again" in refused.why


def test_an_item_that_is_changed() -> None:
    Snippet(case("at = iter([0, 1, 2])\ny = x * 2\ny[next(at)] += x[0]\ny * next(at)")).check()


def test_what_a_tensor_is_multiplied_by_may_be_a_linear_weight() -> None:
    Snippet(case("y = x * 1\ny @= layer.weight\ny", layer="nn.Linear(5, 5)")).check()
