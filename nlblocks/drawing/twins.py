"""Twins of a block: the same block in sizes that tell each extent by its number alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from itertools import islice
from typing import Any

from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec, Shape, describe
from nlblocks.specs.inputs import Each, parts

PRIMES = tuple(n for n in range(13, 1024) if all(n % k for k in range(2, 32) if k < n))
BATCHES, STARTS, ADDED = (5, 6, 4), (0, 4, 2), (0, 0, 1)
"""Of each twin: the number of images, the first of the primes that it takes, and what is added: the third is even."""
SPATIAL = (
    (4, 7, 11), (8, 13, 4), (5, 10, 9), (4, 9, 13), (12, 14, 16), (6, 19, 17), (7, 23, 29), (9, 26, 32), (9, 34, 20),
    (9, 22, 38),
)  # fmt: skip
"""Time, height and width of a block's input, a twin's own first."""
PICTURES = ((1, 67, 165), (1, 99, 101), (1, 131, 67))
"""The same of a network's, which halves them several times: what is left is to tell height from width still."""
SIZES = (
    "in_channels",
    "out_channels",
    "inter_channels",
    "key_channels",
    "value_channels",
    "num_classes",
    "width",
    "hidden",
    "image_size",
    "slots",
    "num_bases",
    "low_channels",
    "high_channels",
    "head_channels",
    "descriptors",
)
"""The fields of specs that say how large a tensor is; what an input fixes follows from the input."""
MULTIPLES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
"""What the sizes of a twin may have to be multiples of, where a block splits its channels into groups or heads."""
TELLING = 4
"""A letter's extent is at least this: below are the numbers that a block's code itself writes, a stack of 2, say."""


@dataclass(frozen=True, slots=True)
class Twin:
    """A spec and the shape of its input, or of each of several."""

    spec: BlockSpec
    shape: Each

    @property
    def letters(self) -> dict[str, int]:
        return self.spec.letters(self.shape)


def twins(spec: BlockSpec, shape: Each) -> tuple[Twin, ...]:
    """Three twins of a block: in each, every letter of the spec has an extent of its own, and in each another.

    Raises InputError where there are none.
    """
    found = _different(spec, shape)
    if len(found) < len(BATCHES) and getattr(spec, "inter_channels", 0) is None and hasattr(spec, "inner"):
        # a width that follows from others, or is at least so much, is a size of its own when it is given
        found = _different(replace(spec, inter_channels=spec.inner), shape)  # type: ignore[call-arg]
    if len(found) < len(BATCHES):
        raise InputError(f"{describe(spec)}: found no sizes at which each of its letters has an extent of its own")
    return tuple(found)


def _different(spec: BlockSpec, shape: Shape) -> list[Twin]:
    """Twins, three where there are so many, no two of which give a letter the same extent."""
    found: list[Twin] = []
    for number in range(len(BATCHES)):
        others = {item for twin in found for item in twin.letters.items()}
        found += islice((twin for twin in _twins(spec, shape, number) if not twin.letters.items() & others), 1)
    return found


def is_network(spec: BlockSpec, shape: Each) -> bool:
    """Whether a block maps pictures to numbers that belong to no position: the logits of classes."""
    return len(spec.output_shape(shape)) == 2


def _twins(spec: BlockSpec, shape: Each, number: int) -> Iterator[Twin]:
    """Twins that would do as the one of a number, the smaller ones first."""
    sides = PICTURES if is_network(spec, shape) else SPATIAL
    known = sides[number:] + sides[:number]
    plain = tuple(prime + ADDED[number] for prime in PRIMES)
    tried = {times: _twin(spec, shape, BATCHES[number], known[0], _scaled(plain, times)) for times in MULTIPLES}
    multiple = next((times for times, twin in tried.items() if twin is not None), 1)
    for start in range(STARTS[number], len(PRIMES)):
        primes = _scaled(plain[start:] + plain[:start], multiple)
        for extents in known:
            twin = _twin(spec, shape, BATCHES[number], extents, primes)
            letters = list(twin.letters.values()) if twin is not None else []
            if twin is not None and len(set(letters)) == len(letters) and min(letters) >= TELLING:
                yield twin


def positions_of(spec: BlockSpec, shape: Shape) -> Shape:
    """The extents of the positions of a spec's input."""
    return tuple(n for axis, n in enumerate(shape) if axis not in (0, spec.channel_axis))


def _scaled(numbers: tuple[int, ...], times: int) -> tuple[int, ...]:
    return tuple(times * number for number in numbers)


def _twin(spec: BlockSpec, shape: Each, batch: int, extents: Shape, primes: tuple[int, ...]) -> Twin | None:
    """The spec in other sizes, the primes, on an input with the last of these extents; None where that is refused."""
    spatial = extents[-(len(parts(shape)[0]) - 2) :]
    try:
        sizes = _sizes(spec, primes)
        channels = sizes.get("in_channels", primes[0])  # where there is no such field, any number will do
        twin = replace(spec, **sizes | spec.fixed(spec.input_of(batch, channels, spatial)))
        channels = getattr(twin, "in_channels", channels)
        try:
            found = twin.input_of(batch, channels, spatial)
            twin.check_input(found)
        except InputError:  # a network for pictures of one size
            found = twin.input_of(batch, channels, positions_of(twin, parts(twin.example_shape())[0]))
        twin.check_input(found)
    except InputError:
        return None
    return Twin(twin, found)


def _sizes(spec: BlockSpec, primes: tuple[int, ...]) -> dict[str, Any]:
    """The fields that give a block other sizes. A block inside a network grows, or shrinks, as the network's width."""
    changes: dict[str, Any] = dict(zip(_own(spec), primes, strict=False))
    width = getattr(spec, "width", 1)
    for item in fields(spec):
        block = getattr(spec, item.name)
        if isinstance(block, BlockSpec):
            grown = {name: max(1, getattr(block, name) * changes["width"] // width) for name in _own(block)}
            changes[item.name] = replace(block, **grown)
    return changes


def _own(spec: BlockSpec) -> list[str]:
    """The fields that say how large the tensors of a block are, where they are given."""
    return [item.name for item in fields(spec) if item.name in SIZES and getattr(spec, item.name) is not None]
