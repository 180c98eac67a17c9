"""Arguments that are passed on by stars: in torch's words, and none lost in silence."""

from __future__ import annotations

import pytest

pytest.importorskip("libcst")
pytest.importorskip("paddle")
pytest.importorskip("torch")

from nlblocks.port.table.row import case
from parity_tests.port.snippets import Snippet

MAKER = """
def made(*args, **settings):
    if len(args) > 5:
        return nn.{other}(*args, **settings)
    return nn.{maker}(*args, **settings)

made({given})
"""


def ported(maker: str, given: str, other: str = "") -> str:
    """The text of a port of a function that makes a layer of what it is given."""
    made = Snippet(case(layer=MAKER.format(maker=maker, given=given, other=other or maker).strip()))
    made.check()
    return made.ported.text


def built(text: str, given: str, other: str):
    """What the port makes where it is given something else."""
    space: dict[str, object] = {"__name__": "snippet_torch"}
    exec(text.replace(f"made({given})", f"made({other})"), space)
    return space["build"]()  # type: ignore[operator]


def test_a_branch_that_never_ran_takes_what_the_other_took() -> None:
    ported("Conv2D", "3, 4, 3", other="Conv3D")


@pytest.mark.parametrize("other", ["momentum=0.5", "bias_attr=False", "data_format='NHWC'"])
def test_what_torch_has_otherwise_raises(other: str) -> None:
    text = ported("BatchNorm2D", "3")
    with pytest.raises((NotImplementedError, TypeError), match=other.partition("=")[0]):
        built(text, "3", f"3, {other}")


@pytest.mark.parametrize(
    ("fill", "written"),
    [
        ("Normal(**settings)", "partial(nn.init.normal_, **settings)"),
        ("KaimingNormal(**settings)", "{'fan_in': (None,)}, nonlinearity='relu')"),
    ],
)
def test_only_what_torch_has_otherwise_is_said(fill: str, written: str) -> None:
    code = (
        f"def start(w, **settings):\n    fill = nn.initializer.{fill}\n    fill(w)\n\nstart(layer.weight{{}})\nlayer(x)"
    )
    given = "" if fill.startswith("Normal") else ", fan_in=None"
    made = Snippet(case(code.format(given), layer="nn.Linear(5, 4)", check="shape", grad=False))
    made.check()
    assert written in made.ported.text


FILLED = """
def start(w, *args, **settings):
    return nn.initializer.{fill}(*args, **settings)(w)

start(layer.weight, {given})
layer(x)
"""


@pytest.mark.parametrize(
    ("fill", "given", "written"),
    [
        ("Constant", "value=0.5", "nn.init.constant_(w, **torch_arguments(settings, {'value': 'val'}, {}, val=0.0))"),
        ("Normal", "0.5, std=0.0", "    return nn.init.normal_(w, *args, **settings)"),
    ],
)
def test_an_initialiser_takes_what_is_passed_on(fill: str, given: str, written: str) -> None:
    made = Snippet(case(FILLED.format(fill=fill, given=given).strip(), layer="nn.Linear(5, 4)"))
    made.check()
    assert written in made.ported.text


def test_an_initialiser_is_not_given_what_torch_has_in_another_place() -> None:
    made = Snippet(case(FILLED.format(fill="Constant", given="value=0.5").strip(), layer="nn.Linear(5, 4)"))
    space: dict[str, object] = {"__name__": "snippet_torch"}
    exec(made.ported.text.replace("value=0.5)", "0.5)"), space)
    with pytest.raises(NotImplementedError, match="this port is for"):
        space["run"](space["build"](), None)  # type: ignore[operator]
