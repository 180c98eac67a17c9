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
    originals' comments are kept, and how many there are, ``lines`` the lines of the port and of the same definitions of
    the originals.
    """
    pairs = list(_pairs(out, folders))
    kept, ported = Counter[str](), Counter[str]()
    lines = [0, 0]
    for original, port in pairs:
        left, right = original.read_text(encoding="utf-8"), port.read_text(encoding="utf-8")
        names = _definitions(right).keys()
        spans = {name: span for name, span in _definitions(left).items() if name in names}
        kept.update(_comments(left, spans.values()))
        ported.update(_comments(right, _definitions(right).values()))
        lines[0] += sum(last - first + 1 for name, (first, last) in _definitions(right).items() if name in spans)
        lines[1] += sum(last - first + 1 for first, last in spans.values())
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


def _definitions(text: str) -> dict[str, tuple[int, int]]:
    """The first and last line of each function and class at the top, decorators and the comment above included."""
    lines, found = text.splitlines(), {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            while first > 1 and lines[first - 2].startswith("#"):
                first -= 1
            found[node.name] = first, node.end_lineno or first
    return found


def _comments(text: str, spans: Any) -> Iterator[str]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and any(first <= token.start[0] <= last for first, last in spans):
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
