"""Assignments whose target says what they do: cut off from training, set up a logger, change Paddle itself."""

from __future__ import annotations

from typing import Any

import libcst as cst
from libcst import matchers

from nlblocks.port.rewrite.argument import code, expression
from nlblocks.port.rewrite.file import File, Walk
from nlblocks.port.table import row_of


def assigned(original: cst.Assign, updated: cst.Assign, transform: Walk) -> Any:
    """``x.stop_gradient = True``, or ``x.requires_grad = False``, cuts a tensor off; a parameter is not trained.

    Nor is it where ``trainable`` says so, which torch would take for an attribute of one's own.

    A module's variable that is None until a program sets up its logger holds the logger: a port has no set-up.
    A logger of the package's own make becomes the one of Python's that it hands on to.
    What is put in the place of an API, ``paddle.rand = own_rand``, is put into Paddle: torch stays as it is.
    """
    target, file = original.targets[0].target, transform.file
    logger = (file.seen.loggers if code(updated.value) == "None" else file.seen.own_loggers).get(code(target))
    if logger is not None and not transform.depth:
        return updated.with_changes(value=expression(f"{file.use('logging')}.getLogger({logger!r})"))
    if len(original.targets) != 1 or not isinstance(target, cst.Attribute):
        return updated
    api = transform.meaning.api(transform.site(target))
    held = _held(api, file)
    if held:
        return updated.with_changes(targets=[cst.AssignTarget(cst.ensure_type(expression(held), cst.Attribute))])
    if api:
        told = file.note if api in file.record.put else file.refuse
        told(api, transform.site(target)[0], "it is changed in Paddle itself, and torch is left as it is")
        return cst.RemoveFromParent()
    if target.attr.value == "trainable" and _is_parameter(target, transform):
        changed = updated.targets[0].with_changes(target=_named(updated.targets[0].target, "requires_grad"))
        return updated.with_changes(targets=[changed])
    kept = _kept_otherwise(target, updated, transform)
    if kept is not None:
        return kept
    stops = {"stop_gradient": "True", "requires_grad": "False"}.get(target.attr.value)
    if stops is None:
        return updated
    place = transform.place(target)
    kinds = place.receiver.kinds if place is not None else set()
    to = updated.targets[0].target
    assert isinstance(to, cst.Attribute)
    guess = transform.meaning.guess.receiver(transform.site(target)) if not kinds else ""
    cut = (kinds == {"Tensor"} or guess == "Tensor") and code(updated.value) == stops
    if cut and isinstance(to.value, cst.Name) and _is_of_a_loop(to.value.value, target, transform):
        return cst.Expr(expression(f"{to.value.value}.detach_()"))  # what the loop goes over holds it too
    if cut and isinstance(to.value, cst.Name):
        return updated.with_changes(
            targets=[cst.AssignTarget(to.value)], value=expression(f"{code(to.value)}.detach()")
        )
    if target.attr.value == "requires_grad":
        return updated
    opposite = {"True": "False", "False": "True"}.get(code(updated.value), f"not ({code(updated.value)})")
    return updated.with_changes(targets=[cst.AssignTarget(_named(to, "requires_grad"))], value=expression(opposite))


def _is_of_a_loop(name: str, node: cst.CSTNode, transform: Walk) -> bool:
    """Whether a loop gives a variable its values, and reads it no more behind a statement: that is for others."""
    while not isinstance(node, cst.For | cst.FunctionDef | cst.Module):
        node = transform.parent(node)
    if not isinstance(node, cst.For) or name not in map(code, matchers.findall(node.target, matchers.Name())):
        return False
    return len(matchers.findall(node.body, matchers.Name(name))) == 1


def _named(target: Any, name: str) -> Any:
    return target.with_changes(attr=cst.Name(name))


def _is_parameter(target: cst.Attribute, transform: Walk) -> bool:
    """Whether an attribute is set on a parameter, as far as is known; a class of the user's may have one of its own."""
    place = transform.place(target)
    if place is not None and place.receiver.kinds:
        return place.receiver.kinds <= {"Parameter", "LinearWeight"}
    return transform.meaning.guess.receiver(transform.site(target)) in ("", "Tensor") and code(target.value) != "self"


def _kept_otherwise(target: cst.Attribute, updated: cst.Assign, transform: Walk) -> Any:
    """What Paddle's own layers keep under another name than torch's, ``norm._epsilon = 1e-12``; None for the rest."""
    place = transform.place(target)
    kinds = place.receiver.kinds if place is not None else set()
    row = row_of(f"Layer.{target.attr.value}")
    own = not kinds or "Layer:paddle.nn.Layer" in kinds or not all(kind.startswith("Layer:") for kind in kinds)
    text = (row.torch or "") if row is not None and "(" not in row.paddle else ""
    if own or row is None or "{self}" not in text:
        return None
    name = text.removeprefix("{self}.")
    if not name.isidentifier():
        return cst.Expr(transform.refused(row.names[0], target, f"torch's layer has no such thing to set: {text}"))
    to = updated.targets[0].target
    assert isinstance(to, cst.Attribute)
    return updated.with_changes(targets=[cst.AssignTarget(_named(to, name))])


def _held(api: str, file: File) -> str:
    """A member of one of Paddle's classes which torch has not, and whose port this file holds; "" for another."""
    home, _, name = api.rpartition(".")
    row = row_of(home) if home else None
    held = (row.torch or "").partition("(")[0] if row is not None else ""
    return f"{file.helper(held)}.{name}" if file.homes.get(held) == file.module.name else ""
