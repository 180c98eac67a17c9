"""What a function does with the extents that it is given: whether it takes them for a tensor, or asks what they are."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import libcst as cst

from nlblocks.port.resolve import Module
from nlblocks.port.rewrite.file import File, Walk

OF_TENSORS = frozenset(
    f"paddle.{n}"
    for n in ["cast", "concat", "stack", "slice", "prod", "gather", "add", "subtract", "multiply", "divide"]
)
"""What computes with the extents as a tensor."""
OF_NUMBERS = frozenset(f"paddle.{n}" for n in ["cast", "ceil", "floor", "round", "sqrt", "maximum", "minimum", "log"])
"""What computes with one of the extents, and takes no number of Python's."""
ARITHMETIC = (ast.BinOp, ast.UnaryOp, ast.Name, ast.Constant, ast.Attribute, ast.Subscript, ast.operator, ast.unaryop,
              ast.expr_context)  # fmt: skip


def are_reckoned_with(arg: cst.Arg, call: cst.Call, walk: Walk, file: File) -> bool:
    """Whether what a call is given as an argument must be a tensor there: as seen, or as the callee's source says."""
    api = walk.meaning.api(walk.site(call.func))
    if api:
        return api in OF_TENSORS
    for module, function, given in _given(arg, call, walk, file):
        taken = {given, *_parts(function, given)}
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and module.names.get(module.sites.of(node.func), "") in OF_NUMBERS:
                inside = [part for argument in node.args[:1] for part in ast.walk(argument)]
                plain = all(isinstance(part, ARITHMETIC) for part in inside)
                if plain and any(isinstance(part, ast.Name) and part.id in taken for part in inside):
                    return True
    return False


def are_asked(arg: cst.Arg, call: cst.Call, walk: Walk, file: File) -> bool:
    """Whether what a call is given as an argument is compared there, or asked for its class."""
    for _, function, given in _given(arg, call, walk, file):
        for node in ast.walk(function):
            of = [node.left, *node.comparators] if isinstance(node, ast.Compare) else []
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance":
                of = node.args[:1]
            if any(isinstance(part, ast.Name) and part.id == given for part in of):
                return True
    return False


def _given(arg: cst.Arg, call: cst.Call, walk: Walk, file: File) -> Iterator[tuple[Module, ast.FunctionDef, str]]:
    """The functions that a call was seen to reach, each with its module and its parameter for an argument."""
    place = walk.place(call)
    for callee in place.callees if place is not None else ():
        home, _, name = callee.partition(":")
        module = file.program.modules.get(home)
        if module is None:
            continue
        for function, names in _definitions(module.tree, name):
            index = call.args.index(arg)
            yield module, function, arg.keyword.value if arg.keyword else names[index] if index < len(names) else ""


def _definitions(tree: ast.AST, name: str) -> Iterator[tuple[ast.FunctionDef, list[str]]]:
    """The functions of a qualified name, each with the parameters that a call gives by place."""
    first, dot, rest = name.removeprefix("<locals>.").partition(".")
    for node in getattr(tree, "body", ()):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == first:
            if dot:
                yield from _definitions(node, rest)
            elif isinstance(node, ast.FunctionDef):
                yield node, [a.arg for a in node.args.args][isinstance(tree, ast.ClassDef) :]


def _parts(function: ast.FunctionDef, name: str) -> set[str]:
    """The names that are given what a variable is taken apart into."""
    found = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            value = node.value.value if isinstance(node.value, ast.Subscript) else node.value
            if isinstance(value, ast.Name) and value.id == name:
                found |= {part.id for target in node.targets for part in ast.walk(target) if isinstance(part, ast.Name)}
    return found
