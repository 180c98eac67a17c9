"""Specs from the command line: ``--kind non_local --in-channels 64 --norm none``, or a JSON file."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, get_origin, get_type_hints

import click
from click.core import ParameterSource

from nlblocks.conventions import frameworks
from nlblocks.errors import InputError, meant, nearest
from nlblocks.specs.base import (
    BlockSpec,
    block_types,
    is_text,
    kinds,
    kinds_that_fit,
    spec_from_dict,
    spec_type,
)
from nlblocks.specs.inputs import Each, joined
from nlblocks.specs.reading import from_json, spec_in_file
from nlblocks.weights.files.atomic import check_file, check_folder, same_file


class OutputFile(click.Path):
    """A file to write. What is in its way is said before anything is done, in the words that the library has for it."""

    def __init__(self, *endings: str) -> None:
        super().__init__(path_type=Path)
        self.endings = endings

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = Path(str(super().convert(value, param, ctx)))
        try:
            self.check(path)
        except InputError as error:
            option = f"{param.opts[0]} " if isinstance(param, click.Option) else ""
            raise InputError(f"{option}{error}") from None
        return path

    def check(self, path: Path) -> None:
        """Raise InputError for a file that could not be written."""
        check_file(path, *self.endings)


class OutputFolder(OutputFile):
    """A folder to write into, likewise; it need not be there."""

    def check(self, path: Path) -> None:
        """Raise InputError for a folder that could not be made or written to."""
        check_folder(path)


def refuse_overwriting(out: Path, *read: str | Path) -> None:
    """Refuse to write what is read over itself: the same file by another path, or a link to it, is the same file."""
    for source in read:
        if same_file(out, Path(source)):
            which = "the source" if str(out) == str(source) else f"the source {source} by another name"
            raise InputError(f"{out} is {which}; write to another file")
        if out.exists() and Path(source).is_dir() and Path(source).resolve() in out.resolve().parents:
            raise InputError(f"{out} lies in the source {source}; write to another file")


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
    _refuse_misspelt_options(kind, [name for name in texts if name not in types], types)
    values = {name: value_of(text, types.get(name)) for name, text in texts.items()}
    spec: BlockSpec = spec_from_dict({"kind": kind, **values})
    return spec


def refuse_fields(ctx: click.Context) -> None:
    """What is left of the command line, where no kind is given whose fields these could be."""
    for word in ctx.args[:1]:
        kind = nearest(word, (*block_types(), *kinds()))
        plain = f"; did you mean --kind {kind}?" if kind and any(p.name == "kind" for p in ctx.command.params) else ""
        hint = meant(word, _options(ctx)) if word.startswith("-") else plain
        raise InputError(
            f"unknown option {' '.join(ctx.args)!r}: it is no option of {ctx.command.name}; fields of a spec need "
            f"--kind before them{hint}"
        )


def _refuse_misspelt_options(kind: str, unknown: Sequence[str], fields: Collection[str]) -> None:
    """Among a kind's fields an option of the command that is misspelt is no field, and is not said to be one."""
    for name in unknown:
        option = option_meant(name)
        if option and not nearest(name, fields):
            raise InputError(f"--{name} is no field of {kind} and no option; did you mean {option}?")


def option_meant(name: str) -> str:
    """The option of the command that runs which may be meant by the name of a field that there is not; else ""."""
    ctx = click.get_current_context(silent=True)
    return "" if ctx is None else nearest(name, _options(ctx))


def _options(ctx: click.Context) -> list[str]:
    """The options of a command, as they are typed."""
    return [name for param in ctx.command.params if isinstance(param, click.Option) for name in param.opts]


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


def shapes_from_text(texts: Sequence[str]) -> Each | None:
    """What ``--input`` says, once for each input of a block; None where it is not given."""
    return joined(map(shape_from_text, texts)) if texts else None


def refuse_options(ctx: click.Context, why: str, *names: str) -> None:
    """Options that would have no effect are refused."""
    for name in names:
        if ctx.get_parameter_source(name) == ParameterSource.COMMANDLINE:
            option = next(p.opts[0] for p in ctx.command.params if p.name == name)
            raise InputError(f"{option} has no effect here: {why}; leave it out")


def value_of(text: str, annotation: Any) -> Any:
    """A field's value as typed: text where the field is text, else JSON, "none", or the kind of a part.

    A part has its defaults (``--norm batch_norm``); numbers of a list need no brackets (``--mean 0.5,0.4,0.5``), and
    the pairs of one may be in round ones, as errors write them (``--partitions "(2,3),(3,2)"``).
    """
    if is_text(annotation):
        return text
    if text == "none":
        return None
    typed = [text]
    if get_origin(annotation) is tuple:
        squared = re.sub(r",\s*\]", "]", text.replace("(", "[").replace(")", "]"))
        typed = [squared] * squared.startswith("[") + [f"[{squared}]"]
    for written in typed:
        with suppress(json.JSONDecodeError):
            return from_json(written)
    return {"kind": text} if nearest(text, kinds_that_fit(annotation)) else text  # which says what it may be
