"""Local variables that only Paddle's arguments read go with these; what else nobody reads is the author's."""

from __future__ import annotations

import ast
import textwrap

import pytest

pytest.importorskip("libcst")

from nlblocks.port.rewrite.unused import without_idle

ORIGINAL = """
class Net:
    def __init__(self, name):
        never = 1
        label = name + "_bn"
        if name == "first":
            short = "bn_" + name
        else:
            short = "bn" + name[3:]

        use(label, short, never=2)
"""


@pytest.mark.parametrize(
    ("port", "kept"),
    [
        ("use(label, short)", ["never = 1", "label = name", "if name", "short ="]),
        ("use(label)", ["never = 1", "label = name"]),
        ("use()", ["never = 1"]),
        ("use(locals())", ["never = 1", "label = name", "if name", "short ="]),
        ("use(lambda: short)", ["never = 1", "if name", "short ="]),
        ("label += 'x'", ["never = 1", "label = name"]),
    ],
)
def test_what_only_paddle_read_goes(port: str, kept: list[str]) -> None:
    text = without_idle(ORIGINAL.replace("use(label, short, never=2)", port), ast.parse(ORIGINAL))
    ast.parse(text)
    for line in ("never = 1", "label = name", "if name", "short ="):
        assert (line in text) == (line in kept), text
    assert "\n\n\n" not in text


@pytest.mark.parametrize(
    "line",
    ["label = make(name)", "label = other = name", "label, other = name", "x = 1; label = name", "self.label = 1"],
)
def test_what_may_do_more_than_give_a_value_stays(line: str) -> None:
    original = f"def f(self, name):\n    {line}\n    use(label)\n"
    assert line in without_idle(original.replace("use(label)", "use()"), ast.parse(original))


def test_a_block_is_not_emptied() -> None:
    original = textwrap.dedent("""
        def f(name, deep):
            if deep:
                label = name
            else:
                use(label)
        """)
    assert "label = name" in without_idle(original.replace("use(label)", "use()"), ast.parse(original))
