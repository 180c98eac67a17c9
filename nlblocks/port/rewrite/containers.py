"""Rules of layers that hold others: how they are put in, under which names, and how they are found again."""

from __future__ import annotations

import re
from typing import Any

import libcst as cst

from nlblocks.port.rewrite.argument import Argument, Refusal, code, expression
from nlblocks.port.rewrite.call import Call, Written
from nlblocks.port.rewrite.file import Walk
from nlblocks.port.rewrite.rules import _text, rule


@rule
def add_sublayer(call: Call, original: Any, transform: Walk) -> Written:
    """add_sublayer gives its layer back, add_module nothing: the layer is assigned first where it is used."""
    bound, _ = call._bound()
    assert call.receiver is not None
    holder, name, layer = code(call.receiver), _without_dots(bound["name"]), bound["sublayer"]
    parent = transform.parent(original)
    if isinstance(parent, cst.Expr):
        return Written(expression(f"{holder}.add_module({name}, {layer.text})"))
    target = parent.targets[0].target if isinstance(parent, cst.Assign) and len(parent.targets) == 1 else None
    if isinstance(target, cst.Name | cst.Attribute) and isinstance(transform.parent(parent), cst.SimpleStatementLine):
        written = Written(layer.node)
        if code(target) != f"{holder}.{name[1:-1]}":
            written.after.append(f"{holder}.add_module({name}, {code(target)})")
        return written
    return Written(expression(f"{call.file.helper('add_module')}({holder}, {name}, {layer.text})"))


def _without_dots(name: Argument) -> str:
    """A layer's name, which has no dots in torch: they are replaced where they are written, else when it runs."""
    parts = _parts(name.node)
    if parts is None:
        return _replaced(name) if name.values is None or any("." in str(v) for v in name.values) else name.text
    written, others = code(parts[0]), parts[1]
    literal = code(name.node).count(".") - written.count(".")
    if any(str(v).count(".") > literal for v in name.values or ()) or (others and name.values is None):
        return _replaced(name)
    return written


def _replaced(name: Argument) -> str:
    text = name.text if isinstance(name.node, cst.Name | cst.Attribute | cst.Call) else f"({name.text})"
    return f'{text}.replace(".", "_")'


def _parts(node: cst.BaseExpression) -> tuple[cst.BaseExpression, bool] | None:
    """A text with the dots of its literals replaced, and whether there may be others; None where it is not literal."""
    if isinstance(node, cst.SimpleString):
        return _undotted(node), False
    if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Add):
        left, right = (_parts(side) or (side, not _is_count(side)) for side in (node.left, node.right))
        return node.with_changes(left=left[0], right=right[0]), left[1] or right[1]
    if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Modulo):
        text = node.left
        if isinstance(text, cst.SimpleString) and not re.search(r"%[^a-z%]*\.", text.value):
            return node.with_changes(left=_undotted(text)), "%s" in text.value
    elif isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and node.func.attr.value == "format":
        text = node.func.value
        if isinstance(text, cst.SimpleString) and not re.search(r"\{[^}]*\.", text.value):
            return node.with_changes(func=node.func.with_changes(value=_undotted(text))), True
    if isinstance(node, cst.FormattedString):
        parts = [_undotted(part) if isinstance(part, cst.FormattedStringText) else part for part in node.parts]
        return node.with_changes(parts=parts), any(isinstance(part, cst.FormattedStringExpression) for part in parts)
    return None


def _undotted(text: Any) -> Any:
    return text.with_changes(value=text.value.replace(".", "_"))


def _is_count(node: cst.BaseExpression) -> bool:
    """Whether a part of a name is a number or a letter, which has no dot."""
    return isinstance(node, cst.Call) and code(node.func) in ("str", "chr")


@rule
def sequential(call: Call, original: Any, transform: Walk) -> Written:
    """Named layers, given as pairs, are an OrderedDict in torch."""
    kinds = {kind for seen in (call.place.arguments.values() if call.place else ()) for kind in seen.kinds}
    if (
        len(call.node.args) == 1
        and call.node.args[0].star == "*"
        and kinds
        and all(k.startswith("tuple[") for k in kinds)
    ):
        call.file.use("OrderedDict")
        layers = code(call.node.args[0].value)
        return Written(expression(f"{call.file.use('nn')}.Sequential(OrderedDict({layers}))"))
    pairs = [arg.value for arg in call.node.args if not arg.star]
    if (
        pairs
        and all(isinstance(p, cst.Tuple) and len(p.elements) == 2 for p in pairs)
        and len(pairs) == len(call.node.args)
    ):
        call.file.use("OrderedDict")
        inside = "".join(code(arg) for arg in call.node.args)
        return Written(expression(f"{call.file.use('nn')}.Sequential(OrderedDict([{inside}]))"))
    return call.written()


@rule
def iterated(call: Call, original: Any, transform: Walk) -> Written:
    """A list in Paddle, one after the other in torch: that does where a loop or a list takes them."""
    written = call.written()
    parent = transform.parent(original)
    function = transform.parent(parent) if isinstance(parent, cst.Arg) else None
    listed = isinstance(function, cst.Call) and code(function.func) in ("list", "tuple", "set", "iter")
    if not listed and not isinstance(parent, cst.For | cst.CompFor):
        written.node = expression(f"list({code(written.node)})")
    return written


@rule
def sublayers(call: Call, original: Any, transform: Walk) -> Written:
    """The parts of a layer: torch counts the layer itself among them, first."""
    bound, _ = call._bound()
    method = "modules" if call.api.endswith(".sublayers") else "named_modules"
    assert call.receiver is not None
    text = f"{_text(call.receiver)}.{method}()"
    every = bound.pop("include_self", None)
    written = Written(expression(f"list({text})[1:]"))
    for name, argument in bound.items():
        call._only(name, argument, call.row.args[name].values, written)  # type: ignore[union-attr]
    if every is None or every.value is False:
        return written
    if every.value is not True:
        raise Refusal("include_self is not literal")
    written.node = expression(text if method == "named_modules" else f"list({text})")
    return written
