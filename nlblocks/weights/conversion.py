"""A conversion under way: what is read, what has been taken, what will be written and remembered."""

from __future__ import annotations

import itertools
from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from nlblocks.conventions import conventions_of
from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec, Shape
from nlblocks.weights.answers import KINDS, Answers, patterns_of
from nlblocks.weights.evidence import Evidence
from nlblocks.weights.files import Tensor
from nlblocks.weights.files.pickle_vm import shown
from nlblocks.weights.made import turned
from nlblocks.weights.meaning import Judged, meaning


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a conversion: the tensors read, the name written ("" where none is), what is done, the result."""

    sources: tuple[str, ...]
    target: str
    action: str
    tensor: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A conversion, before anything is written.

    ``record`` is what its reverse must know, ``spec`` the whole block, ``notes`` what a reader must know to use it.
    """

    rows: tuple[Row, ...]
    record: dict[str, Any] = field(default_factory=dict)
    spec: dict[str, Any] | None = None
    notes: tuple[str, ...] = ()

    @property
    def tensors(self) -> dict[str, Tensor]:
        return {row.target: row.tensor for row in self.rows if row.tensor is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to convert between two frameworks, each a backend that declares its conventions.

    ``answers`` are (pattern of names, kind): what names and shapes do not tell. ``dialect`` is the codebase that the
    file comes from: the blocks recognised in it get canonical names, or those of ``to_dialect``; with ``to_dialect``
    alone the blocks are in canonical names. ``spec`` says that the whole file is that block. ``rename`` holds (regular
    expression, replacement), applied to the names written.
    """

    source: str
    target: str
    answers: Sequence[tuple[str, str]] = ()
    rename: Sequence[tuple[str, str]] = ()
    dialect: str | None = None
    to_dialect: str | None = None
    spec: BlockSpec | None = None
    prefix: str = ""


class Conversion:
    """Takes the tensors group by group; what one step has taken the next no longer sees.

    ``source`` and ``target`` are the frameworks' conventions; ``turns`` says whether Linear weights are turned between
    them. ``record`` is what the conversion that made this file has left, ``new_record`` what this one leaves. Names in
    either are those of the modules of :data:`nlblocks.conventions.CANONICAL`. ``given`` is what the file calls tensors
    that have another name here.
    """

    def __init__(
        self, tensors: Mapping[str, Tensor], options: Options, record: Mapping[str, Any], given: Mapping[str, str]
    ) -> None:
        self.left = dict(tensors)
        self.order = {name: index for index, name in enumerate(tensors)}
        self.shapes = {name: tensor.shape for name, tensor in tensors.items()}
        self.options, self.record = options, record
        self.source, self.target = conventions_of(options.source), conventions_of(options.target)
        self.turns = self.source.linear_in_out != self.target.linear_in_out
        self.doubtful = self.source.attention.own_weights | self.target.attention.own_weights
        self.rows: list[tuple[int, Row]] = []  # each with its place in the source
        self.new_record: dict[str, Any] = {}
        self.modules_renamed: dict[str, str] = {}  # the start of names in the source → in the target
        self.modules_recorded: dict[str, str] = {}  # → in records
        self.asks: list[str] = []
        self.notes: list[str] = []
        self.doubts: dict[str, list[str]] = {}  # what is said of them → the tensors
        self.evidence = Evidence(self.shapes, self.source.linear_in_out, (self.source.batch_norm.mean,))
        self.answers = Answers(options.answers, self.modules, given)

    def in_order(self) -> list[Row]:
        """The rows in the order of the source, under the names of the target."""
        rows = (row for _, row in sorted(self.rows, key=lambda placed: placed[0]))
        return [replace(row, target=self.in_target(row.target)) for row in rows]

    def in_target(self, name: str) -> str:
        """A name, or the start of one, with the name that the target has for its module."""
        return with_start(name, self.modules_renamed)

    def in_record(self, name: str) -> str:
        """The same as records have it."""
        return with_start(name, self.modules_recorded)

    @cached_property
    def modules(self) -> dict[str, dict[str, Shape]]:
        """Module ("encoder.bn." or "") → its own tensors (leaf → shape)."""
        found: dict[str, dict[str, Shape]] = {}
        for name, shape in self.shapes.items():
            prefix, leaf = split(name)
            found.setdefault(prefix, {})[leaf] = shape
        return found

    @cached_property
    def weights(self) -> dict[str, Shape]:
        """Module ("encoder.fc") → the shape of its weight, of several axes."""
        return {
            prefix.removesuffix("."): own["weight"]
            for prefix, own in self.modules.items()
            if len(own.get("weight", ())) > 1
        }

    @cached_property
    def children(self) -> dict[str, set[str]]:
        """Module → the names of its modules and tensors."""
        found: dict[str, set[str]] = {}
        for name in self.shapes:
            before = ""
            for part in name.split("."):
                found.setdefault(before, set()).add(part)
                before += f"{part}."
        return found

    def take(self, names: Sequence[str], target: str, action: str, tensor: Tensor | None) -> None:
        for name in names:
            self.left.pop(name, None)
        self.add(names[0], Row(tuple(names), target, action, tensor))

    def add(self, place: str, row: Row) -> None:
        self.rows.append((self.order[place], row))

    def take_weight(self, name: str, target: str, action: str = "as it is", *, as_name: str | None = None) -> bool:
        """Take a tensor that is turned if it is a Linear's weight, and say whether; in doubt it is asked about.

        ``as_name`` is the name that tells its meaning, if not its own.
        """
        said = self._said(name, as_name or name).meaning
        if said == "linear":
            self.take_linear(name, target, action)
            return True
        if said == "unknown":
            self.asks.append(name)
        self.take([name], target, action, self.left[name])
        return False

    def take_linear(self, name: str, target: str, action: str = "as it is") -> None:
        """Take the weight of a Linear, turned where the target lays it out the other way."""
        tensor = self.left[name]
        if not self.turns:
            self.take([name], target, action, tensor)
            return
        if len(tensor.shape) != 2:
            raise InputError(f"{name} has shape {tensor.shape}; a Linear weight has two axes")
        what = "turned (Linear)" if action == "as it is" else f"{action}, turned (Linear)"
        self.take([name], target, what, turned(tensor))

    def _said(self, name: str, as_name: str) -> Judged:
        if not self.turns or not self.left[name].dtype.name.startswith(("float", "bfloat", "complex")):
            return Judged("plain")
        told = self.answer(as_name, name)
        if told:
            self.new_record.setdefault("said", {})[as_name] = told
            return Judged("linear" if told == "linear" else "plain")
        evidence = self.evidence
        if as_name not in self.shapes:
            evidence = Evidence(ChainMap({as_name: self.shapes[name]}, self.shapes), evidence.in_out, evidence.means)
        judged = meaning(as_name, evidence, self.doubtful)
        if judged.doubt and judged.meaning != "unknown":
            self.doubt(as_name, judged.doubt)
            kind = "linear" if judged.meaning == "linear" else "conv1d"
            self.new_record.setdefault("said", {})[as_name] = kind
        return judged

    def answer(self, *names: str) -> str:
        """The kind that the user, or the conversion that made this file, says of the first of ``names``; or ""."""
        noted = self.record.get("said")
        noted = noted if isinstance(noted, dict) else {}
        told = self.answers.of(*names)
        for name in names if not told else ():
            kind, (prefix, leaf) = noted.get(name), split(name)
            own = self.modules.get(prefix, {})
            if isinstance(kind, str) and kind in KINDS and (leaf not in own or KINDS[kind](leaf, own)):
                return kind
        return told

    def noted(self, key: str) -> set[str]:
        """The names that the record has under ``key``; a file can hold anything there."""
        found = self.record.get(key)
        return {name for name in found if isinstance(name, str)} if isinstance(found, list) else set()

    def remember(self, key: str, name: str) -> None:
        """Write a name under ``key`` into the new record."""
        self.new_record.setdefault(key, []).append(name)

    def note(self, names: Sequence[str], text: str) -> None:
        """Tell the reader ``text`` about ``names``, if there are any."""
        if names:
            more = f" and {len(names) - 5} more" if len(names) > 5 else ""
            self.notes.append(f"{', '.join(map(shown, names[:5]))}{more}: {text}")

    def doubt(self, name: str, text: str) -> None:
        """Tell the reader ``text`` of a tensor, {} in it standing for a pattern that names it."""
        self.doubts.setdefault(text, []).append(name)

    def _alike(self, names: Sequence[str]) -> list[str]:
        """The tensors of as many axes, of which a pattern may speak too."""
        axes = {len(self.shapes[name]) for name in names if name in self.shapes}
        return [name for name, shape in self.shapes.items() if len(shape) in axes]

    def ask(self) -> None:
        """Note the doubts; raise InputError where a tensor's meaning is unknown."""
        for text, names in self.doubts.items():
            patterns = patterns_of(names, self._alike(names))
            self.note(names, text.replace("'{}=", "'{0}=").format(patterns[0]) + _also(patterns))
        if not self.asks:
            return
        linear = {name for _, row in self.rows if "turned" in row.action for name in row.sources}
        patterns = patterns_of(self.asks, [name for name in self._alike(self.asks) if name not in linear])
        shown_ = [f"{shown(name)} {self.shapes[name]}" for name in self.asks[:10]]
        more = f" and {len(self.asks) - 10} more" if len(self.asks) > 10 else ""
        lying = set(self.evidence.lying.values())
        against = f"; biases speak against the layout of {self.options.source}: is --from right?"
        out_in, in_out = sorted((self.source, self.target), key=lambda framework: framework.linear_in_out)
        raise InputError(
            f"neither name nor neighbours say what these are: {', '.join(shown_)}{more}; {out_in.title} and "
            f"{in_out.title} hold Linear weights turned against each other: say --as '{shown(patterns[0])}=linear', or "
            f"=embedding, =conv1d ([in, out] in both) or =parameter{_also(patterns)}"
            f"{against if (not self.source.linear_in_out) in lying else ''}"
        )


def _also(patterns: Sequence[str]) -> str:
    """The patterns after the first, which needs no telling."""
    more = f" and {len(patterns) - 5} more" if len(patterns) > 5 else ""
    return f"; the same for {', '.join(map(shown, patterns[1:5]))}{more}" if len(patterns) > 1 else ""


def with_start(name: str, starts: Mapping[str, str]) -> str:
    """A name whose start ("layers.0.cross_attn.") may have another in ``starts``."""
    for old in itertools.accumulate(f"{part}." for part in name.split(".")) if starts else ():
        if old in starts and name.startswith(old):
            return starts[old] + name.removeprefix(old)
    return name


def renamed_record(record: Mapping[str, Any], rename: Callable[[str], str]) -> dict[str, Any]:
    """A record that speaks of other names; a file can hold anything there."""
    result: dict[str, Any] = {}
    for key, found in record.items():
        if isinstance(found, list):
            found = [rename(name) if isinstance(name, str) else name for name in found]
        elif isinstance(found, dict):
            found = {rename(name): value for name, value in found.items()}
        result[key] = found
    return result


def split(name: str) -> tuple[str, str]:
    """("encoder.bn.", "weight")"""
    prefix, dot, leaf = name.rpartition(".")
    return prefix + dot, leaf
