"""Arguments that a port checks: once, at the head of the function, and only what it might be given."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

from nlblocks.port.table.row import case
from parity_tests.port.snippets import Snippet

BLOCK = """
class Block(nn.Layer):
    def __init__(self, deep{default}):
        super().__init__()

        # the main part
        if deep:
            self.main = nn.Conv2D(3, 4, 1, data_format=data_format)
        else:
            self.main = nn.Conv2D(3, 4, 3, 1, 1, data_format=data_format)
        self.norm = nn.BatchNorm2D(4, data_format=data_format)
        self.act = nn.PReLU(4, data_format=data_format)

    def forward(self, x):
        return self.act(self.norm(self.main(x)))

Block(False)
"""
OTHER = "lambda parameter: None"


def ported(layer: str) -> str:
    made = Snippet(case(layer=layer))
    made.check()
    return made.ported.text


def test_a_parameter_is_checked_once_at_the_head() -> None:
    text = ported(BLOCK.replace("{default}", ", data_format='NCHW'"))
    assert text.count("expect(") == 2  # one is its definition
    lines = [line.strip() for line in text.splitlines()]
    assert lines[lines.index("super().__init__()") + 1] == 'expect(data_format, "NCHW")'
    assert "# the main part" in lines


def test_a_name_that_is_set_is_checked_where_it_is_used() -> None:
    layer = BLOCK.replace("{default}", "").replace("# the main part", "data_format = str('NCHW')")
    assert ported(layer).count("expect(") == 4


@pytest.mark.parametrize("started", ["paddle.ParamAttr(name='w')", "paddle.ParamAttr(trainable=bool(1))"])
def test_an_attribute_without_a_start_is_checked_and_not_applied(started: str) -> None:
    text = ported(f"def made(attr):\n    return nn.Conv2D(3, 2, 1, weight_attr=attr)\nmade({started})")
    assert "initialised" not in text
    space: dict[str, object] = {"__name__": "snippet_torch"}
    exec(re.sub(r"return made\(.*\)", f"return made({OTHER})", text, count=1), space)
    with pytest.raises(NotImplementedError, match="this port is for"):
        space["build"]()  # type: ignore[operator]


def test_a_start_that_is_false_elsewhere_raises() -> None:
    start = "paddle.ParamAttr(initializer=nn.initializer.Constant(0.5))"
    text = ported(f"def made(attr):\n    return nn.BatchNorm2D(3, weight_attr=attr)\nmade({start})")
    space: dict[str, object] = {"__name__": "snippet_torch"}
    exec(re.sub(r"return made\(.*\)", "return made(False)", text, count=1), space)
    with pytest.raises(NotImplementedError, match="without weight"):
        space["build"]()  # type: ignore[operator]


def test_of_many_values_those_that_were_seen_are_let_through() -> None:
    text = Snippet(case("form = 'NCHW'\nF.interpolate(x, scale_factor=2, data_format=form)")).ported.text
    assert 'expect(form, "NCHW")' in text or "expect(form, 'NCHW')" in text
