"""Names that are known only when the code runs: classes in variables, functions looked up by text."""

from __future__ import annotations

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

from nlblocks.port.table.row import case
from parity_tests.port.snippets import Snippet


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (case("f = paddle.concat\nf([x, x], axis=1)"), "f([x, x], dim=1)"),
        (case("[make()(x) for make in (nn.ReLU, nn.ReLU)][0]"), "make()(x)"),
        (case(layer="kind = nn.Linear\nkind(5, 4, bias_attr=False)"), "kind(5, 4, bias=False)"),
        (case("name = 'concat'\ngetattr(paddle, name)([x, x], axis=1)"), "{'concat': 'cat'}.get(name, name)"),
        (case(layer="name = 'nn.AdaptiveAvgPool2D'\neval(name)(1)", held=True), "nn.AdaptiveAvgPool2d"),
        (case("isinstance(layer, nn.Linear)", layer="nn.Linear(5, 4)", grad=False), "isinstance(layer, nn.Linear)"),
    ],
)
def test_same(given, said: str) -> None:
    snippet = Snippet(given)
    snippet.check()
    assert said in snippet.ported.text


def test_a_class_that_was_never_built_calls_its_base_in_torchs_words() -> None:
    code = (
        "class Never(nn.Conv2D):\n    def __init__(self, outer):\n"
        "        super().__init__(3, outer, kernel_size=1, bias_attr=False)\nlayer(x)"
    )
    snippet = Snippet(case(code, layer="nn.Linear(5, 4)"))
    snippet.check()
    assert "super().__init__(3, outer, kernel_size=1, bias=False)" in snippet.ported.text
