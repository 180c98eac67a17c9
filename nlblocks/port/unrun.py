"""What the models ran of their packages, and what becomes of the rest: carried where it is small, else left out.

A base class of a whole package names files, downloads and sharing out over devices, which a model's computation never
reaches. By the source alone all of it is needed.
"""

from __future__ import annotations

import ast
import builtins
import re
import sys
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from nlblocks.port.observe import Record
from nlblocks.port.resolve import Module
from nlblocks.port.sources import Function, Left, Sources, Unit, Wanted
from nlblocks.port.table import row_of

CARRIED = 300
"""Lines that a definition that never ran may bring along: a layer that another configuration takes is shorter, what
loads, saves or generates is longer."""
LARGE = f"it never ran, and brings more than {CARRIED} lines along"
ALONE = "it never ran, and needs what is not carried"
OWN_MODE = "it never ran, and torch would call it where a layer above is trained or evaluated"

SHOWING = frozenset({"__repr__", "__str__"})
"""What only says what an object is: where it is left out, Python's own or torch's does."""

CHANGES = re.compile(r"^\w+(\.\w+)+ = ", re.M)
TORCHS = """_apply _call_impl _compiled_call_impl _get_name _load_from_state_dict _named_members
    _replicate_for_data_parallel _save_to_state_dict _slow_forward _version add_module bfloat16 compile cpu cuda double
    extra_repr float get_buffer get_extra_state get_parameter get_submodule half ipu load_state_dict modules mtia
    named_modules register_backward_hook register_forward_hook register_full_backward_hook
    register_full_backward_pre_hook register_load_state_dict_post_hook register_load_state_dict_pre_hook register_module
    register_parameter register_state_dict_post_hook register_state_dict_pre_hook requires_grad_ set_extra_state
    set_submodule share_memory to to_empty type xpu zero_grad"""
PYTHONS = (OrderedDict, list, tuple, set, str, int, type)
OF_BASES = {*TORCHS.split(), *vars(Enum), *(name for kind in PYTHONS for name in dir(kind))}
"""Methods that a class may have from Python's own, or from torch's Module: one of that name does not just go."""
INSTALLED = frozenset(sys.stdlib_module_names) | {"numpy", "paddle"}


class Ran:
    """Asked about definitions: whether any of their code ran. Of a run that was not whole, everything may have."""

    def __init__(self, sources: Sources, record: Record) -> None:
        self.sources, self.record = sources, record
        self._known: dict[tuple[str, str], bool] = {}

    def definition(self, module: Module, name: str) -> Unit | None:
        """The function or class of a name at the top of a module; None where it is something else."""
        for unit in self.sources.units(module):
            if name in unit.binds and isinstance(unit.node, Function | ast.ClassDef):
                return unit
        return None

    def has(self, module: Module, name: str) -> bool:
        """Whether what a name stands for ran; yes, where it is no function and no class."""
        if not self.record.whole:
            return True
        if (module.name, name) not in self._known:
            unit = self.definition(module, name)
            self._known[module.name, name] = unit is None or self.entered(module, unit)
        return self._known[module.name, name]

    def entered(self, module: Module, unit: Unit) -> bool:
        """Whether a function, or any function in a class, was entered."""
        found = self.record.modules.get(module.name)
        if not self.record.whole or found is None or not found.entered:
            return not self.record.whole
        return any(isinstance(node, Function) and node.lineno in found.entered for node in ast.walk(unit.node))

    @cached_property
    def changes(self) -> list[tuple[Module, Unit, str]]:
        """Statements that put what ran onto the framework's own classes and modules, and the API that each changes."""
        found = []
        for name in self.record.files:
            module = self.sources.program.modules[name]
            if not CHANGES.search(module.source):
                continue
            for unit in self.sources.units(module):
                target = unit.node.targets[0] if isinstance(unit.node, ast.Assign) else None
                api = module.names.get(module.sites.of(target), "") if isinstance(target, ast.Attribute) else ""
                if api.startswith("paddle.") and self._gives_what_ran(module, unit):
                    found.append((module, unit, api))
        return found

    def _gives_what_ran(self, module: Module, unit: Unit) -> bool:
        assert isinstance(unit.node, ast.Assign)
        for node in ast.walk(unit.node.value):
            where = module.names.get(module.sites.of(node), "") if isinstance(node, ast.Name) else ""
            found = self.sources.definition(where, module) if where else None
            if found is not None and self.definition(found[0], found[1]) and self.has(found[0], found[1]):
                return True
        return False


@dataclass(frozen=True)
class Method:
    """A method of a kept class that never ran: all definitions of its name there."""

    module: Module
    owner: Unit
    name: str
    units: tuple[Unit, ...]

    @property
    def full(self) -> str:
        return f"{getattr(self.owner.node, 'name', '')}.{self.name}"

    def covers(self, line: int) -> bool:
        return any(first <= line <= last for first, last in (unit.lines for unit in self.units))


def parted(
    methods: Iterable[Method], sources: Sources, wanted: Mapping[str, Wanted], done: set[tuple[str, str]]
) -> list[Method]:
    """Of the methods that never ran those that are kept: all that they name is kept too. The others are noted.

    A method that is left out stands as one that raises where something that is kept names it, or it takes the place of
    another; else nothing stands there. Nor does it in the place of a layer's ``train``, which torch calls of its own.
    """
    methods = list(methods)
    modes = {id(m) for m in methods if m.name == "train" and sources.program.is_layer(m.module, m.owner.node)}
    out = [m for m in methods if id(m) in modes or not all(_at_hand(m, sources, wanted, done))]
    left = {id(method) for method in out}
    reads = {
        id(method): {text for unit in method.units for _, texts in unit.parts for text in texts} for method in methods
    }
    defined = {name for part, _ in _kept(sources, wanted, methods) for name in _defines(part)}
    while True:
        gone = {method.name for method in methods if id(method) in left}
        gone -= defined | {method.name for method in methods if id(method) not in left}
        more = [m for m in methods if id(m) not in left and not gone.isdisjoint(reads[id(m)] - {m.name})]
        if not more:
            break
        left |= {id(method) for method in more}
    stays = [method for method in methods if id(method) not in left]
    named = read(sources, wanted, methods).union(*(reads[id(method)] for method in stays))
    defined |= {method.name for method in stays}
    for method in methods:
        if id(method) in left:
            stub = method.name in named | defined or method.name.startswith("__") or _is_inherited(method.name)
            stub = stub and method.name not in SHOWING and id(method) not in modes
            why = OWN_MODE if id(method) in modes else ALONE
            for unit in method.units:
                found = Left(method.full, unit.node.lineno, why, stub)
                for line in (unit.lines[0], unit.node.lineno):
                    wanted[method.module.name].methods[line] = found
    return stays


def _defines(part: ast.AST) -> list[str]:
    """The name of a method, also of one that is assigned in its class."""
    if isinstance(part, Function):
        return [part.name]
    targets = part.targets if isinstance(part, ast.Assign) else ()
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _is_inherited(name: str) -> bool:
    return name in OF_BASES or row_of(f"Layer.{name}") is not None


def _at_hand(
    method: Method, sources: Sources, wanted: Mapping[str, Wanted], done: set[tuple[str, str]]
) -> Iterator[bool]:
    """Of every name in a method, whether it is there without more being carried."""
    module = method.module
    for site, dotted in module.names.items():
        if not method.covers(site[0]):
            continue
        if dotted.startswith("?") and hasattr(builtins, dotted[1:].partition(".")[0]):
            continue
        found = sources.definition(sources.put.get(dotted, dotted).replace(":", "."), module)
        if found is not None:
            yield (found[0].name, found[1]) in done
        elif dotted.partition(".")[0] not in INSTALLED:
            names = {name for name, target in module.top.items() if target and f"{dotted}.".startswith(f"{target}.")}
            yield not names.isdisjoint(wanted[module.name].imports)


def read(sources: Sources, wanted: Mapping[str, Wanted], methods: Iterable[Method]) -> set[str]:
    """The attributes and texts that what is kept reads, without the methods that never ran."""
    return {text for _, texts in _kept(sources, wanted, methods) for text in texts}


def _kept(
    sources: Sources, wanted: Mapping[str, Wanted], methods: Iterable[Method]
) -> Iterator[tuple[ast.AST, frozenset[str]]]:
    never = {id(unit.node) for method in methods for unit in method.units}
    for one in wanted.values():
        for unit in sources.units(one.module):
            if unit.lines[0] in one.lines:
                yield from (part for part in unit.parts if id(part[0]) not in never)
