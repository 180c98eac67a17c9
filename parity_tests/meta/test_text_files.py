"""A text file is UTF-8 whatever the locale: whoever opens one says so."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from parity_tests.helpers.checkout import ROOT

ENCODED = {"read_text", "write_text"}


def unsaid(source: str) -> Iterator[int]:
    """The lines that open a text file, or read or write one, and name no encoding."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or any(word.arg in ("encoding", None) for word in node.keywords):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in ENCODED:  # a read_text's first argument is the encoding, a write_text's the second
            if len(node.args) <= (name == "write_text"):
                yield node.lineno
        elif name in ("open", "fdopen", "NamedTemporaryFile"):
            words = [*node.args, *(word.value for word in node.keywords if word.arg == "mode")]
            modes = [word.value for word in words if isinstance(word, ast.Constant) and isinstance(word.value, str)]
            if any(set(mode) <= set("rwaxt+") and set(mode) & set("rwax") for mode in modes):
                yield node.lineno


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("p.read_text()", 1),
        ("p.read_text('utf-8')", 0),
        ("p.write_text(x)", 1),
        ("open(p, 'w')", 1),
        ("p.open(mode='r+')", 1),
        ("p.open('wb')", 0),
        ("p.read_text(encoding='utf-8')", 0),
        ("open(p, 'w', encoding='utf-8')", 0),
        ("Image.open(p)", 0),
    ],
)
def test_the_check_below_sees_what_names_no_encoding(source: str, count: int) -> None:
    assert len(list(unsaid(source))) == count


def test_every_text_file_of_the_product_is_utf_8() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for top in ("nlblocks", "backends", "examples", "docs")
        for path in sorted((ROOT / top).rglob("*.py"))
        for line in unsaid(path.read_text(encoding="utf-8"))
    ]
    assert found == []
