"""What a drawing says of a map on the small picture is what the block does there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import nlblocks
from nlblocks import specs
from nlblocks.backend import Array
from nlblocks.drawing.pictures import Pictures, Shown, small
from nlblocks.drawing.seen import Seen
from nlblocks.drawing.steps import Step
from nlblocks.specs.base import BlockSpec, describe

READING = (
    specs.NonLocal(in_channels=6),
    specs.NonLocal(in_channels=6, mode="dot_product"),
    specs.NonLocal(in_channels=6, mode="concatenation", sub_sample="after"),
    specs.NonLocal(in_channels=6, dims=1, sub_sample="before"),
    specs.NonLocal(in_channels=6, dims=3, sub_sample="after"),
    specs.PositionAttention(in_channels=16),
    specs.CrissCrossAttention(in_channels=16),
    specs.CrissCrossAttention(in_channels=6, dims=3, reduction=2),
)
"""Blocks whose positions read others."""


def _pictures(spec: BlockSpec) -> Pictures:
    backend = next(name for name in nlblocks.installed() if name != "reference")
    return Pictures(Seen(spec, spec.example_shape(), backend))


def _after(pictures: Pictures, number: int) -> Step:
    """The last step of those that a map goes into: what is read, summed."""
    steps = pictures.seen.steps
    reading = [step for step in steps if any(use.source == number for use in step.uses)]
    if len(reading) == 1:
        return reading[0]
    return next(step for step in steps if len(step.uses) == len(reading) and step.uses[0].source == reading[0].output)


def _read(pictures: Pictures, shown: Shown) -> tuple[Array, Array]:
    """What position i reads by the row as it lies over the picture, and what the block gives there: [D] each."""
    (number,) = pictures.seen.map_names
    last = _after(pictures, number)
    (value,) = {use.source for step in pictures.seen.steps for use in step.uses
                if any(other.source == number for other in step.uses) and use.source != number}  # fmt: skip
    assert shown.row is not None
    values = pictures.value(value).reshape(-1, *shown.row.shape)  # [D, frames, rows, columns]
    expected = np.nansum(values * shown.row, axis=(1, 2, 3))
    result = pictures.value(last.output)
    by_channel = result.shape == (len(expected), int(np.prod(pictures.grid)))
    return expected, result[:, shown.i] if by_channel else result.reshape(-1, len(expected))[shown.i]


@pytest.mark.parametrize("spec", READING, ids=describe)
def test_a_row_over_the_picture_is_what_its_position_reads(spec: BlockSpec) -> None:
    pictures = _pictures(spec)
    (shown,) = pictures.shown()
    expected, given = _read(pictures, shown)
    np.testing.assert_allclose(given, expected, rtol=0, atol=1e-12)
    assert shown.row is not None
    moved = replace(shown, row=np.roll(shown.row, 1))
    assert np.abs(np.subtract(*_read(pictures, moved))).max() > 1e-6, "another layout would not be seen"


@pytest.mark.parametrize(
    "spec", [specs.ChannelAffinity(in_channels=8), specs.ChannelAttention(in_channels=7)], ids=describe
)
def test_a_channel_becomes_the_sum_of_all_by_its_row(spec: BlockSpec) -> None:
    (shown,) = _pictures(spec).shown()
    assert shown.channels is not None
    assert shown.result is not None
    np.testing.assert_allclose(np.tensordot(shown.values[shown.i], shown.channels, 1), shown.result, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "spec",
    [
        specs.SqueezeExcitation(in_channels=32), specs.EfficientChannelAttention(in_channels=54),
        specs.ChannelGate(in_channels=33), specs.SpatialGate(),
    ],
    ids=describe,
)  # fmt: skip
def test_a_gate_is_what_the_input_is_multiplied_by(spec: BlockSpec) -> None:
    pictures = _pictures(spec)
    (shown,) = pictures.shown()
    x = next(number for number, origin in pictures.trace.origin.items() if origin == "input:0")
    channels = pictures.value(x).reshape(-1, *pictures.grid)
    gates = shown.values[:, None, None, None] if shown.row is None else shown.row
    result = pictures.value(pictures.seen.steps[-1].output).reshape(channels.shape)
    np.testing.assert_allclose(channels * gates, result, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_the_small_block_has_letters_that_tell(dims: int) -> None:
    spec = specs.NonLocal(in_channels=512, inter_channels=4, dims=dims, sub_sample="after")
    twin = small(spec, (1, 512, *[56] * dims))
    assert twin.spec.in_channels <= 128
    assert min(twin.letters["D"], twin.letters["C"]) >= 2
