"""Variables of a function that hold a ParamAttr or an initialiser, and those that nothing reads once these are gone."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import libcst as cst
import libcst.matchers as m

from nlblocks.port.rewrite.argument import code, literal
from nlblocks.port.rewrite.starts import is_start, outcomes

PURE = frozenset({"partial", "fixed", "float", "int", "len", "max", "min", "round", "range", "math.sqrt", "np.sqrt"})
"""Functions whose call changes nothing: what nothing reads of it can go."""


def fits(name: str, value: cst.BaseExpression, function: cst.FunctionDef) -> bool:
    """Whether a variable's value says the same wherever the variable stands in its function.

    It is given once, and so is each variable in it.
    """
    if not (literal(value) is None or is_start(value)):
        return False
    given = _Names.of(function).given
    return given[name] == 1 and all(given[one] <= 1 for one in _Names.of(value).read)


def truths(function: cst.FunctionDef) -> dict[str, set[str]]:
    """The kinds of variables that only ever hold None or a truth value, whatever happens."""
    names = _Names.of(function)
    found = {name: [outcomes(value) for value in values] for name, values in names.values.items()}
    return {n: set().union(*kinds) for n, kinds in found.items() if all(kinds) and len(kinds) == names.given[n]}


def without_unread(original: cst.FunctionDef, updated: cst.FunctionDef) -> cst.FunctionDef:
    """A function without variables that only what is left out in a port read: a ParamAttr, its learning rate."""
    was_read = _Names.of(original).read
    while True:
        names = _Names.of(updated)
        unread = {n for n in names.pure if n in was_read - names.read and names.pure[n] == names.given[n]}
        if not unread:
            return updated
        found = updated.visit(_Without(unread))
        assert isinstance(found, cst.FunctionDef)
        updated = found


class _Names(cst.CSTVisitor):
    """The names that code reads, how often each is given a value, and how often one that does nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.read: set[str] = set()
        self.given: Counter[str] = Counter()
        self.pure: Counter[str] = Counter()
        self.values: defaultdict[str, list[cst.BaseExpression]] = defaultdict(list)

    @classmethod
    def of(cls, node: cst.CSTNode) -> _Names:
        found = cls()
        node.visit(found)
        return found

    def _gives(self, target: cst.CSTNode) -> None:
        if isinstance(target, cst.Name):
            self.given[target.value] += 1
        elif isinstance(target, cst.Tuple | cst.List):
            for element in target.elements:
                self._gives(element.value)
        else:
            target.visit(self)

    def visit_Name(self, node: cst.Name) -> None:
        self.read.add(node.value)

    def visit_Attribute(self, node: cst.Attribute) -> bool:
        node.value.visit(self)
        return False

    def visit_Arg(self, node: cst.Arg) -> bool:
        node.value.visit(self)
        return False

    def visit_Assign(self, node: cst.Assign) -> None:
        target = node.targets[0].target
        if len(node.targets) == 1 and isinstance(target, cst.Name):
            self.values[target.value].append(node.value)
            self.pure[target.value] += _is_pure(node.value)

    def visit_AssignTarget(self, node: cst.AssignTarget) -> bool:
        self._gives(node.target)
        return False

    def visit_AnnAssign(self, node: cst.AnnAssign) -> None:
        self._gives(node.target)

    def visit_AugAssign(self, node: cst.AugAssign) -> None:
        self._gives(node.target)

    def visit_NamedExpr(self, node: cst.NamedExpr) -> None:
        self._gives(node.target)

    def visit_For(self, node: cst.For) -> bool:
        self._gives(node.target)
        for part in (node.iter, node.body, node.orelse):
            if part is not None:
                part.visit(self)
        return False

    def visit_AsName(self, node: cst.AsName) -> bool:
        self._gives(node.name)
        return False

    def visit_ImportAlias(self, node: cst.ImportAlias) -> None:
        if node.asname is None:
            self.given[code(node.name).partition(".")[0]] += 1

    def visit_Param(self, node: cst.Param) -> bool:
        self._gives(node.name)
        if node.default is not None:
            node.default.visit(self)
        return False

    def visit_NameItem(self, node: cst.NameItem) -> None:
        self.given[node.name.value] += 2  # global: it is not the function's


def _is_pure(value: cst.BaseExpression) -> bool:
    return all(code(call.func) in PURE for call in m.findall(value, m.Call()))  # type: ignore[attr-defined]


class _Without(cst.CSTTransformer):
    """Leaves out what gives these names a value, and conditions that nothing stands under any more."""

    def __init__(self, names: set[str]) -> None:
        super().__init__()
        self.names = names

    def leave_Assign(self, original: cst.Assign, updated: cst.Assign) -> cst.Assign | cst.RemovalSentinel:
        target = updated.targets[0].target
        gone = len(updated.targets) == 1 and isinstance(target, cst.Name) and target.value in self.names
        return cst.RemoveFromParent() if gone else updated

    def leave_If(self, original: cst.If, updated: cst.If) -> cst.If | cst.RemovalSentinel:
        gone = _is_empty(updated.body) and updated.orelse is None and _is_pure(updated.test)
        return cst.RemoveFromParent() if gone else updated

    def leave_Else(self, original: cst.Else, updated: cst.Else) -> Any:
        return cst.RemoveFromParent() if _is_empty(updated.body) else updated


def _is_empty(body: cst.BaseSuite) -> bool:
    return isinstance(body, cst.IndentedBlock) and not body.body
