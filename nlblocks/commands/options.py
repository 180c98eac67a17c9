"""Specs from the command line: ``--kind non_local --in-channels 64 --norm none``, or a JSON file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_type_hints

import click
from click.core import ParameterSource

from nlblocks.conventions import frameworks
from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec, part_kinds, spec_from_dict, spec_type


class Framework(click.ParamType):  # type: ignore[type-arg]  # not generic in older versions of click
    """The name of a framework that has files, or one of ``others``; the registry is asked when the option is used."""

    name = "framework"

    def __init__(self, *others: str) -> None:
        self.others = others

    @property
    def choice(self) -> click.Choice[str]:
        return click.Choice([*frameworks(), *self.others])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return self.choice.convert(value, param, ctx)

    def get_metavar(self, *arguments: Any, **named: Any) -> str | None:  # click 8.2 added one
        return self.choice.get_metavar(*arguments, **named)


def spec_from_options(kind: str, arguments: Sequence[str]) -> BlockSpec:
    """The spec of a kind from ``--field value`` or ``--field=value`` pairs.

    A value is JSON, plain text, "none", or the kind of a part at its defaults (``--norm batch_norm``).
    """
    options: dict[str, Any] = {}
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            raise InputError(f"expected a field such as --in-channels 64, received {word!r}")
        name, equals, value = word[2:].partition("=")
        if not equals:
            if not rest:
                raise InputError(f"--{name} has no value; write --{name} VALUE")
            value = rest.pop(0)
        field = name.replace("-", "_")
        if field in options:
            raise InputError(f"--{name} is given twice; give it once")
        options[field] = value
    types = get_type_hints(spec_type(kind))
    values = {name: _value(text, types.get(name)) for name, text in options.items()}
    spec: BlockSpec = spec_from_dict({"kind": kind, **values})
    return spec


def spec_from_file(path: Path) -> BlockSpec:
    """The block spec in a JSON file."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_unique)
    except (OSError, ValueError, RecursionError) as error:  # ValueError: not text, not JSON, an absurd number
        raise InputError(f"{path} is not a spec in JSON: {error}") from None
    spec = spec_from_dict(data)
    if not isinstance(spec, BlockSpec):
        raise InputError(f"{path} holds a {spec.kind}, which is a part of a block; give a block")
    return spec


def shape_from_text(text: str) -> tuple[int, ...]:
    """A shape such as ``2,64,14,14``."""
    try:
        shape = tuple(int(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"shape {text!r} must be whole numbers such as 2,64,14,14") from None
    if any(extent < 0 for extent in shape):
        raise InputError(f"shape {text!r} has a negative extent")
    return shape


def refuse_options(ctx: click.Context, why: str, *names: str) -> None:
    """Options that would have no effect are refused."""
    for name in names:
        if ctx.get_parameter_source(name) == ParameterSource.COMMANDLINE:
            option = next(p.opts[0] for p in ctx.command.params if p.name == name)
            raise InputError(f"{option} has no effect here: {why}; leave it out")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object, refused where it gives a field twice: json would keep the last without a word."""
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(name for i, (name, _) in enumerate(pairs) if name in [other for other, _ in pairs[:i]])
        raise InputError(f"{twice!r} is given twice; give it once")
    return found


def _value(text: str, expected: Any) -> Any:
    """A field's value as typed: text where the field is text, else JSON, "none", or the kind of a part."""
    if expected is str:
        return text
    if text == "none":
        return None
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError:
        return {"kind": text} if text in part_kinds() else text
