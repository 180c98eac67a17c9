"""Plug a block into a model that somebody else wrote, by the dotted path of a module in it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from numbers import Integral
from typing import Any, get_args

from nlblocks.backend import Call, Host, Where, as_array, host_of
from nlblocks.errors import InputError, known, meant, no_spec, one_of, said
from nlblocks.init import generator
from nlblocks.specs.base import BlockSpec, Shape
from nlblocks.specs.inputs import joined

WHERE: tuple[Where, ...] = get_args(Where)
Match = str | re.Pattern[str] | Callable[[str, Any], bool]
Adapter = Callable[[Any], Any]
ONE = BlockSpec()
"""Any block of one input."""


def insert(
    model: Any,
    path: str,
    spec: BlockSpec,
    where: Where = "after",
    *,
    inputs: Mapping[str, str] | None = None,
    example: Any = None,
    adapter: Adapter | None = None,
    seed: int = 0,
) -> Any:
    """Plug the block of ``spec`` into a torch.nn.Module or paddle.nn.Layer, and return the block.

    ``path`` names a module as ``named_modules`` does, e.g. "layer3.5". The block gets the module's output ("after") or
    its first argument ("before"), or takes its place ("replace"). It has the module's dtype, device and mode. At its
    initialisation a residual block with ``zero_init`` leaves the model's output as it was, bit for bit.

    Every tensor of the model keeps its name, so its checkpoints load as before (without ``strict``, for they lack the
    block). The block is a child of the module, named by its kind, and called by a hook: "layer3.5.non_local.g.weight".
    A second one of the same kind is "non_local_2". In a plain Sequential it is the last or first element, under that
    name. An inserted block lies outside those inserted earlier at the same module. A replacing block takes the path.
    An optimiser that was built before does not know the block's parameters.

    A block that takes several inputs gets all but one from other modules: ``inputs`` says by name which module gives
    it, e.g. {"low": "layer3"}. These must have run before, in the same call of the model. Where it replaces a module it
    gets the arguments that the module got, and ``inputs`` is not given.

    ``example`` is an input of the model, or its shape, for a dry run in eval mode before and after: it finds a block
    that does not fit. ``adapter`` gets the native block and returns the module to plug in instead, e.g. one that turns
    tokens into a map and back.

    Raises InputError, and leaves the model as it was, for an unknown path (it names the nearest), a path inside an
    nlblocks block, a container that cannot hold a block, inputs that do not say where all come from, and, with
    ``example``, a block that does not fit.
    """
    host, modules = _open(model, "insert")
    if not isinstance(path, str):
        raise InputError(f"insert: path={said(path)} must be the name of a module, e.g. 'layer3.5'")
    if path not in modules or not path:
        raise InputError(f"insert: {_name(model)} has no module {path!r}; {_nearest(path, list(modules))}")
    if not isinstance(spec, BlockSpec):
        raise no_spec("insert", spec)
    others = _others(model, modules, spec, where, inputs)
    plan = _Plan(path, spec, seed, others)
    source, calls = None, None
    if example is not None:
        source = _source(example)
        own, *more = _observe(host, model, [modules[name] for name in (path, *others.values())], source)
        calls = [_expected(plan, where, own, dict(zip(others, more, strict=True)))]
    return _plug(host, model, modules, [plan], where, source, calls, adapter)[0]


def insert_all(
    model: Any,
    match: Match,
    spec: BlockSpec | Callable[[int], BlockSpec],
    where: Where = "after",
    *,
    example: Any,
    seed: int = 0,
) -> list[str]:
    """:func:`insert` at every module that ``match`` picks, or at none of them; returns their paths.

    ``match`` is a glob on paths, component by component ("layer3.*" is every block of layer3, not their convolutions),
    or the name of a class ("Bottleneck"), or a compiled regular expression for whole paths, or a function of
    (path, module). Modules inside nlblocks blocks are passed over, and a module with two paths is taken once.
    ``spec`` gives its fields but those that an input fixes: ``in_channels`` is axis 1, or the last of a block on
    tokens, of what the module returns ("after") or gets ("before", "replace") in a dry run on ``example``;
    ``map_size`` and ``positions``, where a block has them, are its extents and their product. Or it is a function of
    axis 1. The k-th block, from 0, is initialised by ``seed`` + k.

    Raises InputError, and leaves the model as it was, where nothing matches or a block does not fit.
    """
    host, modules = _open(model, "insert_all")
    found: dict[int, str] = {}
    for path, module in modules.items():
        inner = bool(_owner(host, modules, path, itself=True))  # where the model itself is a block, _plug says so
        if path and not inner and _matches(match, path, module):
            found.setdefault(id(module), path)
    paths = list(found.values())
    if not paths:
        classes = sorted({_name(module) for module in modules.values()})
        raise InputError(
            f"insert_all: match={match!r} picks no module of {_name(model)}; its classes: {known(classes)}"
            f"{meant(match, (*classes, *modules))}"
        )
    source = _source(example)
    calls = _observe(host, model, [modules[path] for path in paths], source)
    plans = [
        _Plan(path, _spec_for(spec, path, where, seen), seed + index)
        for index, (path, seen) in enumerate(zip(paths, calls, strict=True))
    ]
    wanted = [_expected(plan, where, seen, {}) for plan, seen in zip(plans, calls, strict=True)]
    _plug(host, model, modules, plans, where, source, wanted, None)
    return paths


@dataclass(frozen=True, slots=True)
class _Plan:
    """A block for a path; ``others`` are the paths of the modules that give it more inputs, by the inputs' names."""

    path: str
    spec: BlockSpec
    seed: int
    others: Mapping[str, str] = field(default_factory=dict)

    @property
    def sources(self) -> list[str | None]:
        return [self.others.get(name) for name in self.spec.inputs]


def _plug(
    host: Host,
    model: Any,
    modules: dict[str, Any],
    plans: Sequence[_Plan],
    where: Where,
    source: Any,
    calls: Sequence[list[Call]] | None,
    adapter: Adapter | None,
) -> list[Any]:
    """Check everything, then plug the blocks in, then run the model again; on any error take them out.

    ``calls`` are what each block must map.
    """
    if where not in WHERE:
        raise InputError(f"insert: where={where!r} {one_of(where, WHERE)}")
    blocks, plugged = [], []
    for index, plan in enumerate(plans):
        owner = _owner(host, modules, plan.path, itself=where != "replace")
        if owner is not None:
            raise InputError(
                f"insert: {plan.path!r} is in an nlblocks {_name(modules[owner])} (at {owner!r}), which a spec fixes; "
                "name a module outside it"
            )
        if calls is not None and adapter is None:
            _check_calls(plan.path, calls[index], plan.spec)
        block = host.build_at(plan.spec, seed=plan.seed, model=model, site=modules[plan.path])
        blocks.append(block)
        plugged.append(block if adapter is None else adapter(block))
    undos: list[Callable[[], object]] = []
    try:
        for plan, module in zip(plans, plugged, strict=True):
            name = _free_name(modules[plan.path], plan.spec.kind)
            undos.append(host.plug(model, plan.path, module, name=name, where=where, sources=plan.sources))
        if calls is not None:
            _check_plugged(plans, calls, _observe(host, model, plugged, source))
    except BaseException:
        for undo in reversed(undos):
            undo()
        raise
    return blocks


def _open(model: Any, function: str) -> tuple[Host, dict[str, Any]]:
    """The backend of a model's framework, and the model's modules by path."""
    host = host_of(model, function)
    try:
        host.check_open(model)
    except InputError as error:
        raise InputError(f"{function}: {error}") from None
    return host, host.modules(model)


def _source(example: Any) -> Any:
    """The input of the dry run: a tensor as it is, an array, or random numbers of a given shape."""
    if hasattr(example, "detach"):
        return example
    if isinstance(example, list | tuple) and example and all(isinstance(n, Integral) for n in example):
        shape = tuple(int(n) for n in example)
        if min(shape) < 1:
            raise InputError(f"insert: example={example!r} is a shape with an extent below 1; give a shape or an array")
        return generator(0, "example").normal(size=shape)
    return as_array(example)


def _observe(host: Host, model: Any, modules: Sequence[Any], source: Any) -> list[list[Call]]:
    try:
        return host.observe(model, modules, source)
    except Exception as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(
            f"insert: {_name(model)} fails on the example of shape {tuple(source.shape)}: {reason[0]}"
        ) from error


def _others(
    model: Any, modules: Mapping[str, Any], spec: BlockSpec, where: Where, inputs: Mapping[str, str] | None
) -> dict[str, str]:
    """The modules that give a block its other inputs, by name: of all inputs but one, which is the site's own."""
    name, names = _name(spec), spec.inputs
    if not isinstance(inputs, Mapping | None) or not all(isinstance(path, str) for path in (inputs or {}).values()):
        raise InputError(
            f"insert: inputs={said(inputs)} must name a module for each input, as {{'low': 'layer3'}} does"
        )
    given = dict(inputs or {})
    if given and (len(names) == 1 or where == "replace"):
        gets = "takes one input" if len(names) == 1 else "gets what the module got that it replaces"
        raise InputError(f"insert: {name} {gets}: leave inputs out")
    if unknown := [each for each in given if each not in names]:
        raise InputError(f"insert: {name} has no input {known(unknown)}; it has {known(names)}")
    if where != "replace" and len(given) != len(names) - 1:
        example = "', '".join(names[:-1])
        raise InputError(
            f"insert: {name} takes {len(names)} inputs, ({', '.join(names)}): say which modules give all but one, such "
            f"as inputs={{'{example}': 'layer3'}}"
        )
    for path in given.values():
        if path not in modules or not path:
            raise InputError(f"insert: inputs: {_name(model)} has no module {path!r}; {_nearest(path, list(modules))}")
    return given


def _expected(plan: _Plan, where: Where, calls: Sequence[Call], others: Mapping[str, Sequence[Call]]) -> list[Call]:
    """What the plugged module must map in each call, given what its site maps, and what else it gets."""
    if not calls:
        raise InputError(f"insert: {plan.path!r} is not called on the example; name a module that the model calls")
    for name, seen in others.items():
        if len(seen) != len(calls):
            raise InputError(
                f"insert: {plan.path!r} is called {len(calls)} times on the example, and {plan.others[name]!r}, which "
                f"gives {name}, {len(seen)} times"
            )
    found = []
    for number, call in enumerate(calls):
        wanted = call
        if where != "replace":
            kept = call.output if where == "after" else next(iter(call.inputs), None)
            own = (others[name][number].output if name in others else kept for name in plan.spec.inputs)
            wanted = Call(inputs=tuple(own), output=kept)
        wanted = replace(wanted, inputs=wanted.inputs[: len(plan.spec.inputs)])
        if None in wanted.inputs or len(wanted.inputs) < len(plan.spec.inputs) or wanted.output is None:
            side = "return" if where == "after" else "get"
            what = "one tensor" if len(plan.spec.inputs) == 1 else f"a tensor for each of {known(plan.spec.inputs)}"
            raise InputError(f"insert: {plan.path!r} does not {side} {what}, so a block cannot go {where} it")
        found.append(wanted)
    return found


def _check_calls(path: str, calls: Sequence[Call], spec: BlockSpec) -> None:
    """Raise InputError where a spec does not map what it must map."""
    for wanted in calls:
        try:
            output = spec.output_shape(joined(wanted.inputs))
        except InputError as error:
            raise InputError(f"insert: {path!r}: {error}") from None
        if output != wanted.output:
            raise InputError(
                f"insert: {path!r}: {type(spec).__name__} gives {output} where {wanted.output} must come out"
            )


def _check_plugged(plans: Sequence[_Plan], calls: Sequence[list[Call]], seen: Sequence[list[Call]]) -> None:
    for plan, wanted, after in zip(plans, calls, seen, strict=True):
        if len(after) != len(wanted):
            raise InputError(
                f"insert: {plan.path!r} is called {len(wanted)} times and a block there {len(after)} times: "
                "the model reads its modules in a way of its own; insert at another module"
            )
        for want, found in zip(wanted, after, strict=True):
            got = found.inputs[: len(want.inputs)]
            if want.inputs != got or want.output != found.output:
                raise InputError(
                    f"insert: {plan.path!r}: the adapted block maps {joined(got)} to {found.output}; "
                    f"it must map {joined(want.inputs)} to {want.output}"
                )


def _spec_for(
    spec: BlockSpec | Callable[[int], BlockSpec], path: str, where: Where, calls: Sequence[Call]
) -> BlockSpec:
    shape: Shape = _expected(_Plan(path, ONE, 0), where, calls, {})[0].inputs[0] or ()
    if len(shape) < 2:
        raise InputError(f"insert_all: {path!r} has a tensor of shape {shape}, with no axis of channels")
    made = spec(shape[1]) if not isinstance(spec, BlockSpec) and callable(spec) else spec
    if not isinstance(made, BlockSpec):
        raise InputError(
            f"insert_all: spec must be a block spec, or give one for {shape[1]} channels; got {said(made)}"
        )
    if len(made.inputs) > 1:
        raise InputError(f"insert_all: {_name(made)} takes {len(made.inputs)} inputs; insert puts it in")
    if made is not spec:  # given for these channels
        return made
    try:
        return replace(made, **made.fixed(shape))
    except InputError as error:
        raise InputError(f"insert_all: {path!r}: {error}") from None


def _matches(match: Match, path: str, module: Any) -> bool:
    if isinstance(match, re.Pattern):
        return match.fullmatch(path) is not None
    if isinstance(match, str):
        parts, patterns = path.split("."), match.split(".")
        glob = len(parts) == len(patterns) and all(map(fnmatchcase, parts, patterns))
        return glob or _name(module) == match
    if callable(match) and not isinstance(match, type):
        return bool(match(path, module))
    raise InputError(
        f"insert_all: match={said(match)} must be a glob, a class name, a compiled regular expression or a function "
        "of (path, module)"
    )


def _owner(host: Host, modules: dict[str, Any], path: str, *, itself: bool) -> str | None:
    """The path of the nlblocks block that a path lies in, if any."""
    parts = path.split(".")
    prefixes = [".".join(parts[:n]) for n in range(len(parts) + itself)]
    return next((prefix for prefix in prefixes if host.owns(modules[prefix])), None)


def _free_name(site: Any, kind: str) -> str:
    name, count = kind, 1
    while hasattr(site, name):
        count += 1
        name = f"{kind}_{count}"
    return name


def _nearest(path: str, paths: Sequence[str]) -> str:
    near = difflib.get_close_matches(path, [p for p in paths if p], n=3, cutoff=0.5)
    return f"the nearest are {known(near)}" if near else f"it has {known(p for p in paths if p and '.' not in p)}"


def _name(module: Any) -> str:
    return type(module).__name__
