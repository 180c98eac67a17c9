"""What a block relates, seen on a small picture: its maps and relations there, and what their entries mean."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from nlblocks.backend import Array
from nlblocks.drawing.relations import ways
from nlblocks.drawing.seen import Seen, observed, random_point
from nlblocks.drawing.steps import Step, Use
from nlblocks.drawing.twins import Twin, positions_of
from nlblocks.drawing.words import words
from nlblocks.errors import InputError
from nlblocks.init import generator
from nlblocks.specs.base import BlockSpec, Shape, describe
from nlblocks.specs.inputs import Each, mapped, parts
from nlblocks.specs.layout import MapLayout

KINDS = np.array([[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 2], [2, 2, 2, 2]])
"""A picture of 4 × 4 positions: sky, a thing in it, and ground that rises to one side, so that no side is like another.

Positions of one kind have the same features.
"""
FRAMES = 2
"""How many such pictures are a film."""
POSITION, CHANNEL = 5, 1
"""The position whose row is shown, on the thing, and the channel."""
OTHER = 12
"""The entry of that row that is marked: a position on the ground, or the last channel."""
CHANNELS = (8, 16, 32, 64, 128)
"""The channels that are tried, the fewest first."""
HALVED = ("ratio", "reduction")
"""How fields end whose number is halved, a few times, where it leaves too few channels."""
HALVINGS = 5
TELLING = 2
"""Every letter of channels is at least this: a sum over one inner channel is none."""
SPATIAL = {"B", "N", "M", "T", "H", "W"}
SEEDS = 6
"""Weights are drawn anew, a few times, until the entries of every map and relation differ by a share of the largest."""
DIFFER, GATES_DIFFER = 0.3, 0.003
"""That share; gates lie close together."""
LOOSE, SHRINKS = 0.4, 40
"""Features and weights shrink until a softmax gives on average at most this much to one entry: a row tells more."""
NOUNS = {"N": "position", "M": "pooled position"}
SAYS = {
    "positions": "Entry (i, j) is how much position i reads of {key} j. Row i is a map over the picture.",
    "regions": "Entry (i, j) is how much position i reads of region j. Column j is a map over the picture.",
    "region": "Entry i is how much position i reads of the region.",
    "lines": "Row i is how much position i reads of each position on the axes through it: its {axes}.",
    "channels": "Entry (i, j) is how much channel i reads of channel j: channel i becomes the sum of all channels by "
    "row i.",
    "gate": "Entry c is what channel c is multiplied by.",
    "choice": "Entry (r, c) is what channel c takes of branch r.",
    "mask": "Entry i is what position i is multiplied by.",
    "masks": "Entry i is what position i is multiplied by in the first of {count} groups of channels.",
}
"""What the entries of a map mean, by the meaning of its layout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A map or a relation on the picture.

    ``values`` are its entries, [rows, columns], or [entries] of a gate or a mask; ``picture`` is what kind each
    position is of, [frames, rows, columns]. Row ``i`` (or the mask) lies over the picture as ``row`` does, a value a
    window of ``window`` positions, NaN where it has none. Where entries are of channels, ``channels`` are those [C,
    frames, rows, columns], and ``result`` what channel i becomes.
    """

    title: str
    lines: tuple[str, ...]
    values: Array
    picture: Array
    i: int
    j: int
    row: Array | None = None
    window: Shape = (1, 1, 1)
    channels: Array | None = None
    result: Array | None = None


class Pictures:
    """A block on the small picture, where it does what it does anywhere, operation by operation."""

    def __init__(self, seen: Seen) -> None:
        self.seen = seen
        self.twin = small(seen.spec, seen.shape_in)
        layouts = self.twin.spec.map_layouts(self.twin.shape)
        grid = positions_of(self.twin.spec, parts(self.twin.shape)[0])
        if len(parts(self.twin.shape)) > 1:  # the map says which of the inputs reads
            grid = next((layout.grid for layout in layouts.values() if layout.spatial), grid)
        self.grid = _frames(grid)
        self._layouts = {tensor: layouts[name] for tensor, name in seen.map_names.items() if name in layouts}
        self._ways = ways(seen)
        for seed in range(SEEDS):
            self._run(seed)
            if all(map(self._tells, self._tensors())):
                break

    def _run(self, seed: int) -> None:
        """Run the block on the picture, with weights that spread its softmaxes."""
        spec, seen = self.twin.spec, self.seen
        features = mapped(lambda shape: _features(spec, shape, seed), self.twin.shape)
        point = replace(random_point(spec, self.twin.shape, seed), x=features)
        for _ in range(SHRINKS):
            self.trace, _ = observed(spec, seen.backend, point)
            if [op.kind for op in self.trace.ops] != [op.kind for op in seen.trace.ops]:
                raise InputError(
                    f"{type(spec).__name__}: it computes otherwise on a picture of {parts(self.twin.shape)[0][2:]}"
                )
            rows = [self.value(step.output) for step in seen.steps if step.kind == "softmax"]
            if all(float(row.max(-1).mean()) <= LOOSE for row in rows):
                break
            point = point.tempered(spec)

    def _tells(self, tensor: int) -> bool:
        """Whether the entries of a map or a relation differ enough to be seen."""
        layout = self._layouts.get(tensor)
        share = GATES_DIFFER if layout is not None and layout.meaning in ("gate", "choice", "mask", "masks") else DIFFER
        values = self.value(tensor)
        return float(np.ptp(values)) > share * float(np.abs(values).max())

    def value(self, tensor: int) -> Array:
        """The values of a tensor of the block that is drawn, on the picture."""
        found: Array = self.trace.values[tensor][0]
        return found

    def _tensors(self) -> list[int]:
        """The attention maps, and the relations that become none, in the order in which they are made."""
        becomes = {
            way[0].output: any(s.kind == "softmax" or s.output in self._layouts for s in way) for way in self._ways
        }
        # those of several heads or lines have no one picture
        apart = {relation for relation, weights in becomes.items() if not weights and self._is_matrix(relation)}
        return [step.output for step in self.seen.steps if step.output in self._layouts or step.output in apart]

    def _is_matrix(self, tensor: int) -> bool:
        """Whether a relation has two axes on the picture: one of a single row, as of one inner channel, shows none."""
        shape = self.value(tensor).shape
        return len(shape) == 2 and 1 not in shape

    def shown(self) -> Iterator[Shown]:
        """The maps and relations, as they are drawn."""
        found = self._tensors()
        for step in self.seen.steps:
            if step.output in found:
                layout = self._layouts.get(step.output)
                yield self._relation(step) if layout is None else self._map(step, layout)

    def _map(self, step: Step, layout: MapLayout) -> Shown:
        made = [found for found in self._ways if found[-1].output == step.output]
        values, name = self.value(step.output), self.seen.map_names[step.output]
        key = "position" if set(layout.pool) <= {1} else "pooled position"
        axes = {2: "column, then its row", 3: "frames, then its column, then its row"}.get(len(layout.grid), "")
        picture = _kinds(self.grid)
        if layout.from_each:  # of every second position, perhaps
            steps = (-(-extent // size) for extent, size in zip(self.grid, _frames(layout.grid), strict=True))
            picture = picture[tuple(slice(None, None, step) for step in steps)]
        shown = Shown(
            title=self._title(step.output, "attention" if name == "attention" else f"{name} attention"),
            lines=(SAYS[layout.meaning].format(key=key, axes=axes, count=layout.count), *self._said(made)),
            values=values, picture=picture, i=min(POSITION, picture.size - 1), j=OTHER,
        )  # fmt: skip
        if layout.meaning == "masks":  # of the first group, which may stand as an image of its own
            values = values.ravel()[: math.prod(layout.grid)]
        if layout.one_image or layout.meaning == "masks":
            own = _frames(layout.grid)  # of pooled positions, perhaps
            pooled = tuple(extent // size for extent, size in zip(self.grid, own, strict=True))
            return replace(shown, values=values.ravel(), row=values.reshape(own), window=pooled)
        if layout.meaning == "gate":
            gated = next(other for other in self.seen.steps if self._uses(other, step.output) is not None)
            (x,) = (use for use in gated.uses if use.source != step.output)
            channels = self.value(x.source)  # behind a stride, perhaps
            frame = self.grid if channels[0].size == math.prod(self.grid) else _frames(channels.shape[1:])
            return replace(shown, values=values.ravel(), channels=channels.reshape(-1, *frame))
        if layout.meaning == "choice":
            return replace(shown, values=values.reshape(layout.shape), i=0, j=layout.grid[0] - 1)
        if layout.meaning == "channels":
            return self._of_channels(shown, step)
        matrix = values.reshape(-1, values.shape[-1])
        row = matrix[shown.i]
        if layout.meaning == "regions":
            return replace(shown, values=matrix, j=min(OTHER, matrix.shape[1] - 1))
        if layout.meaning == "lines":
            return replace(shown, values=matrix, j=-1, row=_crossed(row, POSITION, self.grid, len(layout.grid)))
        window = (1,) * (3 - len(layout.grid)) + (layout.pool or (1,) * len(layout.grid))
        keys = tuple(extent // size for extent, size in zip(self.grid, window, strict=True))
        j = min(OTHER, matrix.shape[1] - 1)
        return replace(shown, values=matrix, j=j, row=row.reshape(keys), window=window)

    def _of_channels(self, shown: Shown, step: Step) -> Shown:
        """A map from channel to channel: what the channels are, and what channel i becomes."""
        shown = replace(shown, i=CHANNEL, j=shown.values.shape[1] - 1)
        applied = next((other for other in self.seen.steps if self._uses(other, step.output) is not None), None)
        read = [use.read for use in applied.uses if use.source != step.output] if applied is not None else []
        if applied is None or len(read) != 1:
            return shown
        channels, result = (self._by_channel(tensor) for tensor in (read[0], applied.output))
        return replace(shown, channels=channels, result=result[CHANNEL])

    def _by_channel(self, tensor: int) -> Array:
        """A tensor of channels and positions as a picture of each channel."""
        values, names = self.value(tensor), [extent.text for extent in self.seen.extents(tensor)][1:]
        return (values.T if names[0] == "N" else values).reshape(-1, *self.grid)

    def _relation(self, step: Step) -> Shown:
        """A relation that is not turned into weights: of positions, or of channels."""
        values, names = self.value(step.output), [extent.text for extent in self.seen.extents(step.output)][1:]
        noun = NOUNS.get(names[0], "channel")
        of_positions = noun == "position"
        i, j = (POSITION, OTHER) if of_positions else (CHANNEL, values.shape[1] - 1)
        other = noun if names[1] == names[0] else NOUNS.get(names[1], f"entry j of {names[1]}")
        said = f"Entry (i, j) is the relation of {noun} i to {other}" + ("" if " j of " in other else " j")
        return Shown(
            title=self._title(step.output, "relation"), lines=(f"{said}: {self._formula(step)}.", ), values=values,
            picture=_kinds(self.grid), i=i, j=j, row=values[i].reshape(self.grid) if of_positions else None,
        )  # fmt: skip

    def _title(self, tensor: int, name: str) -> str:
        return f"{name} [{', '.join(extent.text for extent in self.seen.extents(tensor))}]"

    def _said(self, made: Sequence[Sequence[Step]]) -> Iterator[str]:
        """How a map comes of a relation, where it comes of one."""
        if made:
            first, *rest = made[0]
            said = ", ".join(words(step, self.seen) for step in rest if step.kind != "cat")
            yield f"It is {self._formula(first)}" + (f"; then {said}." if said else ".")

    def _formula(self, step: Step) -> str:
        """An entry of a relation, by what it is made of."""
        a, b = (self._named(use) for use in step.uses)
        if step.kind == "matmul":
            return f"{a}(i) · {b}(j), {words(step, self.seen).partition(', ')[2]}"
        return f"{a}(i) + {b}(j)"

    def _named(self, use: Use) -> str:
        """The layer that a tensor comes from, through what has no weights of its own layer; x where there is none.

        A number in its name is of a list of layers: the list has the name.
        """
        made, weights = {step.output: step for step in self.seen.steps}, ""
        step = made.get(use.source)
        while step is not None and not step.leaf and (len(step.uses) == 1 or self._joins(step)):
            if step.kind == "matmul" and step.params:
                weights = f"{(self.seen.trace.parameter(step.params[0].source) or '').rpartition('.')[2]}·"
            step = made.get(step.uses[0].source)
        if step is None or not step.leaf:
            return f"{weights}x"
        above, _, name = step.scope.rpartition(".")
        contained = above and not any(other.scope == above for other in self.seen.steps)
        path = (above if contained else step.scope).split(".")
        return weights + next((part for part in reversed(path) if not part.isdigit()), name)

    def _joins(self, step: Step) -> bool:
        """Whether it joins tensors that come from one layer: a map's pooled in several sizes."""
        return step.kind == "cat" and len({self._named(use) for use in step.uses}) == 1

    def _uses(self, step: Step, tensor: int) -> Use | None:
        return next((use for use in step.uses if use.source == tensor), None)


def small(spec: BlockSpec, shape: Each) -> Twin:
    """A spec for inputs of ``shape`` at the size of the picture: few channels, its ratios halved if need be."""
    first = parts(shape)[0]
    spatial = {1: (KINDS.size,), 2: KINDS.shape, 3: (FRAMES, *KINDS.shape)}[len(first) - 2]
    found: Twin | None = None
    names = {item.name for item in fields(spec)}
    for channels in (*CHANNELS, first[spec.channel_axis]):  # its own, where those are no multiple of its groups
        for halved in range(HALVINGS):
            changes: dict[str, Any] = {n: max(1, getattr(spec, n) >> halved) for n in names if n.endswith(HALVED)}
            changes |= spec.fixed(spec.input_of(1, channels, spatial))
            inner = getattr(spec, "inter_channels", None)
            if inner is not None:
                changes["inter_channels"] = max(TELLING, inner * channels // first[spec.channel_axis])
            try:
                changed = replace(spec, **changes)
                twin = Twin(changed, changed.input_of(1, channels, spatial))
                twin.spec.check_input(twin.shape)
            except InputError:
                continue
            found = found or twin
            if all(extent >= TELLING for name, extent in twin.letters.items() if name not in SPATIAL):
                return twin
    if found is None:
        raise InputError(f"{describe(spec)} takes no picture of {spatial}")
    return found


def _frames(spatial: Shape) -> tuple[int, int, int]:
    """Frames, rows and columns of a picture; a line is one row."""
    frames, rows, columns = (1, 1, *spatial)[-3:]
    return frames, rows, columns


def _kinds(grid: tuple[int, int, int]) -> Array:
    return np.resize(KINDS, grid)


def _features(spec: BlockSpec, shape: Shape, seed: int) -> Array:
    """The picture [1, C, *spatial], or tokens [1, N, C]: a position's features are those of its kind."""
    axis, kinds = spec.channel_axis, np.resize(KINDS, positions_of(spec, shape))
    drawn = generator(seed, "drawing:features").normal(size=(shape[axis], int(KINDS.max()) + 1))
    return np.moveaxis(drawn[:, kinds][None], 1, axis).astype(np.float32).astype(np.float64)


def _crossed(row: Array, position: int, grid: tuple[int, int, int], dims: int) -> Array:
    """The row of a map over the axes through a position, laid out: NaN elsewhere, its own entries added up."""
    found = np.full(grid, np.nan)
    place, start, own = np.unravel_index(position, grid), 0, 0.0
    for axis in range(3 - dims, 3):
        line: list[Any] = list(place)
        line[axis] = slice(None)
        found[tuple(line)] = row[start : start + grid[axis]]
        own += row[start + place[axis]]
        start += grid[axis]
    found[place] = own
    return found
