"""What comes out reads as a person's: nothing that does nothing, short calls on a line."""

from __future__ import annotations

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

from nlblocks.port import WatchedText
from nlblocks.port.table.modules import net
from nlblocks.port.table.row import case
from parity_tests.port.snippets import HEAD, Snippet


def ported(code: str = "layer(x)", layer: str = "nn.Linear(5, 4)", *, grad: bool = True) -> str:
    made = Snippet(case(code, layer=layer, grad=grad))
    made.check()
    return made.ported.text


def test_a_block_that_does_nothing_is_its_statements() -> None:
    text = ported("with paddle.static.amp.fp16_guard():\n    # twice\n    y = x * 2\n    y = y + 1\nlayer(y)")
    assert "nullcontext" not in text
    assert "    # twice\n    y = x * 2\n    y = y + 1\n    return" in text


def test_a_call_that_became_short_is_one_line() -> None:
    text = ported(
        layer="nn.Conv2D(\n    3, 4, 1,\n    weight_attr=paddle.ParamAttr(name='w'),\n    data_format='NCHW')"
    )
    assert "nn.Conv2d(3, 4, 1)" in text


def test_a_comment_keeps_a_call_as_it_was() -> None:
    text = ported(layer="nn.Conv2D(\n        3,  # colours\n        4, 1, data_format='NCHW')")
    assert "3,  # colours" in text


@pytest.mark.parametrize("fill", ["nn.initializer.Constant(0.)", "nn.initializer.Constant(value=0)"])
def test_zeros_are_not_filled_with_zeros(fill: str) -> None:
    made = Snippet(
        case(layer=net(f"self.w = self.create_parameter([4], default_initializer={fill})", "self.fc(x) + self.w"))
    )
    made.check()
    assert "init" not in made.ported.text.replace("__init__", "")


def test_an_initialiser_at_the_top_is_known_by_its_value() -> None:
    layer = "made = nn.Layer()\nmade.w = made.create_parameter([4], default_initializer=zeros_)\n"
    watched = WatchedText(f"{HEAD}zeros_ = nn.initializer.Constant(0.)\n{layer}")
    watched.run(["made"])
    assert "zeros_(" not in watched.port().text


def test_a_linear_weight_is_started_as_it_lies() -> None:
    text = ported("fill = nn.initializer.TruncatedNormal(std=0.02)\nfill(layer.weight)\nlayer.weight.shape", grad=False)
    assert "fill(layer.weight)" in text


def test_a_method_that_is_not_called_is_not_called() -> None:
    text = ported(layer=net("self.forward = self.forward", "self.fc(x)"))
    assert "self.forward = self.forward\n" in text
