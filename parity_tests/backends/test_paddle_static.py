"""A Paddle block as a static program computes what the layer computes: made by to_static, and saved and loaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nlblocks.errors import InputError
from nlblocks.proof import sample
from nlblocks.specs import BlockSpec
from parity_tests.helpers.blocks import ONE_OF_EACH, SPECS, built, example_inputs

paddle = pytest.importorskip("paddle")

# Four roundings of float64: the same operations, which a static program may group and order in another way.
EXACT = 1e-15
# What a number that is held as float32 moves a result by, at least.
FLOAT32 = 1e-10


class WithMaps(paddle.nn.Layer):  # type: ignore[misc]  # Paddle's layers are untyped here
    """A block's output and its maps, as a list."""

    def __init__(self, block: Any, maps: bool) -> None:
        super().__init__()
        self.block, self.maps = block, maps

    def forward(self, x: Any, other: Any = None) -> Any:
        xs = [x] if other is None else [x, other]
        if not self.maps:
            return [self.block(*xs)]
        output, maps = self.block(*xs, return_attention=True)
        return [output, *(maps.values() if isinstance(maps, dict) else [maps])]


class Divided(paddle.nn.Layer):  # type: ignore[misc]
    """A weighted input divided by a Python number, which a static program holds as float32."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = self.create_parameter([4], dtype="float64")

    def forward(self, x: Any) -> Any:
        return [self.weight * x / 3.1]


def furthest(layer: Any, xs: Sequence[Any], folder: Path) -> float:
    """The largest difference, relative to the largest value, of what the layer's static program gives from the layer.

    Of the program that to_static makes, and of the one that is saved and loaded again.
    """
    layer.eval()
    tensors = [paddle.to_tensor(x) for x in xs]
    expected = [tensor.numpy() for tensor in layer(*tensors)]
    wanted = [paddle.static.InputSpec(x.shape, "float64", f"x{index}") for index, x in enumerate(tensors)]
    static = paddle.jit.to_static(layer, input_spec=wanted, full_graph=True)
    found = [static(*tensors)]
    paddle.jit.save(static, str(folder / "layer"))
    found.append(paddle.jit.load(str(folder / "layer"))(*tensors))
    return max(
        float(np.abs(tensor.numpy() - array).max() / np.abs(array).max())
        for run in found
        for tensor, array in zip(run if isinstance(run, list | tuple) else [run], expected, strict=True)
    )


@pytest.mark.parametrize("spec", SPECS)
def test_a_static_program_computes_what_the_block_does(spec: BlockSpec, tmp_path: Path) -> None:
    """In float64, output and attention maps."""
    spec = spec.deterministic()
    block = built(spec, "paddle", "float64")
    layer = WithMaps(block, bool(spec.attention_shapes(spec.example_shape())))
    assert furthest(layer, example_inputs(spec), tmp_path) <= EXACT


@pytest.mark.parametrize("spec", ONE_OF_EACH)
def test_extents_left_open_are_computed_or_refused(spec: BlockSpec) -> None:
    """The refusal says what to give: no error of Paddle's own about tensors in conditions."""
    spec = spec.deterministic()
    layer = built(spec, "paddle", "float64")
    layer.eval()
    xs = [paddle.to_tensor(x) for x in example_inputs(spec)]
    kept = (0, spec.channel_axis)
    open_ = [[n if axis in kept else None for axis, n in enumerate(x.shape)] for x in xs]
    expected = layer(*xs).numpy()
    wanted = [paddle.static.InputSpec(shape, "float64", f"x{index}") for index, shape in enumerate(open_)]
    found, refused = None, ""
    try:
        found = paddle.jit.to_static(layer, input_spec=wanted, full_graph=True)(*xs).numpy()
    except InputError as error:
        refused = str(error)
    if found is None:
        assert "give InputSpec a number" in refused
    else:
        assert np.abs(found - expected).max() <= EXACT * np.abs(expected).max()


def test_the_check_sees_a_number_that_is_held_as_float32(tmp_path: Path) -> None:
    assert furthest(Divided(), [sample.random_array((3, 4), 0, "x")], tmp_path) > FLOAT32
