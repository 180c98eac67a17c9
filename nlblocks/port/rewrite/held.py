"""What the variables of a function hold, where that is the same wherever they stand in it."""

from __future__ import annotations

from collections import Counter, defaultdict

import libcst as cst

from nlblocks.port.rewrite.argument import code, literal
from nlblocks.port.rewrite.starts import is_start, outcomes


class Names(cst.CSTVisitor):
    """The names that code reads, how often each is given a value, and which values by plain assignments."""

    def __init__(self) -> None:
        super().__init__()
        self.read: set[str] = set()
        self.given: Counter[str] = Counter()
        self.values: defaultdict[str, list[cst.BaseExpression]] = defaultdict(list)

    @classmethod
    def of(cls, node: cst.CSTNode) -> Names:
        found = cls()
        node.visit(found)
        return found

    def hold(self, name: str, value: cst.BaseExpression) -> bool:
        """Whether a start of a parameter, or None, is all that a variable of this function ever holds.

        It is given once, and so is each variable in it.
        """
        if not (literal(value) is None or is_start(value)):
            return False
        return self.given[name] == 1 and all(self.given[one] <= 1 for one in Names.of(value).read)

    def truths(self) -> dict[str, set[str]]:
        """The kinds of variables that only ever hold None or a truth value, whatever happens."""
        found = {name: [outcomes(value) for value in values] for name, values in self.values.items()}
        return {n: set().union(*kinds) for n, kinds in found.items() if all(kinds) and len(kinds) == self.given[n]}

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

    def visit_AssignTarget(self, node: cst.AssignTarget) -> bool:
        self._gives(node.target)
        return False

    def visit_AnnAssign(self, node: cst.AnnAssign) -> None:
        self._gives(node.target)

    def visit_AugAssign(self, node: cst.AugAssign) -> None:
        self._gives(node.target)

    def visit_NamedExpr(self, node: cst.NamedExpr) -> None:
        self._gives(node.target)

    def visit_For(self, node: cst.For) -> None:
        self._gives(node.target)

    def visit_CompFor(self, node: cst.CompFor) -> None:
        self._gives(node.target)

    def visit_AsName(self, node: cst.AsName) -> None:
        self._gives(node.name)

    def visit_ImportAlias(self, node: cst.ImportAlias) -> None:
        if node.asname is None:
            self.given[code(node.name).partition(".")[0]] += 1

    def visit_Param(self, node: cst.Param) -> None:
        self._gives(node.name)

    def visit_NameItem(self, node: cst.NameItem) -> None:
        self.given[node.name.value] += 2  # global: it is not the function's
