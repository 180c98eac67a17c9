"""Convert a whole checkpoint between torch and Paddle by the meaning of its layers, a tensor at a time."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from nlblocks.errors import InputError, known
from nlblocks.specs.base import BlockSpec, Param, Shape
from nlblocks.weights import dialects
from nlblocks.weights.files import Tensor, in_memory
from nlblocks.weights.files.dtypes import DTYPES
from nlblocks.weights.made import joined, shaped, third, turned
from nlblocks.weights.meaning import RENAMED, Layout, meaning
from nlblocks.weights.recognise import Recognised, recognise


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a conversion: the tensors read, the name written ("" where none is), what is done, the result."""

    sources: tuple[str, ...]
    target: str
    action: str
    tensor: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A conversion, before anything is written. ``record`` is what its reverse must know, ``spec`` the whole block."""

    rows: tuple[Row, ...]
    record: dict[str, Any] = field(default_factory=dict)
    spec: dict[str, Any] | None = None

    @property
    def tensors(self) -> dict[str, Tensor]:
        return {row.target: row.tensor for row in self.rows if row.tensor is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to convert.

    ``linear`` and ``plain`` are name patterns (``blocks.*.w``) that say what the names do not. ``dialect`` is the
    codebase that the file comes from: the blocks recognised in it get canonical names, or those of ``to_dialect``;
    with ``to_dialect`` alone the blocks are in canonical names. ``spec`` says that the whole file is that block.
    ``rename`` holds (regular expression, replacement), applied to the names written.
    """

    source: Layout
    target: Layout
    linear: Sequence[str] = ()
    plain: Sequence[str] = ()
    rename: Sequence[tuple[str, str]] = ()
    dialect: str | None = None
    to_dialect: str | None = None
    spec: BlockSpec | None = None
    prefix: str = ""


def plan(tensors: Mapping[str, Tensor], options: Options, record: Mapping[str, Any] | None = None) -> Plan:
    """What a conversion of ``tensors`` will do; an InputError asks where the meaning of a tensor is unknown."""
    converter = _Converter(tensors, options, record or {})
    converter.blocks()
    if options.source != options.target:
        converter.attention()
        converter.recurrent()
        converter.batch_norms()
        converter.renamed_weights()
    converter.others()
    rows = _renamed(converter.in_order(), options.rename)
    whole = options.spec.to_dict() if options.spec is not None and options.to_dialect is None else None
    return Plan(tuple(rows), converter.new_record, whole)


class _Converter:
    """Takes the tensors group by group; what one step has taken the next no longer sees."""

    def __init__(self, tensors: Mapping[str, Tensor], options: Options, record: Mapping[str, Any]) -> None:
        self.left = dict(tensors)
        self.order = {name: index for index, name in enumerate(tensors)}
        self.shapes = {name: tensor.shape for name, tensor in tensors.items()}
        self.options, self.record = options, record
        self.rows: list[tuple[int, Row]] = []  # each with its place in the source
        self.new_record: dict[str, Any] = {}

    def in_order(self) -> list[Row]:
        return [row for _, row in sorted(self.rows, key=lambda placed: placed[0])]

    def take(self, names: Sequence[str], target: str, action: str, tensor: Tensor | None) -> None:
        for name in names:
            self.left.pop(name, None)
        self.add(names[0], Row(tuple(names), target, action, tensor))

    def add(self, place: str, row: Row) -> None:
        self.rows.append((self.order[place], row))

    # Blocks of the library, by their dialect's tables

    def blocks(self) -> None:
        options = self.options
        renames = options.dialect is not None or options.to_dialect is not None
        if options.spec is not None:
            self._block("", options.spec, self._source_rows(options.spec))
            return
        if options.to_dialect is not None and options.dialect is None:
            raise InputError("to_dialect without a dialect needs the spec of the whole file; give its kind and options")
        if not renames and options.source == options.target:
            return
        in_out = options.source == "paddle"
        natives = [name for name in dialects.names() if dialects.get(name).linear_in_out == in_out]
        found = recognise(self.shapes, natives if options.dialect is None else [options.dialect])
        done: set[str] = set()
        for block in sorted(found, key=lambda block: len(block.prefix)):
            inside = any(block.prefix == prefix or block.prefix.startswith(f"{prefix}.") for prefix in done)
            if inside or "" in done or not set(block.names.values()) <= set(self.left):
                continue
            if renames:
                done.add(block.prefix)
                self._block(block.prefix, block.spec, dialects.get(block.dialect).rows(block.spec))
            else:
                done.add(block.prefix)
                self._keep_names(block)
        if renames and not done:
            raise InputError(f"dialect {options.dialect}: none of its blocks is in the file; see nlblocks inspect")

    def _source_rows(self, spec: BlockSpec) -> dict[Param, tuple[str, Shape]]:
        if self.options.dialect is not None:
            return dialects.get(self.options.dialect).rows(spec)
        turn = self.options.source == "paddle"
        return {
            param: (param.name, param.shape[::-1] if turn and param.layout == "linear" else param.shape)
            for param in spec.params()
        }

    def _block(self, prefix: str, spec: BlockSpec, rows: Mapping[Param, tuple[str, Shape]]) -> None:
        """Rename a block's tensors: foreign → canonical → the target's names and layout."""
        options, before = self.options, f"{prefix}." if prefix else self.options.prefix
        source = dialects.get(options.dialect) if options.dialect is not None else None
        target = dialects.get(options.to_dialect) if options.to_dialect is not None else None
        new = target.rows(spec) if target is not None else {param: (param.name, param.shape) for param in rows}
        problems = [
            f"{before + name} {'is missing' if before + name not in self.left else 'has another shape'}"
            for name, shape in rows.values()
            if before + name not in self.left or self.shapes[before + name] != shape
        ]
        ignored = source.ignored if source is not None else ()
        mine = [name for name in self.left if name.startswith(before)]
        known_names = {before + name for name, _ in rows.values()}
        problems += [f"{name} is unexpected" for name in mine if name not in known_names and not name.endswith(ignored)]
        if problems:
            raise InputError(f"{type(spec).__name__} at {prefix or 'the top'}: {'; '.join(problems[:20])}")
        for name in mine:
            if name not in known_names:
                self.take([name], "", "dropped: carries no weight", None)
        for param, (name, found) in rows.items():
            tensor, linear = self.left[before + name], param.layout == "linear"
            target_name, shape = new[param]
            turn_in = source.turns(param, found) if source is not None else linear and options.source == "paddle"
            turn_out = target.turns(param, shape) if target is not None else linear and options.target == "paddle"
            if turn_out and target is None:
                shape = shape[::-1]
            changed = shaped(tensor, param.shape, turn_in, shape, turn_out)
            where = f"{prefix}.{target_name}" if prefix else target_name
            self.take([before + name], where, f"{type(spec).__name__}: {param.name}", changed)

    def _keep_names(self, block: Recognised) -> None:
        """A recognised block without a dialect asked for: its spec says which tensors are linear; names stay."""
        for param in block.spec.params():
            name = block.names[param.name]
            if len(self.shapes[name]) != 2:
                continue
            if param.layout == "linear":
                self.take([name], name, f"{type(block.spec).__name__}: turned", turned(self.left[name]))
            else:
                self.take([name], name, f"{type(block.spec).__name__}: as it is", self.left[name])

    # Layers whose tensors the frameworks cut differently

    def attention(self) -> None:
        """MultiheadAttention: torch's in_proj_weight is Paddle's q_proj, k_proj and v_proj, each turned."""
        if self.options.source == "torch":
            separate = [
                name.removesuffix("q_proj.weight")
                for name in self.left
                if name.split(".")[-2:] == ["q_proj", "weight"]
                and self._is_attention(name.removesuffix("q_proj.weight"))
            ]
            if separate:
                self.new_record["separate_attention"] = separate
            for name in list(self.left):
                prefix, leaf = _split(name)
                if leaf in ("in_proj_weight", "q_proj_weight"):
                    self._split_attention(prefix, leaf)
        else:
            kept = self._noted("separate_attention")
            for name in list(self.left):
                prefix = name.removesuffix("q_proj.weight")
                if prefix != name and prefix not in kept and self._is_attention(prefix):
                    self._fuse_attention(prefix)

    def _is_attention(self, prefix: str) -> bool:
        """Whether a module has the four projections of MultiHeadAttention, and nothing else."""
        leaves = (
            {name.removeprefix(prefix) for name in self.left if name.startswith(prefix)} if prefix else set(self.left)
        )
        projections = {f"{part}_proj.weight" for part in ("q", "k", "v", "out")}
        biases = {f"{part}_proj.bias" for part in ("q", "k", "v", "out")}
        matrices = all(len(self.shapes[prefix + name]) == 2 for name in projections & leaves)
        return matrices and leaves in (projections, projections | biases)

    def _split_attention(self, prefix: str, leaf: str) -> None:
        if any(prefix + name in self.left for name in ("bias_k", "bias_v")):
            raise InputError(f"{prefix}bias_k: MultiheadAttention with add_bias_kv has no counterpart in Paddle")
        if len(self.shapes[prefix + leaf]) != 2:
            raise InputError(f"{prefix + leaf} has shape {self.shapes[prefix + leaf]}; a projection has two axes")
        if leaf == "in_proj_weight":
            whole = self.left[prefix + leaf]
            parts = [turned(third(whole, index)) for index in range(3)]
            for part, tensor in zip("qkv", parts, strict=True):
                self.take([prefix + leaf], f"{prefix}{part}_proj.weight", "cut out of in_proj and turned", tensor)
        else:
            for part in "qkv":
                name = f"{prefix}{part}_proj_weight"
                if name not in self.left:
                    raise InputError(f"{name} is missing beside {prefix + leaf}")
                self.take([name], f"{prefix}{part}_proj.weight", "renamed and turned", turned(self.left[name]))
        bias = prefix + "in_proj_bias"
        if bias in self.left:
            whole = self.left[bias]
            for index, part in enumerate("qkv"):
                self.take([bias], f"{prefix}{part}_proj.bias", "cut out of in_proj", third(whole, index))
        self._out_projection(prefix)

    def _fuse_attention(self, prefix: str) -> None:
        names = [f"{prefix}{part}_proj.weight" for part in "qkv"]
        parts = [turned(self.left[name]) for name in names]
        if len({part.shape for part in parts}) == 1 and parts[0].shape[0] == parts[0].shape[1]:
            self.take(names, f"{prefix}in_proj_weight", "turned and joined", joined(parts))
        else:
            for part, name, tensor in zip("qkv", names, parts, strict=True):
                self.take([name], f"{prefix}{part}_proj_weight", "renamed and turned", tensor)
        biases = [f"{prefix}{part}_proj.bias" for part in "qkv"]
        if biases[0] in self.left:
            self.take(biases, f"{prefix}in_proj_bias", "joined", joined([self.left[name] for name in biases]))
        self._out_projection(prefix)

    def _out_projection(self, prefix: str) -> None:
        name = f"{prefix}out_proj.weight"
        if name in self.left:
            self.take([name], name, "turned (Linear)", turned(self.left[name]))

    def recurrent(self) -> None:
        """LSTM, GRU, RNN: the same tensors; Paddle's state dict lists each a second time, under its cell."""
        pattern = re.compile(r"(weight|bias)_(ih|hh)_l(\d+)(_reverse)?")
        for name in list(self.left):
            prefix, leaf = _split(name)
            match = pattern.fullmatch(leaf)
            if match is None:
                continue
            kind, gate, layer, reverse = match.groups()
            two = f"{prefix}{kind}_{gate}_l{layer}_reverse" in self.shapes
            cell = f"cell_{'bw' if reverse else 'fw'}" if two else "cell"
            twin = f"{prefix}{layer}.{cell}.{kind}_{gate}"
            tensor = self.left[name]
            self.take([name], name, "as it is", tensor)
            if self.options.source == "torch":
                self.add(name, Row((name,), twin, "as Paddle lists it again", tensor))
            elif twin in self.left:
                if self.left[twin].tobytes() != tensor.tobytes():
                    raise InputError(f"{twin} differs from {name}, of which it is the second listing; torch has one")
                self.take([twin], "", f"dropped: {name} again", None)

    def batch_norms(self) -> None:
        """running_mean, running_var ↔ _mean, _variance; torch's num_batches_tracked is kept in the record."""
        names = {"running_mean": "_mean", "running_var": "_variance"}
        if self.options.source == "paddle":
            names = {new: old for old, new in names.items()}
        mean, variance = names
        counts: dict[str, int] = {}
        noted = self.record.get("num_batches_tracked")
        noted = noted if isinstance(noted, dict) else {}
        for name in list(self.left):
            prefix, leaf = _split(name)
            if leaf != mean or self.shapes.get(prefix + variance) != self.shapes[name]:
                continue
            for old, new in names.items():
                self.take([prefix + old], prefix + new, "renamed", self.left[prefix + old])
            count = prefix + "num_batches_tracked"
            if count in self.left and self.shapes[count] == () and self.left[count].dtype.name == "int64":
                counts[count] = int(self.left[count].raw())
                self.take([count], "", "kept in the record", None)
            elif type(number := noted.get(count)) is int and abs(number) < 1 << 63:
                made = in_memory(np.array(number, np.int64), DTYPES["int64"])
                self.add(prefix + variance, Row((), count, "from the record", made))
        if counts:
            self.new_record["num_batches_tracked"] = counts

    def renamed_weights(self) -> None:
        """InstanceNorm's scale and PReLU's _weight in Paddle; the record says where a reverse could not tell."""
        modules: dict[str, dict[str, Shape]] = {}
        for name, shape in self.shapes.items():
            prefix, leaf = _split(name)
            modules.setdefault(prefix, {})[leaf] = shape
        always, never = self._noted("renamed_weights"), self._noted("kept_weights")
        notes: dict[str, list[str]] = {"renamed_weights": [], "kept_weights": []}
        for layer, (prefix, own) in itertools.product(RENAMED, modules.items()):
            leaf, other = ("weight", layer.paddle) if self.options.source == "torch" else (layer.paddle, "weight")
            told = layer.told(prefix)
            if layer.fits(leaf, own) and prefix + leaf in self.left:
                if prefix in always or (prefix not in never and (told or leaf != "weight")):
                    self.take([prefix + leaf], prefix + other, f"renamed ({layer.layer})", self.left[prefix + leaf])
                    if other == "weight" and not told:
                        notes["renamed_weights"].append(prefix)
            elif layer.fits(other, own) and (told or other != "weight"):
                notes["kept_weights"].append(prefix)
        self.new_record.update({key: prefixes for key, prefixes in notes.items() if prefixes})

    def _noted(self, key: str) -> set[str]:
        """The names that the record has under ``key``; a file can hold anything there."""
        found = self.record.get(key)
        return {name for name in found if isinstance(name, str)} if isinstance(found, list) else set()

    def others(self) -> None:
        """Every tensor that is left: Linear weights are turned, the rest is as it is, doubt is an error that asks."""
        options, asks = self.options, []
        for name in list(self.left):
            tensor = self.left[name]
            said = meaning(name, self.shapes, options.source)
            if any(fnmatchcase(name, pattern) for pattern in options.linear):
                said = "linear"
            elif any(fnmatchcase(name, pattern) for pattern in options.plain):
                said = "plain"
            if options.source == options.target or said == "plain":
                self.take([name], name, "as it is", tensor)
            elif said == "linear":
                if len(tensor.shape) != 2:
                    raise InputError(f"{name} has shape {tensor.shape}; a Linear weight has two axes")
                self.take([name], name, "turned (Linear)", turned(tensor))
            else:
                asks.append(f"{name} {tensor.shape}")
        if asks:
            more = f" and {len(asks) - 10} more" if len(asks) > 10 else ""
            raise InputError(
                f"neither name nor neighbours say what these are: {', '.join(asks[:10])}{more}; torch and Paddle hold "
                "Linear weights turned against each other: say --linear NAME for those, --plain NAME for the rest"
            )


def _split(name: str) -> tuple[str, str]:
    """("encoder.bn.", "weight")"""
    prefix, dot, leaf = name.rpartition(".")
    return prefix + dot, leaf


def _renamed(rows: list[Row], rename: Sequence[tuple[str, str]]) -> list[Row]:
    compiled: list[tuple[Callable[[str], str], str]] = []
    for pattern, replacement in rename:
        try:
            expression = re.compile(pattern)
            compiled.append((lambda name, e=expression, r=replacement: e.sub(r, name), pattern))  # type: ignore[misc]
        except re.error as error:
            raise InputError(f"rename {pattern!r} is not a regular expression: {error}") from None
    result, seen = [], set()
    for row in rows:
        target = row.target
        for function, pattern in compiled if row.tensor is not None else ():
            try:
                target = function(target)
            except (re.error, IndexError) as error:
                raise InputError(f"rename {pattern!r}: the replacement cannot be used: {error}") from None
        if row.tensor is not None:
            if not target or target in seen:
                raise InputError(f"two tensors would be called {target!r}; rename one (known: {known(row.sources)})")
            seen.add(target)
        result.append(replace(row, target=target))
    return result
