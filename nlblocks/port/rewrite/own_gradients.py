"""Classes that derive from Paddle's PyLayer: where their functions' context is asked, and where they are applied.

The source alone tells it: a backward pass is never watched.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property

from nlblocks.port.observe import Site
from nlblocks.port.resolve import Module, Program

FUNCTION = "paddle.autograd.PyLayer"
CONTEXT = "PyLayerContext"


class OwnGradients:
    """Asked about attributes of one file."""

    def __init__(self, module: Module, program: Program) -> None:
        self.module, self.program = module, program

    def kind(self, site: Site, attribute: str) -> str:
        """What an attribute is looked up on: such a class where it is applied, a context, or "" for anything else."""
        if attribute == "apply":
            return FUNCTION if site in self._applied else ""
        return CONTEXT if site in self._asked else ""

    @cached_property
    def _classes(self) -> list[ast.ClassDef]:
        if "PyLayer" not in self.module.source:
            return []
        found = (node for node in ast.walk(self.module.tree) if isinstance(node, ast.ClassDef))
        return [node for node in found if any(self._origin(base) == FUNCTION for base in node.bases)]

    @cached_property
    def _asked(self) -> set[Site]:
        return {self.module.sites.of(node) for own in self._classes for node in _of_contexts(own)}

    @cached_property
    def _applied(self) -> set[Site]:
        found = (node for node in ast.walk(self.module.tree) if isinstance(node, ast.Attribute))
        return {self.module.sites.of(node) for node in found if node.attr == "apply" and self._is_such(node.value)}

    def _is_such(self, node: ast.expr) -> bool:
        if not isinstance(node, ast.Name | ast.Attribute):
            return False
        if isinstance(node, ast.Name) and node.id in {own.name for own in self._classes}:
            return True
        module, _, name = self.program.split(self._origin(node))
        others = OwnGradients(module, self.program)._classes if module not in (None, self.module) else []
        return name in {own.name for own in others}

    def _origin(self, node: ast.expr) -> str:
        dotted = self.module.names.get(self.module.sites.of(node), "")
        return self.program.origin(dotted, self.module) if dotted else ""


def _of_contexts(own: ast.ClassDef) -> Iterator[ast.Attribute]:
    """What is looked up on the first argument of a class's functions."""
    for function in own.body:
        if isinstance(function, ast.FunctionDef) and function.args.args:
            name = function.args.args[0].arg
            for node in ast.walk(function):
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name:
                    yield node
