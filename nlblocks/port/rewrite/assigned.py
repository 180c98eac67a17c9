"""Assignments whose target says what they do: what is cut off from training, what a program sets up later."""

from __future__ import annotations

from typing import Any

import libcst as cst

from nlblocks.port.rewrite.argument import code, expression


def assigned(original: cst.Assign, updated: cst.Assign, transform: Any) -> cst.Assign:
    """``x.stop_gradient = True``, or ``x.requires_grad = False``, cuts a tensor off; a parameter is not trained.

    A module's variable that is None until a program sets up its logger holds the logger: a port has no set-up.
    """
    target, file = original.targets[0].target, transform.file
    logger = file.seen.loggers.get(code(target)) if not transform.depth else None
    if logger is not None and code(updated.value) == "None":
        return updated.with_changes(value=expression(f"{file.use('logging')}.getLogger({logger!r})"))
    if len(original.targets) != 1 or not isinstance(target, cst.Attribute):
        return updated
    stops = {"stop_gradient": "True", "requires_grad": "False"}.get(target.attr.value)
    if stops is None:
        return updated
    place = transform.place(target)
    kinds = place.receiver.kinds if place is not None else set()
    to = updated.targets[0].target
    assert isinstance(to, cst.Attribute)
    guess = transform.meaning.guess.receiver(transform.site(target)) if not kinds else ""
    cut = (kinds == {"Tensor"} or guess == "Tensor") and code(updated.value) == stops
    if cut and isinstance(to.value, cst.Name):
        return updated.with_changes(
            targets=[cst.AssignTarget(to.value)], value=expression(f"{code(to.value)}.detach()")
        )
    if target.attr.value == "requires_grad":
        return updated
    opposite = {"True": "False", "False": "True"}.get(code(updated.value), f"not ({code(updated.value)})")
    named = to.with_changes(attr=cst.Name("requires_grad"))
    return updated.with_changes(targets=[cst.AssignTarget(named)], value=expression(opposite))
