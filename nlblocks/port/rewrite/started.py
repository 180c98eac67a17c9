"""A layer whose parameters start as the source says: by statements after it where it is assigned, else by a helper."""

from __future__ import annotations

import libcst as cst

from nlblocks.port.rewrite.argument import code, expression
from nlblocks.port.rewrite.call import Written
from nlblocks.port.rewrite.file import File, Walk
from nlblocks.port.rewrite.starts import applied, is_start


def started(
    original: cst.BaseExpression, written: Written, file: File, transform: Walk
) -> tuple[cst.BaseExpression, list[str]]:
    """The layer, or parameter, as it is written, and the statements that follow."""
    if not written.starts and not written.lacking:
        return written.node, []
    target = _target(original, transform)
    starts = {parameter: file.held.get(code(start), start) for parameter, start in written.starts.items()}
    sure = all(is_start(start) or parameter == "" for parameter, start in starts.items())  # others may be None
    if isinstance(target, cst.Name | cst.Attribute) and sure:
        file.used.add("nn")
        name = code(target)
        after = [f"{name}.{parameter} = None" for parameter in written.lacking]
        for parameter, start in starts.items():
            after += applied(start, f"{name}.{parameter}".rstrip("."))
        return written.node, after
    if "" in written.starts:
        return expression(f"{file.helper('started')}({code(written.node)}, {code(written.starts[''])})"), []
    text = code(written.node)
    if written.lacking:
        text = f"{file.helper('without')}({text}, {', '.join(map(repr, written.lacking))})"
    if written.starts:
        given = ", ".join(f"{name}={code(start)}" for name, start in written.starts.items())
        text = f"{file.helper('initialised')}({text}, {given})"
    return expression(text), []


def _target(original: cst.BaseExpression, transform: Walk) -> cst.BaseExpression | None:
    """What an expression is assigned to, also by way of add_sublayer, which gives its layer back."""
    parent = transform.parent(original)
    if isinstance(parent, cst.Arg):
        call = transform.parent(parent)
        added = isinstance(call, cst.Call) and code(call.func).endswith(".add_sublayer")
        parent = transform.parent(call) if added else parent
    return parent.targets[0].target if isinstance(parent, cst.Assign) and len(parent.targets) == 1 else None
