"""Specs from the command line: ``--kind non_local --in-channels 64 --norm none``, or a JSON file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_origin, get_type_hints

import click
from click.core import ParameterSource

from nlblocks.conventions import frameworks
from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec, is_text, kinds_that_fit, spec_from_dict, spec_type
from nlblocks.specs.reading import from_json, spec_in_file


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


def fields_among(arguments: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """The plain words of a command line, and what its ``--field value`` and ``--field=value`` pairs give."""
    words: list[str] = []
    fields: dict[str, str] = {}
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            words.append(word)
            continue
        name, equals, value = word[2:].partition("=")
        if not equals:
            if not rest:
                raise InputError(f"--{name} has no value; write --{name} VALUE")
            value = rest.pop(0)
        field = name.replace("-", "_")
        if field in fields:
            raise InputError(f"--{name} is given twice; give it once")
        fields[field] = value
    return words, fields


def spec_from_options(kind: str, arguments: Sequence[str]) -> BlockSpec:
    """The spec of a kind from ``--field value`` or ``--field=value`` pairs, read as :func:`value_of` says."""
    words, texts = fields_among(arguments)
    if words:
        raise InputError(f"expected a field such as --in-channels 64, received {words[0]!r}")
    types = get_type_hints(spec_type(kind))
    values = {name: value_of(text, types.get(name)) for name, text in texts.items()}
    spec: BlockSpec = spec_from_dict({"kind": kind, **values})
    return spec


def spec_from_file(path: Path) -> BlockSpec:
    """The block spec in a JSON file."""
    spec: BlockSpec = spec_in_file(path, BlockSpec)
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


def value_of(text: str, annotation: Any) -> Any:
    """A field's value as typed: text where the field is text, else JSON, "none", or the kind of a part.

    A part has its defaults (``--norm batch_norm``); numbers of a list need no brackets (``--mean 0.5,0.4,0.5``).
    """
    if is_text(annotation):
        return text
    if text == "none":
        return None
    listed = get_origin(annotation) is tuple and not text.startswith("[")
    try:
        return from_json(f"[{text}]" if listed else text)
    except json.JSONDecodeError:
        return {"kind": text} if text in kinds_that_fit(annotation) else text
