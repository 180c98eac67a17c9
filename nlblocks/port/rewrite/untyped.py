"""A file without its annotations: of a port of Paddle's own models, which name Paddle's own types."""

from __future__ import annotations

from typing import Any

import libcst as cst


def untyped(text: str) -> str:
    """The text of a file, its annotations left out."""
    return cst.parse_module(text).visit(_Untyped()).code


class _Untyped(cst.CSTTransformer):
    def leave_Param(self, original: cst.Param, updated: cst.Param) -> cst.Param:
        if updated.annotation is None:
            return updated
        plain = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
        equal = plain if updated.default is not None else cst.MaybeSentinel.DEFAULT
        return updated.with_changes(annotation=None, equal=equal)

    def leave_FunctionDef(self, original: cst.FunctionDef, updated: cst.FunctionDef) -> cst.FunctionDef:
        return updated.with_changes(returns=None)

    def leave_AnnAssign(self, original: cst.AnnAssign, updated: cst.AnnAssign) -> Any:
        if updated.value is None:
            return cst.RemoveFromParent()
        return cst.Assign([cst.AssignTarget(updated.target)], updated.value)
