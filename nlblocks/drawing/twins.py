"""Twins of a block: the same block in sizes that tell each extent by its number alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from itertools import islice
from typing import Any

from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec, Shape

PRIMES = tuple(n for n in range(13, 1024) if all(n % k for k in range(2, 32) if k < n))
BATCHES, STARTS = (4, 5), (0, 5)
"""The number of images in each twin, and the first of the primes that it takes."""
SPATIAL = ((7, 11), (9, 13), (11, 17), (13, 7))
"""Height and width of a block's input, the smaller ones first."""
PICTURES = ((67, 165), (99, 229))
"""The same of a network's, which halves them several times: what is left is to tell height from width still."""
SIZES = ("in_channels", "inter_channels", "num_classes", "width", "hidden", "image_size")
"""The fields of specs that say how large a tensor is; ``positions`` follows from the input."""
TELLING = 4
"""A letter's extent is at least this: below are the numbers that a block's code itself writes, a stack of 2, say."""


@dataclass(frozen=True, slots=True)
class Twin:
    """A spec and the shape of its input."""

    spec: BlockSpec
    shape: Shape

    @property
    def letters(self) -> dict[str, int]:
        return self.spec.letters(self.shape)


def twins(spec: BlockSpec, shape: Shape) -> tuple[Twin, Twin]:
    """Two twins of a block: in each, every letter of the spec has an extent of its own, and in the other another.

    Raises InputError where there are none.
    """
    found: list[Twin] = []
    for batch, start in zip(BATCHES, STARTS, strict=True):
        others = {item for twin in found for item in twin.letters.items()}
        fitting = (twin for twin in _twins(spec, shape, batch, start) if not twin.letters.items() & others)
        found += islice(fitting, 1)
    if len(found) < 2:
        raise InputError(f"{type(spec).__name__}: found no sizes at which each of its letters has an extent of its own")
    return found[0], found[1]


def is_network(spec: BlockSpec, shape: Shape) -> bool:
    """Whether a block maps pictures to numbers that belong to no position: the logits of classes."""
    return len(spec.output_shape(shape)) == 2


def _twins(spec: BlockSpec, shape: Shape, batch: int, first: int) -> Iterator[Twin]:
    for start in range(first, len(PRIMES)):
        for height, width in PICTURES if is_network(spec, shape) else SPATIAL:
            twin = _twin(spec, shape, batch, (height - 2, height, width), PRIMES[start:] + PRIMES[:start])
            extents = list(twin.letters.values()) if twin is not None else []
            if twin is not None and len(set(extents)) == len(extents) and min(extents) >= TELLING:
                yield twin


def _twin(spec: BlockSpec, shape: Shape, batch: int, extents: Shape, primes: tuple[int, ...]) -> Twin | None:
    """The spec in other sizes, the primes, on an input with the last of these extents; None where that is refused."""
    spatial = extents[-(len(shape) - 2) :]
    try:
        twin = replace(spec, **_sizes(spec, spatial, primes))
        channels = getattr(twin, "in_channels", primes[0])  # where there is no such field, any number will do
        try:
            twin.check_input((batch, channels, *spatial))
        except InputError:  # a network for pictures of one size
            spatial = twin.example_shape()[2:]
        twin.check_input((batch, channels, *spatial))
    except InputError:
        return None
    return Twin(twin, (batch, channels, *spatial))


def _sizes(spec: BlockSpec, spatial: Shape, primes: tuple[int, ...]) -> dict[str, Any]:
    """The fields that give a block other sizes. A block inside a network grows by as much as the network's width."""
    own = [f.name for f in fields(spec) if f.name in SIZES and getattr(spec, f.name) is not None]
    changes: dict[str, Any] = dict(zip(own, primes, strict=False))
    factor = PRIMES.index(primes[0]) + 2
    inside = {f.name: getattr(spec, f.name) for f in fields(spec) if isinstance(getattr(spec, f.name), BlockSpec)}
    if inside:
        changes["width"] = getattr(spec, "width", 1) * factor
    for name, block in inside.items():
        grown = [f.name for f in fields(block) if f.name in SIZES and getattr(block, f.name) is not None]
        changes[name] = replace(block, **{size: getattr(block, size) * factor for size in grown})
    if any(f.name == "positions" for f in fields(spec)):
        changes["positions"] = spatial[0] * spatial[1]
    return changes
