"""A file's syntax tree, Paddle's names and calls replaced by torch's: comments, order and layout stay."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import libcst as cst
from libcst.metadata import MetadataWrapper, ParentNodeProvider, PositionProvider

from nlblocks.port.observe import Place, Site
from nlblocks.port.rewrite.argument import Refusal, code, expression
from nlblocks.port.rewrite.around import (
    as_paddles,
    check_scopes,
    in_brackets,
    is_caught,
    not_turned_twice,
    safe,
    undoubled,
)
from nlblocks.port.rewrite.assigned import assigned
from nlblocks.port.rewrite.augmented import augmented
from nlblocks.port.rewrite.beforehand import compared, given_beforehand, held
from nlblocks.port.rewrite.by_text import by_text
from nlblocks.port.rewrite.call import Call, Written
from nlblocks.port.rewrite.checks import at_the_head
from nlblocks.port.rewrite.classes import with_metaclass, with_modes
from nlblocks.port.rewrite.file import File
from nlblocks.port.rewrite.held import Names
from nlblocks.port.rewrite.imports import Imports
from nlblocks.port.rewrite.instances import instances
from nlblocks.port.rewrite.layout import blank_lines, joined, with_blank_lines
from nlblocks.port.rewrite.meaning import Meaning
from nlblocks.port.rewrite.passed_on import with_seen_stars
from nlblocks.port.rewrite.rules import RULES
from nlblocks.port.rewrite.started import started
from nlblocks.port.rewrite.starts import code_of
from nlblocks.port.rewrite.statements import Block, surrounded, without_nothing
from nlblocks.port.rewrite.unported import raising, without
from nlblocks.port.rewrite.values import MODULES, of_class, value_of
from nlblocks.port.sources import Left
from nlblocks.port.table import row_of
from nlblocks.port.table.row import Row


def translated(file: File, imports: Imports) -> str:
    """The torch source of a file, its imports and helpers not yet in it."""
    wrapper = MetadataWrapper(cst.parse_module(without(file.module, imports)), unsafe_skip_copy=True)
    transform = Transform(file, imports)
    return wrapper.visit(transform).code


class Transform(cst.CSTTransformer):
    """Children are replaced before their parents: a call sees its arguments in torch already."""

    METADATA_DEPENDENCIES = (PositionProvider, ParentNodeProvider)

    def __init__(self, file: File, imports: Imports) -> None:
        super().__init__()
        self.file, self.imports = file, imports
        self.meaning = Meaning(file)
        self.blocks: list[Block] = [Block()]
        self.depth = 0
        self.annotations = 0
        self.evaluated = 0
        self.functions: list[tuple[Names, dict[str, cst.BaseExpression], dict[str, set[str]]]] = []
        self.top: set[int] = set()
        self.gap = 0  # blank lines before what was just left out
        self.docstrings: list[cst.CSTNode] = []
        self.following: dict[int, cst.CSTNode] = {}

    def site(self, node: cst.CSTNode) -> Site:
        found = self.get_metadata(PositionProvider, node)
        return found.start.line, found.start.column, found.end.line, found.end.column

    def parent(self, node: cst.CSTNode) -> cst.CSTNode:
        return self.get_metadata(ParentNodeProvider, node)

    def place(self, node: cst.CSTNode) -> Place | None:
        return self.file.seen.place(self.site(node))

    # Statements

    def visit_Module(self, node: cst.Module) -> None:
        self.top = {id(statement) for statement in node.body}
        self.docstrings = list(node.body[:1])
        self.following = {id(one): other for one, other in pairwise(node.body)}

    def on_visit(self, node: cst.CSTNode) -> bool:
        """A statement at the top that is not kept is not looked at."""
        if (id(node) in self.top and not self._kept(node)) or self._left(node) is not None:
            return False
        return super().on_visit(node)

    def on_leave(self, original: Any, updated: Any) -> Any:
        left = self._left(original)
        if left is not None:
            return raising(original, left, self.file) if left.stub else cst.RemoveFromParent()
        if id(original) not in self.top:
            return self._with_checks(original, super().on_leave(original, updated))
        found = cst.RemoveFromParent()
        if self._kept(original):
            found = self._with_checks(original, super().on_leave(original, updated))
        if found is cst.RemoveFromParent():
            self.gap = max(self.gap, blank_lines(original))
            return found
        found, self.gap = with_blank_lines(found, self.gap), 0
        return found

    def _with_checks(self, original: cst.CSTNode, left: Any) -> Any:
        """A statement that holds others, behind the checks of its head."""
        block = isinstance(original, cst.BaseCompoundStatement) and not isinstance(self.parent(original), cst.If)
        block = block and left is not cst.RemoveFromParent()
        return surrounded(left, *self.blocks[-1].taken()) if block else left

    def _left(self, node: cst.CSTNode) -> Left | None:
        return self.imports.left(self.site(node)[0]) if isinstance(node, cst.FunctionDef) else None

    def _kept(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.SimpleStatementLine):
            if any(isinstance(part, cst.Import | cst.ImportFrom) for part in node.body):
                return True
            first = node.body[0]
            if isinstance(first, cst.Expr) and isinstance(first.value, cst.SimpleString | cst.ConcatenatedString):
                following = self.following.get(id(node))  # text is a comment on what it stands above
                return node in self.docstrings or (following is not None and self._kept(following))
        return self.imports.keeps(self.site(node)[0])

    def visit_IndentedBlock(self, node: cst.IndentedBlock) -> None:
        self.blocks.append(Block())

    def leave_IndentedBlock(self, original: cst.IndentedBlock, updated: cst.IndentedBlock) -> cst.BaseSuite:
        self.blocks.pop()
        if not updated.body:
            return updated.with_changes(body=[cst.parse_statement("pass\n")])
        return updated

    def leave_SimpleStatementLine(self, original: cst.SimpleStatementLine, updated: cst.SimpleStatementLine) -> Any:
        before, after = self.blocks[-1].taken()
        if not updated.body:
            return cst.RemoveFromParent()
        changed = self.imports.statement(original, updated, at_top=id(original) in self.top)
        return changed if changed is not None else surrounded(updated, before, after)

    def visit_SimpleStatementSuite(self, node: cst.SimpleStatementSuite) -> None:
        self.blocks.append(Block())

    def leave_SimpleStatementSuite(self, original: Any, updated: cst.SimpleStatementSuite) -> cst.BaseSuite:
        """Statements behind a colon: on lines of their own where others stand beside them."""
        before, after = self.blocks.pop().taken()
        if not before and not after:
            return updated
        return cst.IndentedBlock([*surrounded(cst.SimpleStatementLine(updated.body), before, after)])

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        self.depth += 1
        self.file.local.append(self.file.module.bound_by.get(self.site(node.body.body[0])[0], frozenset()))
        names = Names.of(node)
        self.functions.append((names, self.file.held, self.file.truths))
        self.file.held, self.file.truths = {}, names.truths()

    def leave_FunctionDef(self, original: cst.FunctionDef, updated: cst.FunctionDef) -> cst.FunctionDef:
        self.depth -= 1
        self.file.local.pop()
        _, self.file.held, self.file.truths = self.functions.pop()
        return at_the_head(updated, self.file.helper("expect")) if "expect" in self.file.helpers else updated

    def leave_ClassDef(self, original: cst.ClassDef, updated: cst.ClassDef) -> cst.ClassDef:
        return with_modes(original, with_metaclass(original, updated, self), self, self.imports)

    def visit_Annotation(self, node: cst.Annotation) -> bool:
        self.annotations += 1
        return not self.file.module.is_paddles

    def visit_Decorator(self, node: cst.Decorator) -> bool:
        return not self._is_dropped(node)

    def leave_Decorator(self, original: cst.Decorator, updated: cst.Decorator) -> Any:
        return cst.RemoveFromParent() if self._is_dropped(original) else updated

    def _is_dropped(self, node: cst.Decorator) -> bool:
        """One that only registers what it stands at, or says how Paddle compiles it: torch runs what it reads."""
        wanted = self.imports.wanted
        if wanted is not None and self.site(node.decorator) in wanted.dropped:
            return True
        function = node.decorator.func if isinstance(node.decorator, cst.Call) else node.decorator
        return self.meaning.api(self.site(function)) in ("paddle.jit.to_static", "paddle.jit.not_to_static")

    def leave_Annotation(self, original: cst.Annotation, updated: cst.Annotation) -> cst.Annotation:
        self.annotations -= 1
        return updated

    # Names

    def visit_Attribute(self, node: cst.Attribute) -> bool:
        """A dotted name that means one thing is replaced whole, and so is an attribute that needs no receiver."""
        return not (self.meaning.is_name(self.site(node)) or self.meaning.alone(self.site(node), node.attr.value))

    def visit_ImportFrom(self, node: Any) -> bool:
        return False

    visit_ImportAlias = visit_ImportFrom

    def leave_Name(self, original: cst.Name, updated: cst.Name) -> cst.BaseExpression:
        return self._name(original, updated)

    def leave_Attribute(self, original: cst.Attribute, updated: cst.Attribute) -> cst.BaseExpression:
        if self.meaning.is_name(self.site(original)):
            return self._name(original, updated)
        parent = self.parent(original)
        if isinstance(parent, cst.Call) and parent.func is original:
            return updated  # the call decides
        if isinstance(parent, cst.AssignTarget | cst.Del) or getattr(parent, "target", None) is original:
            return updated  # the statement decides
        return self._attribute(original, updated)

    def leave_UnaryOperation(self, original: cst.UnaryOperation, updated: cst.UnaryOperation) -> cst.BaseExpression:
        return undoubled(updated)

    def leave_Assign(self, original: cst.Assign, updated: cst.Assign) -> Any:
        target = original.targets[0].target
        name = target.value if len(original.targets) == 1 and isinstance(target, cst.Name) else ""
        if name and self.functions and self.functions[-1][0].hold(name, updated.value):
            self.file.held[name] = updated.value
        return assigned(original, updated, self)

    def leave_AugAssign(self, original: cst.AugAssign, updated: cst.AugAssign) -> cst.BaseSmallStatement:
        return augmented(original, updated, self)

    def leave_With(self, original: cst.With, updated: cst.With) -> Any:
        return without_nothing(original, updated)

    def leave_BinaryOperation(self, original: cst.BinaryOperation, updated: cst.BinaryOperation) -> Any:
        return updated.with_changes(
            left=as_paddles(original.left, updated.left, self), right=as_paddles(original.right, updated.right, self)
        )

    def leave_Comparison(self, original: cst.Comparison, updated: cst.Comparison) -> cst.BaseExpression:
        return compared(original, updated, self)

    def leave_Subscript(self, original: cst.Subscript, updated: cst.Subscript) -> cst.BaseExpression:
        return updated.with_changes(value=as_paddles(original.value, updated.value, self))

    def _name(self, original: cst.BaseExpression, updated: Any) -> cst.BaseExpression:
        api = self.meaning.api(self.site(original))
        if not api:
            renamed = self.imports.renamed(self.meaning.names.get(self.site(original), ""), code(original))
            return expression(renamed) if renamed else updated
        parent = self.parent(original)
        if isinstance(parent, cst.AssignTarget):
            return updated
        put = self.meaning.put(api, self.depth)
        if put is not None and put[1].isidentifier():
            return expression(self.file.bring(*put))
        if put is not None:
            return self.refused(api, original, f"{'.'.join(put)} was put in its place", lazily=True)
        if isinstance(parent, cst.Call) and parent.func is original:
            return updated
        row = row_of(api)
        text = self.file.named(MODULES[api]) if api in MODULES else value_of(row, self.file) or of_class(api, self.file)
        if text:
            return in_brackets(expression(text), original)
        if self.annotations:
            return cst.SimpleString(f'"{api}"')
        return self.refused(api, original, "the table has no row for it as a value", lazily=True)

    def _attribute(self, original: cst.Attribute, updated: cst.Attribute) -> cst.BaseExpression:
        kind = self.meaning.receiver(self.place(original), original.attr.value, self.site(original))
        if not kind:
            return updated
        row = row_of(api := f"{kind}.{original.attr.value}")
        if row is None:
            refused = kind.startswith(("Tensor", "Initializer"))
            return self.refused(api, original, "the table has no row for it") if refused else updated
        if kind == "Layer" and row.torch is not None and row.torch.startswith(f"{{self}}.{original.attr.value}("):
            return updated  # a method of the same name that is not called here
        return self._written(original, row, api, cst.Call(func=updated), updated.value, None)

    # Calls

    def visit_Call(self, node: cst.Call) -> None:
        self.evaluated += code(node.func) == "eval"

    def leave_SimpleString(self, original: cst.SimpleString, updated: cst.SimpleString) -> cst.BaseExpression:
        """Text that is evaluated names torch's modules."""
        updated = updated.with_changes(value=self.imports.in_text(updated.value))
        if not self.evaluated:
            return updated
        return updated.with_changes(value=updated.value.replace("nn.layer.activation.", "nn.modules.activation."))

    def leave_Call(self, original: cst.Call, updated: cst.Call) -> cst.BaseExpression:
        self.evaluated -= code(original.func) == "eval"
        looked_up = by_text(original, updated, self.place(original), self.file)
        if looked_up is not None:
            return looked_up
        if self.meaning.names.get(self.site(original.func)) == "functools.partial" and original.args:
            return self._partial(original, updated)
        try:
            found = self.meaning.call(original, updated, self)
        except Refusal as why:
            named = self.meaning.api(self.site(original.func))
            return self.refused(named or f"Tensor.{code(original.func).rpartition('.')[2]}", original, str(why))
        if found is None:
            return instances(original, updated, self)
        api, receiver, function = found
        if isinstance(api, tuple):
            return self._several(original, updated, api, function)
        row = row_of(api)
        if row is None:
            return self.refused(api, original, "the table has no row for it")
        return self._written(original, row, api, updated, receiver, function)

    def _partial(self, original: cst.Call, updated: cst.Call) -> cst.BaseExpression:
        """Arguments that are given to an API beforehand."""
        api = ""
        try:
            row = row_of(api := held(original, self))
            if row is None:
                return updated
            written = given_beforehand(original, updated, row, api, self.file, self, RULES)
        except Refusal as why:
            return updated if len(original.args) == 1 else self.refused(api or "functools.partial", original, str(why))
        for name, reason in written.dropped:
            self.file.note(api, self.site(original)[0], f"{name} is left out: {reason}")
        self._check(written.checks)
        return written.node

    def _several(self, original: cst.Call, updated: cst.Call, apis: Sequence[str], function: Any) -> cst.BaseExpression:
        """A variable that held several APIs: ported where the call reads the same for all of them."""
        texts = {}
        for api in apis:
            row = row_of(api) if api else None
            if api and row is None:
                return self.refused(api, original, "the table has no row for it")
            if row is None:
                texts[code(updated)] = Written(updated)
                continue
            try:
                written = Call(row, api, updated, self.file, self.place(original), None, function).written()
            except Refusal as why:
                return self.refused(api, original, str(why))
            texts[code(written.node) + code_of(written.starts)] = written
        if len(texts) > 1:
            named = ", ".join(api or "others" for api in apis)
            return self.refused(named, original, "what is called here differs, and so do torch's words for it")
        (written,) = texts.values()
        self._check(written.checks)
        return self._started(original, written)

    def _written(
        self, original: cst.BaseExpression, row: Row, api: str, node: cst.Call, receiver: Any, function: Any
    ) -> cst.BaseExpression:
        self.file.rows[row.names[0]] += 1
        place = self.place(original.func if isinstance(original, cst.Call) else original)
        linear = place is not None and place.receiver.kinds == {"LinearWeight"}
        if receiver is not None and linear and api.startswith(("Tensor.", "Parameter.")):
            receiver = expression(f"{code(receiver)}.t()")  # torch's is [out, in]
        place = with_seen_stars(self.place(original), original, self)
        call = Call(row, api, node, self.file, place, receiver, function)
        try:
            rule = RULES.get(row.rule)
            written = rule(call, original, self) if rule is not None else call.written()
            check_scopes(written.checks, original, self)
        except Refusal as why:
            return self.refused(api, original, str(why))
        for name, reason in written.dropped:
            self.file.note(api, self.site(original)[0], f"{name} is left out: {reason}")
        if linear:
            written.node = not_turned_twice(written.node)
        self._check(written.checks)
        self.blocks[-1].after += written.after
        written.node = joined(written.node, original, self.site(original)[1])
        result = self._started(original, written)
        return (
            in_brackets(result, original)
            if not isinstance(original, cst.Call) or original.lpar
            else safe(result, original, self)
        )

    def _check(self, checks: Sequence[str]) -> None:
        for text in checks:
            if not any(text in block.checked for block in self.blocks):
                self.blocks[-1].checked.add(text)
                self.blocks[-1].before.append(text)

    def _started(self, original: cst.BaseExpression, written: Written) -> cst.BaseExpression:
        node, after = started(original, written, self.file, self)
        self.blocks[-1].after += after
        return node

    def refused(self, api: str, original: cst.BaseExpression, why: str, lazily: bool = False) -> cst.BaseExpression:
        """What raises, where it is reached, in the place of what is not ported."""
        line = self.site(original)[0]
        self.file.refuse(api, line, why)
        helper = "NotPorted" if lazily or not (self.depth or is_caught(original, self)) else "not_ported"
        what = f"{api} ({self.file.module.name}, line {line}): {why}"
        return expression(f"{self.file.helper(helper)}({what!r})")
