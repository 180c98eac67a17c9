"""How a port reads beside its original: what ruff says of it anew, which comments are left, how much longer it is."""

from __future__ import annotations

import ast
import io
import json
import subprocess
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

SUFFIX = "_torch"


def style(out: Path, folders: Sequence[Path]) -> dict[str, Any]:
    """The figures of the port in ``out`` of sources that lie in ``folders``.

    ``ruff`` lists the findings of its default rules that the originals do not have; ``comments`` are how many of the
    originals' comments are kept, and how many there are, in the functions, methods and classes that the port has;
    ``lines`` are theirs in the port and in the originals.
    """
    pairs = list(_pairs(out, folders))
    kept, ported = Counter[str](), Counter[str]()
    lines = [0, 0]
    for original, port in pairs:
        left, right = original.read_text(encoding="utf-8"), port.read_text(encoding="utf-8")
        ours, theirs = _definitions(left), _definitions(right)
        same = ours.keys() & theirs.keys()
        kept.update(_comments(left, [ours[name] for name in same]))
        ported.update(_comments(right, [theirs[name] for name in same]))
        lines[0] += sum(len(theirs[name]) for name in same)
        lines[1] += sum(len(ours[name]) for name in same)
    found = _ruff([port for _, port in pairs]) - _ruff([original for original, _ in pairs])
    return {
        "ruff": dict(sorted(found.items())),
        "comments": [(kept & ported).total(), kept.total()],
        "lines": lines,
    }


def _pairs(out: Path, folders: Sequence[Path]) -> Iterator[tuple[Path, Path]]:
    """Each original with its port."""
    for port in sorted(out.rglob("*.py")):
        root, *inner = port.relative_to(out).parts
        name = root.removesuffix(".py").removesuffix(SUFFIX)
        place = Path(name, *inner) if inner else Path(f"{name}.py")
        original = next((folder / place for folder in folders if (folder / place).is_file()), None)
        if original is not None and port.read_text(encoding="utf-8").strip():
            yield original, port


def _definitions(text: str) -> dict[str, set[int]]:
    """The lines of each function, method and class, decorators and the comment above included.

    A class is without its methods: one that is left out takes its comments along.
    """
    lines = text.splitlines()
    found: dict[str, set[int]] = {}

    def note(node: ast.FunctionDef | ast.ClassDef, prefix: str) -> set[int]:
        first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
        while first > 1 and lines[first - 2].lstrip().startswith("#"):
            first -= 1
        own = set(range(first, (node.end_lineno or first) + 1))
        inner = node.body if isinstance(node, ast.ClassDef) else []
        methods = [note(one, f"{prefix}{node.name}.") for one in inner if isinstance(one, ast.FunctionDef)]
        found[f"{prefix}{node.name}"] = own.difference(*methods)
        return own

    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            note(node, "")
    return found


def _comments(text: str, spans: Sequence[set[int]]) -> Iterator[str]:
    wanted = set[int]().union(*spans)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and token.start[0] in wanted:
            yield token.string.strip("# ")


def _ruff(files: Sequence[Path]) -> Counter[str]:
    """How often each of ruff's default rules finds something."""
    if not files:
        return Counter()
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--target-version", "py311"]
    done = subprocess.run(
        [*command, "--output-format", "json", *map(str, files)], capture_output=True, text=True, check=False
    )
    return Counter(str(one["code"]) for one in json.loads(done.stdout))
