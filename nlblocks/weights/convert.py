"""Convert a whole checkpoint between two frameworks by the meaning of its layers, a tensor at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from nlblocks.conventions import conventions_of
from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec, Param, Shape
from nlblocks.weights import dialects
from nlblocks.weights.conversion import Conversion, Options, Plan, Row, renamed_record
from nlblocks.weights.files import Tensor
from nlblocks.weights.files.pickle_vm import shown
from nlblocks.weights.generated import RECORD, own_names, renaming
from nlblocks.weights.layers import convert_layers
from nlblocks.weights.made import shaped, turned
from nlblocks.weights.recognise import Recognised, recognise


def plan(tensors: Mapping[str, Tensor], options: Options, record: Mapping[str, Any] | None = None) -> Plan:
    """What a conversion of ``tensors`` will do; an InputError asks where the meaning of a tensor is unknown."""
    record, given = dict(record or {}), dict[str, str]()
    if options.source != options.target:
        given, kinds = own_names(tensors, conventions_of(options.source))
        tensors = {given.get(name, name): tensor for name, tensor in tensors.items()}
        said = record.get("said")
        record["said"] = {**(said if isinstance(said, dict) else {}), **kinds}
    before = {own: name for name, own in given.items()}
    work = Conversion(tensors, options, record, before)
    _blocks(work)
    if options.source != options.target:
        convert_layers(work)
    for name in list(work.left):
        work.take_weight(name, name)
    work.ask()
    rename = _substitution(options.rename)
    back = renaming(record) if conventions_of(options.target).generated else str
    rows = [
        replace(row, sources=tuple(before.get(name, name) for name in row.sources), target=back(row.target))
        for row in work.in_order()
    ]
    left = work.new_record if options.source != options.target else work.record  # a copy turns nothing
    left = renamed_record({**left, **({RECORD: before} if before else {})}, work.in_record)
    whole = options.spec.to_dict() if options.spec is not None and options.to_dialect is None else None
    return Plan(tuple(_renamed(rows, rename)), renamed_record(left, rename), whole, tuple(work.notes))


def _blocks(work: Conversion) -> None:
    options = work.options
    renames = options.dialect is not None or options.to_dialect is not None
    if options.spec is not None:
        _block(work, "", options.spec, _source_rows(work, options.spec))
        return
    if options.to_dialect is not None and options.dialect is None:
        raise InputError("to_dialect without a dialect needs the spec of the whole file; give its kind and options")
    if not renames and options.source == options.target:
        return
    in_out = work.source.linear_in_out
    natives = [name for name in dialects.names() if dialects.get(name).linear_in_out == in_out]
    found = recognise(work.shapes, natives if options.dialect is None else [options.dialect])
    done: set[str] = set()
    for block in sorted(found, key=lambda block: len(block.prefix)):
        inside = any(block.prefix == prefix or block.prefix.startswith(f"{prefix}.") for prefix in done)
        if inside or "" in done or not set(block.names.values()) <= set(work.left):
            continue
        done.add(block.prefix)
        if renames:
            _block(work, block.prefix, block.spec, dialects.get(block.dialect).rows(block.spec))
        else:
            _keep_names(work, block)
    if renames and not done:
        raise InputError(f"dialect {options.dialect}: none of its blocks is in the file; see nlblocks inspect")


def _source_rows(work: Conversion, spec: BlockSpec) -> dict[Param, tuple[str, Shape]]:
    if work.options.dialect is not None:
        return dialects.get(work.options.dialect).rows(spec)
    turn = work.source.linear_in_out
    return {
        param: (param.name, param.shape[::-1] if turn and param.layout == "linear" else param.shape)
        for param in spec.params()
    }


def _block(work: Conversion, prefix: str, spec: BlockSpec, rows: Mapping[Param, tuple[str, Shape]]) -> None:
    """Rename a block's tensors: foreign → canonical → the target's names and layout."""
    options, before = work.options, f"{prefix}." if prefix else work.options.prefix
    source = dialects.get(options.dialect) if options.dialect is not None else None
    target = dialects.get(options.to_dialect) if options.to_dialect is not None else None
    new = target.rows(spec) if target is not None else {param: (param.name, param.shape) for param in rows}
    problems = [
        f"{before + name} {'is missing' if before + name not in work.left else 'has another shape'}"
        for name, shape in rows.values()
        if before + name not in work.left or work.shapes[before + name] != shape
    ]
    shared = source.seconds(spec) if source is not None else {}
    again = target.seconds(spec) if target is not None else {}
    ignored = source.ignored if source is not None else ()
    mine = [name for name in work.left if name.startswith(before)]
    known_names = {before + name for name, _ in rows.values()}
    problems += [
        f"{before + second} is not equal to {before + first}, with which it is shared"
        for second, first in shared.items()
        if not _same(work.left.get(before + second), work.left.get(before + first))
    ]
    known_names |= {before + second for second in shared}
    problems += [f"{name} is unexpected" for name in mine if name not in known_names and not name.endswith(ignored)]
    if problems:
        raise InputError(f"{type(spec).__name__} at {prefix or 'the top'}: {'; '.join(problems[:20])}")
    for name in mine:
        if name not in known_names:
            work.take([name], "", "dropped: carries no weight", None)
    for second, first in shared.items():
        work.take([before + second], "", f"dropped: {before + first} again", None)
    for param, (name, found) in rows.items():
        tensor, linear = work.left[before + name], param.layout == "linear"
        target_name, shape = new[param]
        turn_in = source.turns(param, found) if source is not None else linear and work.source.linear_in_out
        turn_out = target.turns(param, shape) if target is not None else linear and work.target.linear_in_out
        if turn_out and target is None:
            shape = shape[::-1]
        changed = shaped(tensor, param.shape, turn_in, shape, turn_out)
        for called in (target_name, *(second for second, first in again.items() if first == target_name)):
            where = f"{prefix}.{called}" if prefix else called
            work.take([before + name], where, f"{type(spec).__name__}: {param.name}", changed)


def _same(one: Tensor | None, other: Tensor | None) -> bool:
    """Whether two tensors of a file are there, and have the same shape, dtype and bits."""
    if one is None or other is None:
        return False
    return (one.shape, one.dtype, one.tobytes()) == (other.shape, other.dtype, other.tobytes())


def _keep_names(work: Conversion, block: Recognised) -> None:
    """A recognised block without a dialect asked for: its spec says which tensors are linear; names stay.

    Those of the library's own blocks are the same in every framework, also of a BatchNorm; another's may be native.
    """
    for param in block.spec.params():
        name = block.names[param.name]
        if len(work.shapes[name]) != 2 and block.dialect != "nlblocks":
            continue
        if param.layout == "linear" and work.turns:
            work.take([name], name, f"{type(block.spec).__name__}: turned", turned(work.left[name]))
        else:
            work.take([name], name, f"{type(block.spec).__name__}: as it is", work.left[name])


def _substitution(rename: Sequence[tuple[str, str]]) -> Callable[[str], str]:
    """What a name becomes."""
    compiled = []
    for pattern, replacement in rename:
        try:
            compiled.append((re.compile(pattern), replacement))
        except re.error as error:
            raise InputError(f"rename {pattern!r} is not a regular expression: {error}") from None

    def renamed(name: str) -> str:
        for expression, replacement in compiled:
            try:
                name = expression.sub(replacement, name)
            except (re.error, IndexError) as error:
                raise InputError(f"rename {expression.pattern!r}: the replacement cannot be used: {error}") from None
        return name

    return renamed


def _renamed(rows: list[Row], rename: Callable[[str], str]) -> list[Row]:
    result, seen = [], dict[str, str]()
    for row in rows:
        if row.tensor is None:
            result.append(row)
            continue
        target, source = rename(row.target), row.sources[0] if row.sources else row.target
        if not target:
            raise InputError(
                f"{shown(source) or 'a tensor'} would have no name; --rename '^$=weight' would give it one"
            )
        if target in seen:
            raise InputError(
                f"{shown(seen[target])} and {shown(source)} would both be called {shown(target)}; rename one"
            )
        seen[target] = source
        result.append(replace(row, target=target))
    return result
