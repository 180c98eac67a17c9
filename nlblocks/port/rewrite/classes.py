"""Classes in Python's and torch's own words: with a metaclass that six gives, or a ``train`` of a layer's own."""

from __future__ import annotations

import ast
from typing import Any

import libcst as cst

from nlblocks.port.resolve import Module
from nlblocks.port.rewrite.argument import code, expression
from nlblocks.port.rewrite.call import Call, Written
from nlblocks.port.rewrite.file import File, Walk
from nlblocks.port.rewrite.imports import Imports
from nlblocks.port.rewrite.rules import rule

GIVEN = "six.add_metaclass"
ONLY_IN_TRAINING = "if not mode:\n    return super().train(False)  # torch's eval comes here\n"
PAST_THE_OWN = "def eval(self):\n    return super().train(False)  # torch's calls the layer's own train\n"


def with_metaclass(original: cst.ClassDef, updated: cst.ClassDef, walk: Walk) -> cst.ClassDef:
    """``@six.add_metaclass(M) class A(B)`` is ``class A(B, metaclass=M)``."""
    names = walk.meaning.names
    for index, decorator in enumerate(original.decorators):
        call = decorator.decorator
        if isinstance(call, cst.Call) and names.get(walk.site(call.func)) == GIVEN and len(call.args) == 1:
            given = updated.decorators[index].decorator
            assert isinstance(given, cst.Call)
            plain = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
            metaclass = cst.Arg(value=given.args[0].value, keyword=cst.Name("metaclass"), equal=plain)
            others = [d for d in updated.decorators if d is not updated.decorators[index]]
            return updated.with_changes(
                decorators=others, keywords=[*updated.keywords, metaclass], lpar=cst.LeftParen(), rpar=cst.RightParen()
            )
    return updated


def with_modes(original: cst.ClassDef, updated: cst.ClassDef, walk: Walk, imports: Imports) -> cst.ClassDef:
    """A layer with a ``train`` of its own, which in torch evaluation would reach too: it is led past.

    Paddle's ``train`` and ``eval`` say what mode every layer below is in, and call no layer's own. Torch's ``eval``
    calls ``train(False)``, and ``train`` that of every layer below.
    """
    file, line = walk.file, walk.site(original.name)[0]
    node = next((n for n in ast.walk(file.module.tree) if isinstance(n, ast.ClassDef) and n.lineno == line), None)
    own = _own(node, "train")
    if node is None or own is None or imports.left(own.lineno) is not None or not _is_layer(file, node):
        return updated
    train = next((s for s in _functions(updated) if s.name.value == "train"), None)
    if train is None or not isinstance(train.body, cst.IndentedBlock):
        return updated
    if not (own.args.args[1:] or own.args.posonlyargs or own.args.vararg or own.args.kwonlyargs or own.args.kwarg):
        return updated.with_deep_changes(updated.body, body=[s if s is not train else _taking(s) for s in _of(updated)])
    if _has_eval(file, file.module, node):
        return updated
    added = cst.parse_statement(PAST_THE_OWN).with_changes(leading_lines=[cst.EmptyLine(indent=False)])
    body = [one for s in _of(updated) for one in ((s, added) if s is train else (s,))]
    return updated.with_deep_changes(updated.body, body=body)


@rule
def evaluation(call: Call, original: Any, transform: Walk) -> Written:
    """Of a base's ``eval`` in a file with layers that have a ``train`` of their own: it is not to be reached."""
    receiver = code(call.receiver) if call.receiver is not None else ""
    classes = (node for node in ast.walk(transform.file.module.tree) if isinstance(node, ast.ClassDef))
    if receiver.startswith("super(") and any(_own(node, "train") for node in classes):
        return Written(expression(f"{receiver}.train(False)"))
    return call.written()


def _own(node: ast.AST | None, name: str) -> ast.FunctionDef | None:
    found = node.body if isinstance(node, ast.ClassDef) else ()
    return next((one for one in found if isinstance(one, ast.FunctionDef) and one.name == name), None)


def _of(node: cst.ClassDef) -> list[Any]:
    return [*node.body.body]


def _functions(node: cst.ClassDef) -> list[cst.FunctionDef]:
    return [statement for statement in node.body.body if isinstance(statement, cst.FunctionDef)]


def _is_layer(file: File, node: ast.ClassDef) -> bool:
    return file.program.is_layer(file.module, node)


def _has_eval(file: File, module: Module, node: ast.ClassDef) -> bool:
    """Whether a class, or one of the program's that it derives from, has its own ``eval``."""
    if _own(node, "eval") is not None:
        return True
    return any(found is not None and _has_eval(file, *found) for _, found in file.program.bases(module, node))


def _taking(train: cst.FunctionDef) -> cst.FunctionDef:
    """A ``train`` that takes the mode: without it, its base's."""
    mode = cst.ensure_type(cst.parse_statement("def train(mode=True): pass"), cst.FunctionDef).params.params[0]
    statements = list(train.body.body)
    told = bool(train.get_docstring())
    guard = cst.parse_statement(ONLY_IN_TRAINING)
    body = [*statements[:told], guard, *statements[told:]]
    params = train.params.with_changes(params=[*train.params.params, mode])
    return train.with_changes(params=params, body=train.body.with_changes(body=body))
