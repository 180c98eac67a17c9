"""Classes in Python's own words: a metaclass that six gives stands in the class's brackets."""

from __future__ import annotations

import libcst as cst

from nlblocks.port.rewrite.file import Walk

GIVEN = "six.add_metaclass"


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
