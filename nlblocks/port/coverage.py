"""Which lines of a port's forward code a run reached: the others are not proven."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from nlblocks.port.inputs import Inputs


class Lines:
    """The ported files under a folder, and what ran in them."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder.resolve()) + "/"
        self.ran: dict[str, set[int]] = defaultdict(set)

    def run(self, model: Any, inputs: Inputs, torch: Any) -> None:
        """Run a model forward, and remember what ran."""
        sys.settrace(self._trace)
        try:
            for mode in ("eval", "train"):
                getattr(model, mode)()
                args, kwargs = inputs.tensors(torch.tensor)
                with torch.without_gradients():
                    model(*args, **kwargs)
        except Exception:  # the comparison has told
            pass
        finally:
            sys.settrace(None)

    def missed(self) -> dict[str, list[list[int]]]:
        """By file, the lines that no forward pass reached of the functions that one entered, as [first, last]."""
        found = {path: list(_ranges(path, lines)) for path, lines in self.ran.items()}
        return {path.removeprefix(self.folder): ranges for path, ranges in sorted(found.items()) if ranges}

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        path = frame.f_code.co_filename
        if not path.startswith(self.folder):
            return None
        self.ran[path].add(frame.f_lineno)
        return self._line

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            self.ran[frame.f_code.co_filename].add(frame.f_lineno)
        return self._line


def _ranges(path: str, ran: set[int]) -> Iterator[list[int]]:
    """Runs of statements that did not run, in functions that were entered."""
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    missed: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and _entered(node, ran):
            for statement in _statements(node):
                if statement.lineno not in ran and not _is_docstring(statement):
                    missed.update(range(statement.lineno, (statement.end_lineno or statement.lineno) + 1))
    for line in sorted(missed):
        if line - 1 not in missed:
            last = line
            while last + 1 in missed:
                last += 1
            yield [line, last]


def _entered(node: ast.FunctionDef, ran: set[int]) -> bool:
    return any(statement.lineno in ran for statement in node.body)


def _statements(node: ast.AST) -> Iterator[ast.stmt]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            continue
        if isinstance(child, ast.stmt):
            yield child
        yield from _statements(child)


def _is_docstring(statement: ast.stmt) -> bool:
    return (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)) or isinstance(
        statement, ast.Global | ast.Nonlocal
    )
