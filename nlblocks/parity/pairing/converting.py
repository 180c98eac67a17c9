"""A checkpoint of one of two paired models as one of the other's: names, rows and layouts follow from the pairing.

It is strict on both sides: what goes nowhere, and what nothing fills, is an error where it could change what is
computed, and is named where it cannot.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nlblocks.backend import Array, State
from nlblocks.errors import InputError
from nlblocks.parity.pairing import transfer
from nlblocks.parity.pairing.units import Ref
from nlblocks.parity.tracing import vocabulary
from nlblocks.weights.conversion import Plan, Row
from nlblocks.weights.files import Made, Tensor, common_prefix, in_memory
from nlblocks.weights.files.dtypes import of_array

STATISTICS = "running_mean", "running_var"
"""Buffers that training fills: no model has them of itself."""
COUNT = "num_batches_tracked"
"""What a conversion's record calls a count of batches that a framework has no place for."""
SHOWN = 10
"""Problems that an error lists."""

Filed = Mapping[str, vocabulary.Filed]


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """One of the two models of a conversion: what its checkpoints hold, and what it holds itself.

    ``side`` is what it is called, ``unused`` what no operation of it uses, ``own`` what it holds of the tensors that
    have no partner.
    """

    side: str
    filed: Filed
    unused: Sequence[str]
    own: State

    @classmethod
    def of(cls, side: str, filed: Filed, unused: Sequence[str], state: State, paired: Collection[str]) -> End:
        """From its whole state, and what of it has a partner."""
        own = {one.own: state[one.own] for one in filed.values() if one.own and one.own not in paired}
        return cls(side=side, filed=filed, unused=unused, own=own)

    def idle(self, one: vocabulary.Filed) -> bool:
        """Whether a tensor makes no difference to what the model computes, or is the model's own to make."""
        statistic = one.own.rpartition(".")[2] in STATISTICS
        return one.own in self.unused or (one.buffer and not statistic)

    def value(self, one: vocabulary.Filed) -> Array:
        return self.own[one.own] if one.value is None else one.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Where a tensor goes."""

    source: Ref
    target: Ref

    @property
    def fits(self) -> bool:
        return self.source.fits(self.target)


def planned(
    ends: tuple[End, End], moves: Sequence[Move], tensors: Mapping[str, Tensor], record: Mapping[str, Any], why: str
) -> Plan:
    """What becomes of every tensor of a checkpoint. Raises InputError that lists all that cannot be moved, and ``why``.

    A wrapper prefix such as "module." is dropped. ``record`` is what the conversion that made the checkpoint has left.
    """
    return _Conversion(ends, moves, bare(tensors, ends[0].filed), record, why).plan()


def bare(tensors: Mapping[str, Tensor], filed: Filed) -> Mapping[str, Tensor]:
    """The tensors of a checkpoint without a wrapper prefix that its model lacks."""
    prefix = "" if any(name in filed for name in tensors) else common_prefix(tensors)
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items()} if prefix else tensors


class _Conversion:
    """One conversion under way. ``held`` are the tensors of the file by the names that the source's trace has."""

    def __init__(
        self, ends: tuple[End, End], moves: Sequence[Move], tensors: Mapping[str, Tensor], record: Mapping[str, Any],
        why: str,
    ) -> None:  # fmt: skip
        self.source, self.target = ends
        self.tensors, self.why = tensors, why
        self.moves: dict[str, list[Move]] = {}
        for move in moves:
            self.moves.setdefault(move.target.name, []).append(move)
        self.wanted = {move.source.name: move for move in moves}
        self.held: dict[str, str] = {}
        for name, one in self.source.filed.items():
            if name in tensors and one.own:
                self.held.setdefault(one.own, name)
        counts = record.get(COUNT)
        self.counts: Mapping[str, Any] = counts if isinstance(counts, dict) else {}
        self.layers = {_layer(move.source.name): _layer(move.target.name) for move in reversed(moves)}
        self.problems: list[str] = []
        self.notes: dict[str, list[str]] = {}
        self.counted: set[str] = set()

    def plan(self) -> Plan:
        self._read()
        self._refuse(f"is none of the {self.source.side} model")
        self._check_moves()
        counts = dict(self._counts())
        rows = [self._filled(name, one) for name, one in self.target.filed.items()]
        known = {source for row in rows for source in row.sources}
        rows += [self._left_out(name, one) for name, one in self._rest(known)]
        self._refuse(f"cannot become one of the {self.target.side} model")
        notes = tuple(f"{_listed(names)}: {text}" for text, names in self.notes.items())
        return Plan(tuple(rows), {COUNT: counts} if counts else {}, None, notes)

    def _refuse(self, words: str) -> None:
        if self.problems:
            why = f" ({self.why})" if self.why else ""
            raise InputError(f"the checkpoint {words}: {_listed(self.problems, '; ')}{why}; nothing is converted")

    def _read(self) -> None:
        """Whether the file holds what the source's files hold."""
        if not self.tensors.keys() & self.source.filed.keys():
            others = self.tensors.keys() & self.target.filed.keys()
            hint = f"; it is one of the {self.target.side}: exchange the two models" if others else ""
            names = next(iter(self.tensors), "nothing"), next(iter(self.source.filed), "nothing")
            self.problems.append(f"it holds {names[0]} and so on, the model {names[1]} and so on{hint}")
            return
        for name, tensor in self.tensors.items():
            one = self.source.filed.get(name)
            if one is None:
                self.problems.append(f"{name} is unexpected")
            elif tensor.shape != one.shape:
                self.problems.append(f"{name} has shape {list(tensor.shape)}, not {list(one.shape)}")
        for name, one in self.source.filed.items():
            if one.own in self.wanted and one.own not in self.held:
                self.problems.append(f"{name} is missing")
        for name, one in self.source.filed.items() if not self.problems else ():
            first = self.held.get(one.own, name)
            if name in self.tensors and first != name and not _same(self.tensors[name], self.tensors[first]):
                self.problems.append(f"{first} and {name} are one tensor in the model, and differ in the file")

    def _check_moves(self) -> None:
        """Whether every pair is of one size, and both of its tensors are taken whole."""
        for move in (move for moves in self.moves.values() for move in moves if not move.fits):
            shapes = [list(ref.shape) for ref in (move.source, move.target)]
            self.problems.append(f"{move.source} {shapes[0]} does not fit {move.target} {shapes[1]}")
        every = [move for moves in self.moves.values() for move in moves]
        ends = (self.source, [move.source for move in every]), (self.target, [move.target for move in every])
        for end, refs in ends:
            whole = {ref.name for ref in refs if ref.rows is None}
            parts: dict[str, list[Ref]] = {}
            for ref in refs:
                parts.setdefault(ref.name, []).append(ref)
            for name, one in end.filed.items():
                rows = _missing_rows(parts[one.own], one.shape) if one.own in parts and one.own not in whole else None
                if rows is not None:
                    self.problems.append(f"{name}[{rows[0]}:{rows[1]}] of the {end.side} has no partner")

    def _filled(self, name: str, one: vocabulary.Filed) -> Row:
        """What fills a tensor of the target."""
        moves = self.moves.get(one.own, [])
        if moves:
            return self._moved(name, one, moves)
        layer, _, leaf = name.rpartition(".")
        mine = next((source for source, target in self.layers.items() if target == layer), None)
        count = f"{mine}.{leaf}".lstrip(".")
        if one.value is not None and one.shape == () and mine is not None:
            if count in self.tensors and self.tensors[count].shape == ():
                return Row((count,), name, "goes with its layer", self.tensors[count])
            number = self.counts.get(count)
            if type(number) is int and abs(number) < 1 << 63 and leaf == COUNT:
                return Row((), name, "from the record", _tensor(np.array(number, np.int64)))
        if self._used_by_neither(name, one):
            return Row((name,), name, "as it is: neither model uses it", self.tensors[name])
        if not self.target.idle(one):
            self.problems.append(f"{name} of the {self.target.side} has no partner, and nothing fills it")
        elif one.value is None:
            self._note(f"as the {self.target.side} model has them itself: nothing in the file fills them", name)
        value = self.target.value(one)
        return Row((), name, f"as the {self.target.side} model has it", _tensor(value))

    def _used_by_neither(self, name: str, one: vocabulary.Filed) -> bool:
        """Whether both models hold a tensor of this name and use it for nothing: how a matrix lies, nothing tells."""
        mine = self.source.filed.get(name)
        if mine is None or name not in self.tensors or mine.shape != one.shape or len(one.shape) == 2:
            return False
        return mine.own in self.source.unused and one.own in self.target.unused

    def _moved(self, name: str, one: vocabulary.Filed, moves: Sequence[Move]) -> Row:
        sources = [self.held[move.source.name] for move in moves]
        tensors = {move.source.name: self.tensors[self.held[move.source.name]] for move in moves}
        dtypes = {tensor.dtype for tensor in tensors.values()}
        refs = [(move.source, move.target) for move in moves]
        if len(dtypes) > 1:
            self.problems.append(f"{_listed(sources)} become one tensor, and are of several dtypes")
        if len(refs) > 1 and all(target.rows is None for _, target in refs):
            first, *others = dict.fromkeys(sources)
            if any(not _same(self.tensors[first], self.tensors[other]) for other in others):
                self.problems.append(f"{_listed(sources)} are one tensor in the {self.target.side} model, and differ")
        dtype = next(iter(dtypes))

        def make() -> Array:
            whole = np.zeros(one.shape, dtype.bits)
            return transfer.moved(refs, {own: t.raw() for own, t in tensors.items()}, {one.own: whole})[one.own]

        return Row(tuple(dict.fromkeys(sources)), name, _words(name, sources, moves[0], one.shape),
                   Made(dtype, one.shape, make, tuple(tensors.values())))  # fmt: skip

    def _rest(self, known: set[str]) -> Iterator[tuple[str, vocabulary.Filed]]:
        """What of the file is not used: not even under another name."""
        for name in self.tensors:
            one = self.source.filed[name]
            if name not in known and one.own not in self.wanted:
                yield name, one

    def _left_out(self, name: str, one: vocabulary.Filed) -> Row:
        if one.value is not None:
            kept = name in self.counted
            words = "kept in the record" if kept else f"left out: the {self.target.side} model has no place for it"
            return Row((name,), "", words, None)
        own = np.asarray(self.source.own[one.own])
        if one.own in self.source.unused:
            self._note(f"left out: no operation of the {self.source.side} model uses them", name)
        elif self.source.idle(one) and _equal(self.tensors[name].numpy(), own):
            self._note(f"left out: the {self.source.side} model has them itself", name)
        else:
            self.problems.append(f"{name} of the {self.source.side} has no partner, and goes nowhere")
        return Row((name,), "", "left out", None)

    def _counts(self) -> Iterator[tuple[str, int]]:
        """Counts of batches that the target has no place for, by its layers' names, for the way back."""
        for name, one in self.source.filed.items():
            layer, _, leaf = name.rpartition(".")
            target = self.layers.get(layer)
            if leaf != COUNT or name not in self.tensors or one.shape != () or target is None:
                continue
            if f"{target}.{leaf}".lstrip(".") not in self.target.filed:
                self.counted.add(name)
                yield f"{target}.{leaf}".lstrip("."), int(self.tensors[name].raw())

    def _note(self, text: str, name: str) -> None:
        self.notes.setdefault(text, []).append(name)


def _layer(name: str) -> str:
    return name.rpartition(".")[0]


def _same(a: Tensor, b: Tensor) -> bool:
    return a.dtype == b.dtype and np.array_equal(a.raw(), b.raw())


def _equal(a: Array, b: Array) -> bool:
    return np.array_equal(a, b, equal_nan=b.dtype.kind in "fc")


def _tensor(array: Array) -> Tensor:
    return in_memory(array, of_array(array))


def _missing_rows(refs: Sequence[Ref], shape: Sequence[int]) -> tuple[int, int] | None:
    """The first rows of a tensor that none of these is; None where they are all of it."""
    done = 0
    for start, stop in sorted(ref.rows for ref in refs if ref.rows is not None):
        if start > done:
            return done, start
        done = max(done, stop)
    extent = shape[1] if refs[0].transposed and len(shape) == 2 else shape[0]
    return None if done >= extent else (done, extent)


def _words(name: str, sources: Sequence[str], move: Move, shape: Sequence[int]) -> str:
    """What is done to make a tensor of the target, for a table."""
    held = move.source.shape[::-1] if move.source.transposed else move.source.shape
    words = []
    if len(set(sources)) > 1:
        words.append(f"joined of {len(set(sources))}")
    elif move.source.rows is not None:
        words.append(f"rows {move.source.rows[0]} to {move.source.rows[1]}")
    if move.source.transposed != move.target.transposed:
        words.append("turned (Linear)")
    elif move.target.rows is None and tuple(held) != tuple(shape):
        words.append("reshaped")
    return ", ".join(words) or ("as it is" if sources[0] == name else "renamed")


def _listed(names: Sequence[str], between: str = ", ") -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{between.join(names[:SHOWN])}{more}"
