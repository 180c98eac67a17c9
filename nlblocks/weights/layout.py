"""Whose layout a file has that does not say it: judged by what its tensors are called and by how its matrices lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from nlblocks.conventions import Conventions, conventions_of, frameworks
from nlblocks.errors import InputError
from nlblocks.specs.base import Shape
from nlblocks.weights.conversion import Options, Plan
from nlblocks.weights.convert import plan
from nlblocks.weights.evidence import Evidence, family
from nlblocks.weights.files import Checkpoint
from nlblocks.weights.files.contents import UNSAID
from nlblocks.weights.files.pickle_vm import shown

_AS = {False: "[out, in]", True: "[in, out]"}
PADDLE_NAMES = (".pdparams", ".pdopt", ".pdema")


def layout_of(shapes: Mapping[str, Shape]) -> tuple[str, str]:
    """(the framework, why), or ("", why not). One sign that speaks against the others leaves it open."""
    signs = [*_by_names(shapes), *_by_matrices(shapes)]
    told: dict[str, list[str]] = {}
    for framework, why in signs:
        told.setdefault(framework, []).append(why)
    if len(told) != 1:
        why = ", but ".join(found[0] for _, found in sorted(told.items()))
        return "", why or "nothing in it tells"
    ((framework, found),) = told.items()
    return framework, f"{found[0]}{f' (and {len(found) - 1} signs more)' if len(found) > 1 else ''}"


def plan_of(checkpoint: Checkpoint, tensors: Mapping[str, Any], options: Options, record: Mapping[str, Any]) -> Plan:
    """The plan of a conversion whose source nobody names: that of the file's own word, or of what its tensors show.

    Raises InputError where these do not tell and the plans of two frameworks differ.
    """
    if checkpoint.told:
        return plan(tensors, replace(options, source=checkpoint.layout), record)
    found, why = layout_of({name: tensor.shape for name, tensor in tensors.items()})
    named = checkpoint.path.suffix in PADDLE_NAMES
    if named and found in ("", checkpoint.layout):
        return plan(tensors, replace(options, source=checkpoint.layout), record)
    if found and not named:
        planned = plan(tensors, replace(options, source=found), record)
        note = f"the file does not say whose layout it has; taken for {found}'s, since {why}; else say --from"
        return replace(planned, notes=(note, *planned.notes))
    plans = _plans(tensors, options, record) if not named else []
    if plans and all(_lines(each) == _lines(plans[0]) for each in plans):
        return max(plans, key=lambda each: len(each.notes))
    if named:
        why = f"its name speaks of {checkpoint.layout}, but {why}"
    choices = " or ".join(f"--from {framework}" for framework in frameworks())
    raise InputError(f"{checkpoint.path}: the file does not say whose layout it has ({why}): say {choices}")


def _plans(tensors: Mapping[str, Any], options: Options, record: Mapping[str, Any]) -> list[Plan]:
    """Those of every framework; none where one of them has a question of its own."""
    try:
        return [plan(tensors, replace(options, source=framework), record) for framework in frameworks()]
    except InputError:
        return []


def _lines(planned: Plan) -> list[tuple[Sequence[str], str, str]]:
    return [(row.sources, row.target, row.action) for row in planned.rows]


def _by_names(shapes: Mapping[str, Shape]) -> Iterator[tuple[str, str]]:
    """Names that one framework alone gives to what its layers hold."""
    words = {framework: _words(conventions_of(framework)) for framework in frameworks()}
    leaves: dict[str, set[str]] = {}
    for name in shapes:
        module, _, leaf = name.rpartition(".")
        leaves.setdefault(module, set()).add(leaf)
    for framework, own in words.items():
        others = {word for other, found in words.items() if other != framework for word in found}
        for module, found in leaves.items():
            for wanted in own - others:
                if found >= wanted:
                    where = f"{module}." if module else ""
                    yield framework, f"{framework} alone has the name {shown(where)}{min(wanted)}"


def _words(form: Conventions) -> set[frozenset[str]]:
    """Leaves that a module of one layer has in a framework."""
    norm = form.batch_norm
    found = {frozenset({norm.mean, norm.variance}), frozenset({form.prelu}), frozenset({form.instance_norm, "bias"})}
    if form.attention.whole and form.attention.joint == "_":
        found.add(frozenset({form.attention.fused("weight")}))
    return {words for words in found if "weight" not in words}


def _by_matrices(shapes: Mapping[str, Shape]) -> Iterator[tuple[str, str]]:
    """Matrices that lie as a framework's Linear does: by their bias, by what they read or write, by the next one."""
    evidence = Evidence(shapes, in_out=False)
    either = {lies: _framework(in_out=lies) for lies in (False, True)}
    for module, in_out in evidence.lying.items():
        if family(module) != "c_":  # GPT-2's lie the other way in torch itself
            yield either[in_out], f"{_shown(module, shapes)} is {_AS[in_out]} by its bias"
    for module in evidence.matrices:
        role = evidence.by_role(module) if evidence.bias(module) is None else None
        if role is not None:
            yield either[role], f"{_shown(module, shapes)} is {_AS[role]} by the width of the norms"
    for one, other, in_out in evidence.chained():
        if evidence.bias(one) is None:
            yield either[in_out], f"{_shown(one, shapes)} gives what {shown(other)} reads as {_AS[in_out]}"


def _shown(module: str, shapes: Mapping[str, Shape]) -> str:
    name = f"{module}.weight" if module else "weight"
    return f"{shown(name)} {shapes[name]}"


def _framework(*, in_out: bool) -> str:
    """The framework that a file of this layout has most likely come from."""
    found = [name for name in frameworks() if conventions_of(name).linear_in_out == in_out]
    return UNSAID if UNSAID in found else found[0]
