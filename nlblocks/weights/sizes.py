"""The sizes of a block that a file's shapes tell: by what each extent follows from, one size or two at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec, Shape
from nlblocks.weights.dialects.base import Dialect

Slot = tuple[str, int]
"""A field that holds a size, and 0, or the place of a size in a field that holds several."""
STEP, TRIED = 6, range(1, 65)
"""What a size is moved by to see which extents follow; what is tried of a size where extents follow from two."""


def filled(spec: BlockSpec, sizes: Mapping[Slot, int]) -> BlockSpec:
    """The spec with these sizes: where a field holds one several times, at each. Raises InputError as the spec does."""
    options: dict[str, Any] = {}
    for (name, index), size in sizes.items():
        value = options.get(name, getattr(spec, name))
        same = value[index] if isinstance(value, tuple) else value
        options[name] = tuple(size if n == same else n for n in value) if isinstance(value, tuple) else size
    return replace(spec, **options)


def _held(spec: BlockSpec, slot: Slot) -> int:
    held: Any = getattr(spec, slot[0])
    return int(held[slot[1]] if isinstance(held, tuple) else held)


@dataclass(frozen=True, slots=True)
class Sizes:
    """The shapes of a block's tensors in a file, by canonical name, and the codebase whose shapes they are."""

    dialect: Dialect
    wanted: Mapping[str, Shape]

    def fit(self, spec: BlockSpec, unknown: Sequence[Slot], counts: Sequence[Slot] = ()) -> list[dict[Slot, int]]:
        """What the ``unknown`` sizes may be for the spec to have these shapes; those that change none are left out.

        ``counts`` are tried as well where no sizes fit as the spec has them.
        """
        if self.fits(spec):
            return [{}]
        solved, sizes = self._solved(spec, unknown)
        if self.fits(solved):
            return [sizes]
        for start, known in ((solved, sizes), (spec, {})):  # what one extent told alone may be wrong
            rest = [slot for slot in unknown if slot not in known]
            for slot in (*rest, *counts):
                if found := list(self._tried(start, slot, [other for other in rest if other != slot])):
                    return [known | each for each in found]
        return []

    def _tried(self, spec: BlockSpec, slot: Slot, others: Sequence[Slot]) -> Iterator[dict[Slot, int]]:
        """The sizes that fit with one of them tried out."""
        for size in TRIED:
            try:
                solved, sizes = self._solved(filled(spec, {slot: size}), others)
            except InputError:
                continue
            if self.fits(solved):
                yield {slot: size, **sizes}

    def _solved(self, spec: BlockSpec, unknown: Sequence[Slot]) -> tuple[BlockSpec, dict[Slot, int]]:
        """The spec with each size that an extent tells which follows from it alone, and these sizes."""
        sizes: dict[Slot, int] = {}
        while (told := self._told(spec, [slot for slot in unknown if slot not in sizes])) is not None:
            slot, spec = told
            sizes[slot] = _held(spec, slot)
        return spec, sizes

    def _told(self, spec: BlockSpec, unknown: Sequence[Slot]) -> tuple[Slot, BlockSpec] | None:
        now = self._extents(spec)
        wanted = [extent for shape in self.wanted.values() for extent in shape]
        if now is None or len(now) != len(wanted):
            return None
        moved = {slot: self._extents(self._moved(spec, slot, STEP)) for slot in unknown}
        for place, (found, extent) in enumerate(zip(now, wanted, strict=True)):
            follows = [slot for slot, there in moved.items() if there is None or there[place] != found]
            there = moved[follows[0]] if len(follows) == 1 else None
            if found == extent or there is None:
                continue
            steps, rest = divmod((extent - found) * STEP, there[place] - found)
            other = None if rest else self._moved(spec, follows[0], steps)
            if other is not None:
                return follows[0], other
        return None

    def _moved(self, spec: BlockSpec, slot: Slot, step: int) -> BlockSpec | None:
        try:
            return filled(spec, {slot: _held(spec, slot) + step})
        except InputError:
            return None

    def _shapes(self, spec: BlockSpec | None) -> dict[str, Shape] | None:
        if spec is None:
            return None
        try:
            return {param.name: shape for param, (_, shape) in self.dialect.rows(spec).items()}
        except InputError:
            return None

    def _extents(self, spec: BlockSpec | None) -> list[int] | None:
        shapes = self._shapes(spec)
        return None if shapes is None else [extent for shape in shapes.values() for extent in shape]

    def fits(self, spec: BlockSpec) -> bool:
        """Whether the spec has these shapes."""
        return self._shapes(spec) == self.wanted
