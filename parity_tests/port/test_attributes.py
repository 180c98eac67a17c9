"""A weight_attr or bias_attr in a variable: no initialiser and no bias is lost in silence, whatever it holds."""

from __future__ import annotations

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

from nlblocks.port.table.row import case
from parity_tests.port.snippets import Snippet

OTHER = "lambda parameter: None"
"""An initialiser, as a port passes it."""


def ported(setting: str, attribute: str) -> Snippet:
    """A convolution whose attribute is made of the variable ``setting`` says."""
    made = Snippet(case(layer=f"{setting}\nnn.Conv2D(3, 2, 1, {attribute})", x="f2,3,4,5"))
    made.check()
    return made


@pytest.mark.parametrize(
    ("setting", "attribute"),
    [
        ("a = [None][0]", "bias_attr=a"),
        ("a = [False][0]", "bias_attr=a"),
        ("a = [True][0]", "bias_attr=a"),
        ("a = [None][0]", "weight_attr=a"),
    ],
)
def test_an_initialiser_that_the_run_did_not_pass_raises(setting: str, attribute: str) -> None:
    text = ported(setting, attribute).ported.text
    assert text.count(setting) == 1
    space: dict[str, object] = {"__name__": "snippet_torch"}
    exec(text.replace(setting, f"a = {OTHER}"), space)
    with pytest.raises(NotImplementedError, match="this port is for"):
        space["build"]()  # type: ignore[operator]


@pytest.mark.parametrize("setting", ["a = None", "a = False", "a = True"])
@pytest.mark.parametrize(
    "attribute", ["not a", "None if a else False", "False if a else None", "a is None", "a is None or a is True"]
)
def test_an_expression_of_truth_values_needs_no_check(setting: str, attribute: str) -> None:
    assert "expect" not in ported(setting, f"bias_attr={attribute}").ported.text


def test_a_bias_that_the_run_did_not_need_is_not_lost() -> None:
    """False in the run, None in another configuration: that has a bias in Paddle."""
    text = ported("a = [False][0]", "bias_attr=a").ported.text
    space: dict[str, object] = {"__name__": "snippet_torch"}
    exec(text.replace("a = [False][0]", "a = None"), space)
    with pytest.raises(NotImplementedError):
        space["build"]()  # type: ignore[operator]
