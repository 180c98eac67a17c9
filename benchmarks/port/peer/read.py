"""The peer's tests, read where they lie: the torch snippets that they convert, and the names that they compare."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32


@dataclass(frozen=True, slots=True)
class Snippet:
    """One torch snippet of a test: where it stands, the torch API that it is about, its code, the names compared."""

    key: str
    api: str
    code: str
    names: tuple[str, ...]


def snippets(folder: Path) -> list[Snippet]:
    """All of them, in turns: the first of every file, then the second, shuffled, so that a part is an even sample."""
    turns: list[tuple[int, Snippet]] = []
    for file in sorted(folder.rglob("*.py")):
        try:
            tree = ast.parse(file.read_text(encoding="utf-8"))
        except SyntaxError:  # samples of what PaConvert writes are no Python
            continue
        turns += enumerate(_of(tree, file.relative_to(folder).as_posix()))
    return [snippet for _, snippet in sorted(turns, key=lambda turn: (turn[0], crc32(turn[1].key.encode())))]


def _of(tree: ast.Module, file: str) -> Iterator[Snippet]:
    apis = {
        target.id: call.args[0].value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(call := node.value, ast.Call) and call.args
        for target in node.targets
        if isinstance(target, ast.Name) and isinstance(call.args[0], ast.Constant)
    }
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        texts: dict[str, ast.expr] = {}
        for number, node in enumerate(statement for statement in ast.walk(function)):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                texts[node.targets[0].id] = node.value
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "run"):
                continue
            code, names = _given(node, texts)
            owner = node.func.value
            if code and names and isinstance(owner, ast.Name) and owner.id in apis:
                yield Snippet(f"{file}::{function.name}:{number}", str(apis[owner.id]), code, names)


def _given(call: ast.Call, texts: dict[str, ast.expr]) -> tuple[str, tuple[str, ...]]:
    """The snippet and the names of ``obj.run(snippet, ["name", ...])``; nothing where they are not literal."""
    given = [texts.get(a.id, a) if isinstance(a, ast.Name) else a for a in call.args[:2]]
    if len(given) < 2 or not isinstance(given[1], ast.List):
        return "", ()
    text = given[0].args[0] if isinstance(given[0], ast.Call) and given[0].args else given[0]
    if not isinstance(text, ast.Constant) or not isinstance(text.value, str):
        return "", ()
    names = [element.value for element in given[1].elts if isinstance(element, ast.Constant)]
    return textwrap.dedent(text.value).lstrip("\n"), tuple(map(str, names))
