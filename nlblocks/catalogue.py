"""The catalogue as people read it: what there is to know of a kind, from the code itself, with no framework loaded."""

from __future__ import annotations

import importlib.util
import inspect
import re
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

from nlblocks.backend import rows
from nlblocks.specs.base import BlockSpec, Param, Shape, Spec, describe, kinds, spec_type
from nlblocks.specs.catalogue import EXAMPLES
from nlblocks.specs.inputs import Each, joined, shape_text, split
from nlblocks.weights import dialects


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a spec."""

    name: str
    default: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One kind of block. ``params``, ``macs`` and the shapes are those of ``example``."""

    kind: str
    name: str
    summary: str
    text: str
    cites: str
    fields: tuple[Field, ...]
    example: BlockSpec
    input_shape: Each
    output_shape: Shape
    attention_shapes: dict[str, Shape]
    params: tuple[Param, ...]
    macs: int
    backends: tuple[str, ...]
    dialects: tuple[str, ...]

    @property
    def weights(self) -> int:
        """How many trainable numbers the example holds."""
        return sum(_size(param.shape) for param in self.params if param.trainable)


def entry(kind: str, spec: BlockSpec | None = None, shape: Each | None = None) -> Entry:
    """All that is known of a kind; ``spec`` and ``shape`` default to its first example."""
    cls = spec_type(kind)
    kind = cls.kind
    spec = spec or next(example for example in EXAMPLES if example.kind == kind)
    shape = joined(split(spec, shape or spec.example_shape()))
    text = _plain(inspect.getdoc(cls) or "")
    return Entry(
        kind=kind,
        name=cls.__name__,
        summary=text.partition("\n\n")[0].replace("\n", " "),
        text=text,
        cites=cls.cites,
        fields=field_list(cls),
        example=spec,
        input_shape=shape,
        output_shape=spec.output_shape(shape),
        attention_shapes=spec.attention_shapes(shape),
        params=spec.params(),
        macs=spec.macs(shape),
        backends=tuple(name for name, row in rows().items() if file_of(row.module, cls)),
        dialects=tuple(name for name in dialects.names() if cls in dialects.get(name).tables),
    )


def field_list(cls: type[Spec]) -> tuple[Field, ...]:
    """The fields of a spec with defaults and meanings; a meaning is the text in the field's ``Annotated`` type."""
    hints = get_type_hints(cls, include_extras=True)
    found = []
    for item in fields(cls):
        notes = getattr(hints[item.name], "__metadata__", ())
        found.append(Field(item.name, _default(item), notes[0] if notes else ""))
    return tuple(found)


def file_of(package: str, cls: type[BlockSpec]) -> Path | None:
    """A backend's file that mirrors the spec's, found without importing the backend; None where there is none."""
    found = importlib.util.find_spec(package)
    folders = found.submodule_search_locations if found is not None else None
    name = cls.__module__.rpartition(".")[2]
    return next((file for folder in folders or () if (file := Path(folder) / f"{name}.py").is_file()), None)


def markdown() -> str:
    """The whole catalogue as a page."""
    entries = [entry(kind) for kind in kinds()]
    lines = [
        "# The catalogue",
        "",
        "Made from the code by `make docs`; a test fails when this page is stale.",
        "",
        "| block | what | backends | dialects |",
        "|---|---|---|---|",
        *(
            _row(f"[{e.name}](#{e.name.lower()})", e.summary, ", ".join(e.backends), ", ".join(e.dialects))
            for e in entries
        ),
    ]
    for e in entries:
        lines += ["", f"## {e.name}", "", f"`kind: {e.kind}`. Source: {e.cites}", ""]
        lines += [f"![How the tensors of the example below flow](drawings/{e.kind}.svg)", ""]
        lines += ["```text", e.text, "```", ""]
        lines += ["| field | default | meaning |", "|---|---|---|"]
        lines += [_row(f"`{f.name}`", f"`{f.default}`", f.meaning) for f in e.fields]
        lines += [
            "",
            f"Example: `{describe(e.example)}`, input {shape_text(e.input_shape)}, output {list(e.output_shape)}",
        ]
        maps = "; ".join(f"`{name}` {list(shape)}" for name, shape in e.attention_shapes.items())
        lines[-1] += f", maps {maps}." if maps else "."
        lines += [f"{e.weights:,} weights, {e.macs:,} multiply-accumulates.", ""]
        lines += ["| parameter | shape | trainable |", "|---|---|---|"]
        lines += [_row(f"`{p.name}`", str(list(p.shape)), "yes" if p.trainable else "no") for p in e.params]
    return "\n".join(lines) + "\n"


def dialect_rows() -> list[tuple[str, str, str, str, str]]:
    """(dialect, codebase, class, the class's options, the dialect's specs) of every class that is covered."""
    found = []
    for name in dialects.names():
        dialect = dialects.get(name)
        specs = ", ".join(cls.__name__ for cls in dialect.tables)
        for cls, function in dialect.classes.items():
            found.append((name, dialect.source, cls, ", ".join(inspect.signature(function).parameters), specs))
    return found


def dialects_markdown() -> str:
    """Which public classes are understood, as a page."""
    lines = [
        "# Dialects",
        "",
        "Made from the code by `make docs`; a test fails when this page is stale. A class or an option that is",
        "not listed is refused by name. `nlblocks convert` and `nlblocks.dialects.get(name)` use these.",
        "",
        "| dialect | codebase | class | options | the dialect's specs |",
        "|---|---|---|---|---|",
        *(
            _row(f"`{name}`", source, f"`{cls}`", options, specs)
            for name, source, cls, options, specs in dialect_rows()
        ),
    ]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """A docstring without its markup: ``x`` and :class:`x` become x, and a table's columns stay where they are."""
    text = re.sub(r"``([^`]+)``(?=  )", r"\1    ", text)
    return re.sub(r":class:`[^`]*?(\w+)`", r"\1", text).replace("``", "")


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(item: Any) -> str:
    if item.default is not MISSING:
        return repr(item.default)
    if item.default_factory is not MISSING:
        value = item.default_factory()
        return describe(value) if isinstance(value, Spec) else repr(value)
    return "required"


def _size(shape: Shape) -> int:
    size = 1
    for extent in shape:
        size *= extent
    return size


if __name__ == "__main__":
    docs = Path(__file__).parents[1] / "docs"
    (docs / "catalogue.md").write_text(markdown(), encoding="utf-8")
    (docs / "dialects.md").write_text(dialects_markdown(), encoding="utf-8")
