"""Checks and starts of what stands in the head of a statement, or on its line."""

from __future__ import annotations

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

from nlblocks.port.table.row import case
from parity_tests.port.snippets import Snippet

FORM = "form = 'NCHW' if x.ndim == 4 else 'NHWC'\n"
POOLED = "F.adaptive_avg_pool2d(x, 1, data_format=form)"


@pytest.mark.parametrize(
    "code",
    [
        f"{FORM}y = x\nif {POOLED}.sum() > -1000:\n    y = x * 2\ny",
        f"{FORM}y = x\nif x.ndim == 3:\n    pass\nelif {POOLED}.sum() > -1000:\n    y = x * 2\ny",
        f"{FORM}y = []\nfor part in {POOLED}:\n    y.append(part * 2)\ny",
        f"{FORM}if x.ndim == 4: y = {POOLED}\nelse: y = x\ny",
    ],
)
def test_a_check_comes_before_what_it_is_of(code: str) -> None:
    snippet = Snippet(case(code, grad=False, held=True))
    text = snippet.ported.text
    snippet.check()
    assert text.index('expect(form, "NCHW")') < text.index("F.adaptive_avg_pool2d")


def test_a_start_behind_a_colon() -> None:
    start = "paddle.ParamAttr(initializer=nn.initializer.Constant(2.0))"
    layer = (
        f"two = False\nif two: made = nn.Conv2D(3, 3, 1, weight_attr={start})\nelse: made = nn.Conv2D(3, 3, 3)\nmade"
    )
    snippet = Snippet(case(layer=layer))
    snippet.check()
    assert (
        "    if two:\n        made = nn.Conv2d(3, 3, 1)\n        nn.init.constant_(made.weight, val=2.0)\n"
        in snippet.ported.text
    )


@pytest.mark.parametrize(
    "code",
    [
        f"{FORM}made = lambda form: {POOLED}\nmade('NCHW')",
        f"{FORM}[{POOLED} for form in ['NCHW']]",
    ],
)
def test_what_is_bound_within_is_not_checked_outside(code: str) -> None:
    (refused,) = Snippet(case(code)).ported.refused
    assert "bound within the expression" in refused.why
