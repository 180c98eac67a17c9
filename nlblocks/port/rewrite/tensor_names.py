"""Names of tensors, which torch does not give: None does in a list that code fills and never reads."""

from __future__ import annotations

import ast
from typing import Any

import libcst as cst

from nlblocks.port.resolve import Module
from nlblocks.port.rewrite.argument import Refusal, code
from nlblocks.port.rewrite.call import Call, Written
from nlblocks.port.rewrite.file import Walk
from nlblocks.port.rewrite.rules import rule

FILLING = frozenset({"append", "extend"})


@rule
def tensor_name(call: Call, original: Any, transform: Walk) -> Written:
    """``self.checkpoints.append(x.name)`` where nothing reads the checkpoints, as static graphs did; else refused."""
    arg = transform.parent(original)
    filling = transform.parent(arg) if isinstance(arg, cst.Arg) else None
    function = filling.func if isinstance(filling, cst.Call) else None
    if isinstance(function, cst.Attribute) and function.attr.value in FILLING:
        name, own = code(function.value).rpartition(".")[2], transform.file.module
        named = [module for module in transform.file.program.modules.values() if name in module.words]
        if name.isidentifier() and not any(_reads(module, name, module is own) for module in named):
            return call.written()
    raise Refusal("torch's tensors have no names")


def _reads(module: Module, name: str, own: bool) -> bool:
    """Whether code does more with what a name holds than to begin it as a list, and to fill it or another like it.

    A variable of another module's is another one.
    """
    harmless: set[int] = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.List):
            harmless |= {id(target) for target in node.targets}
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            called = node.value.func
            if isinstance(called, ast.Attribute) and called.attr in FILLING and _called(called.value) == name:
                harmless |= {id(called.value), *(id(argument) for argument in node.value.args)}
    named = (node for node in ast.walk(module.tree) if own or not isinstance(node, ast.Name))
    return any(_called(node) == name and id(node) not in harmless for node in named)


def _called(node: ast.AST) -> str:
    """The last part of a name; of text, which code may look up, the text."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
