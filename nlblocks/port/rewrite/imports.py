"""The import statements of a ported file: Paddle's become torch's, those of ported packages get their new names."""

from __future__ import annotations

import ast
import re
from typing import Any

import libcst as cst

from nlblocks.port.resolve import Program
from nlblocks.port.rewrite.argument import code
from nlblocks.port.rewrite.file import IMPORTS, SUFFIX, File
from nlblocks.port.sources import Left, Wanted, is_there

MARK = "__nlblocks_imports__"
"""Stands where Paddle was imported first, until it is known what the file needs."""


class Imports:
    """The import statements of one file. ``wanted`` is what is kept of it; all where it is None."""

    def __init__(self, file: File, program: Program, wanted: Wanted | None = None) -> None:
        self.file, self.program, self.wanted = file, program, wanted
        self.marked = False
        self.absent: list[Any] = []
        self.roots = {name.partition(".")[0] for name in program.modules} - {"paddle"}

    def statement(self, original: cst.SimpleStatementLine, updated: cst.SimpleStatementLine, *, at_top: bool) -> Any:
        """The line in its new form; None where it is no import. Torch's stand where one at the top was Paddle's."""
        if not any(isinstance(part, cst.Import | cst.ImportFrom) for part in original.body):
            return None
        kept: list[Any] = []
        dropped = False
        for part, before in zip(updated.body, original.body, strict=True):
            changed = self._one(part, before)
            dropped = dropped or (changed is None and _imports_paddle(part))
            if isinstance(changed, list):
                self.absent += changed
            elif changed is not None:
                kept.append(changed)
        if dropped and not self.marked and at_top:
            self.marked = True
            mark = cst.parse_statement(f"{MARK}\n").with_changes(leading_lines=updated.leading_lines)
            return cst.FlattenSentinel([mark, updated.with_changes(body=kept, leading_lines=())]) if kept else mark
        if kept:
            return updated.with_changes(body=kept)
        return cst.RemoveFromParent()

    def _one(self, part: Any, original: Any) -> Any:
        root = _root(part)
        if root and not is_there(root) and root not in self.roots:
            return self._absent(part, root)
        if isinstance(part, cst.Import):
            names = [self._moved(alias) for alias in part.names if self._kept(alias)]
            return part.with_changes(names=_trimmed(names)) if names else None
        if not isinstance(part, cst.ImportFrom):
            return part
        module = code(part.module) if part.module is not None else ""
        if not part.relative and module == "__future__":
            return part if re.search(r"\bannotations\b", code(part)) else None
        absolute = self._absolute(original)
        if not part.relative and (module.partition(".")[0] in self.roots or is_paddle(module)):
            part = part.with_changes(module=_renamed(part.module))
        if isinstance(part.names, cst.ImportStar):
            ours = not is_paddle(absolute) or absolute in self.program.modules
            return part if ours and self._is_wanted(f"*{absolute}") else None
        names = [a for a in part.names if self._is_wanted(_bound(a)) and self._is_ours(f"{absolute}.{code(a.name)}")]
        return part.with_changes(names=_trimmed(names, part)) if names else None

    def _is_ours(self, dotted: str) -> bool:
        """Whether a name is not Paddle's, or of those of its models whose source is ported."""
        return not is_paddle(dotted) or self.program.split(dotted)[0] is not None

    def _moved(self, alias: cst.ImportAlias) -> cst.ImportAlias:
        """A ported package under its new name."""
        name = code(alias.name)
        inside = name.partition(".")[0] in self.roots or is_paddle(name)
        return alias.with_changes(name=_renamed(alias.name)) if inside else alias

    def _absolute(self, part: cst.ImportFrom) -> str:
        """The module that a "from" imports from."""
        module = code(part.module) if part.module is not None else ""
        if not part.relative:
            return module
        parts = self.file.module.package.split(".")
        base = parts[: len(parts) - len(part.relative) + 1]
        return ".".join([*base, *([module] if module else [])])

    def _absent(self, part: Any, root: str) -> Any:
        """In place of a package that is not installed: what raises where it is used."""
        names = [_bound(alias) for alias in part.names] if not isinstance(part.names, cst.ImportStar) else []
        wanted = [name for name in names if self._is_wanted(name)]
        if not wanted:
            return None
        helper = self.file.helper("NotPorted")
        self.file.note(root, 0, "is not installed here, and nothing that ran needs it: what names it raises")
        line = "; ".join(f"{name} = {helper}('{name} of {root}, which was not installed')" for name in wanted)
        return list(cst.parse_statement(f"{line}\n").body)  # type: ignore[arg-type]

    def _kept(self, alias: cst.ImportAlias) -> bool:
        name = code(alias.name)
        ported = not is_paddle(name) or (alias.asname is not None and name in self.program.modules)
        return ported and self._is_wanted(_bound(alias))

    def _is_wanted(self, name: str) -> bool:
        return self.wanted is None or name in self.wanted.imports

    def left(self, line: int) -> Left | None:
        """The method that is left out, of those that start on a line."""
        return self.wanted.methods.get(line) if self.wanted is not None else None

    def missing(self) -> list[str]:
        """What stands for the definitions that are named in the file, and were left out."""
        lines = []
        for name, left in (self.wanted.names if self.wanted is not None else {}).items():
            self.file.refuse(left.name, left.line, left.why)
            lines.append(f"{name} = {self.file.helper('NotPorted')}({f'{left.name}: {left.why}'!r})")
        return lines

    def keeps(self, line: int) -> bool:
        """Whether the statement at the top of the file that starts on a line is kept."""
        return self.wanted is None or line in self.wanted.lines

    def in_text(self, text: str) -> str:
        """A literal that is a ported module's dotted name, by its new name; any other as it is."""
        module = text.strip("\"'")
        root, dot, rest = module.partition(".")
        known = dot and module in self.program.modules and root in self.roots
        return text.replace(module, f"{root}{SUFFIX}.{rest}") if known else text

    def renamed(self, dotted: str, text: str) -> str:
        """A dotted name that starts at a ported package, under the package's new name; "" where it is none."""
        root, dot, rest = text.partition(".")
        if root in self.roots and dotted == text:
            return f"{root}{SUFFIX}{dot}{rest}"
        _, module, _ = self.program.split(dotted) if is_paddle(dotted) else (None, "", "")
        bound = self.file.module.top.get(root) or ""
        if module and is_paddle(bound) and not self._is_ours(bound):  # it came by Paddle's own name, which is not there
            root, dot, rest = dotted.partition(".")
            self.file.modules.add(f"{root}{SUFFIX}{module.removeprefix(root)}")
            return f"{root}{SUFFIX}{dot}{rest}"
        return ""


def _root(part: Any) -> str:
    """The top package of an import; "" of a relative one, and of several."""
    if isinstance(part, cst.Import):
        roots = {code(alias.name).partition(".")[0] for alias in part.names}
        return roots.pop() if len(roots) == 1 else ""
    if isinstance(part, cst.ImportFrom) and part.module is not None and not part.relative:
        return code(part.module).partition(".")[0]
    return ""


def _imports_paddle(part: Any) -> bool:
    if isinstance(part, cst.Import):
        return any(is_paddle(code(alias.name)) for alias in part.names)
    if isinstance(part, cst.ImportFrom) and part.module is not None and not part.relative:
        return is_paddle(code(part.module))
    return False


def is_paddle(dotted: str) -> bool:
    return dotted.partition(".")[0] == "paddle"


def _bound(alias: cst.ImportAlias) -> str:
    return code(alias.asname.name) if alias.asname is not None else code(alias.name).partition(".")[0]


def _renamed(module: Any) -> cst.BaseExpression:
    root, dot, rest = code(module).partition(".")
    return cst.parse_expression(f"{root}{SUFFIX}{dot}{rest}")


def _trimmed(names: list[cst.ImportAlias], part: Any = None) -> list[cst.ImportAlias]:
    """The names without a comma after the last, which is no longer the last one of before."""
    trailing = part is not None and part.lpar is not None and isinstance(part.names[-1].comma, cst.Comma)
    if trailing:
        return [*names[:-1], names[-1].with_changes(comma=part.names[-1].comma)]
    return [*names[:-1], names[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)]


def needed(file: File, names: set[str]) -> list[str]:
    """The imports that the file needs for what was written, in the order of habit; ``names`` are those it reads."""
    found = [IMPORTS[name][0] for name in IMPORTS if name in file.used and name in names]
    return [*found, *(f"import {module}" for module in sorted(file.modules))]


def placed(text: str, lines: list[str]) -> str:
    """The text of a file with these lines where Paddle was imported, or after the docstring."""
    block = "\n".join(lines)
    if MARK in text:
        return re.sub(rf"^{MARK}\n", f"{block}\n" if block else "", text, count=1, flags=re.M)
    if not block:
        return text
    above = 0
    for node in ast.parse(text).body[:2]:
        if isinstance(node, ast.Expr) or getattr(node, "module", "") == "__future__":
            above = node.end_lineno or 0
    lines_of = text.splitlines()
    above = above or next((index for index, line in enumerate(lines_of) if not line.startswith("#")), 0)
    return "\n".join([*lines_of[:above], block, *lines_of[above:]]) + "\n"
