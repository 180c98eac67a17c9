"""The non-local family over the product of its options, at sizes that are unequal, odd, and down to 1."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import nlblocks
from nlblocks.specs import BatchNorm, ChannelAffinity, NonLocal
from nlblocks.specs.non_local import MODES, SCALES, SUB_SAMPLES
from parity_tests.helpers.blocks import Require

NORMS = {"none": None, "unbiased": BatchNorm(), "biased": BatchNorm(eps=1e-4, momentum=0.3, variance="biased")}
PRODUCT = list(product(MODES, (1, 2, 3), SUB_SAMPLES, NORMS))


@pytest.mark.parametrize(("mode", "dims", "sub_sample", "norm"), PRODUCT)
def test_product_of_options(mode: str, dims: int, sub_sample: str, norm: str, require: Require) -> None:
    require("torch", "paddle")
    index = PRODUCT.index((mode, dims, sub_sample, norm))
    spec = NonLocal(
        in_channels=3 + index % 3,
        inter_channels=(None, 3, 1)[index % 3],
        mode=mode,
        dims=dims,
        sub_sample=sub_sample,
        scale=SCALES[(index // 3 + index) % 3],
        norm=NORMS[norm],
        zero_init=index % 2 == 0,
    )
    shape = (2, spec.in_channels, *{1: (5,), 2: (3, 4), 3: (1, 3, 2)}[dims])
    report = nlblocks.verify(spec, seed=index, input_shape=shape)
    assert report, report


@pytest.mark.parametrize(("mode", "scale"), list(product(MODES, SCALES)))
def test_every_scale_in_every_mode(mode: str, scale: str, require: Require) -> None:
    require("torch", "paddle")
    report = nlblocks.verify(NonLocal(in_channels=5, inter_channels=3, mode=mode, scale=scale))
    assert report, report


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", [(1, 3, 1, 1), (1, 1, 1, 7), (3, 2, 1, 1), (1, 4, 2, 3)])
def test_sizes_down_to_one(mode: str, shape: tuple[int, ...], require: Require) -> None:
    require("torch", "paddle")
    spec = NonLocal(in_channels=shape[1], mode=mode, norm=None)
    report = nlblocks.verify(spec, input_shape=shape)
    assert report, report


def test_zero_init_is_the_identity_bit_for_bit(require: Require) -> None:
    require("torch", "paddle")
    x = np.random.default_rng(0).normal(size=(2, 6, 5, 4)).astype("float32")
    for backend, mode, norm in product(("torch", "paddle"), MODES, (None, BatchNorm())):
        module = nlblocks.build(NonLocal(in_channels=6, mode=mode, norm=norm), backend=backend)
        assert nlblocks.run(module, x).output.tobytes() == x.tobytes()


def test_the_two_poolings_are_two_functions() -> None:
    """Pooling before the convolution and after it differ, which is why the spec has both."""
    x = np.random.default_rng(0).normal(size=(1, 4, 4, 4))
    outputs = []
    for sub_sample in ("before", "after"):
        module = nlblocks.build(
            NonLocal(in_channels=4, sub_sample=sub_sample, norm=None, zero_init=False), "reference", dtype="float64"
        )
        outputs.append(nlblocks.run(module, x).output)
    assert np.abs(outputs[0] - outputs[1]).max() > 1e-3


def test_channel_affinity_is_not_a_non_local_block() -> None:
    """The blog's operator under the same weights gives other values: it has its own spec for a reason."""
    x = np.random.default_rng(0).normal(size=(1, 4, 5, 6))
    block = nlblocks.build(NonLocal(in_channels=4, zero_init=False), "reference", dtype="float64")
    other = nlblocks.build(ChannelAffinity(in_channels=4), "reference", dtype="float64")
    nlblocks.load_state(other, nlblocks.state_of(block))
    left, right = nlblocks.run(block, x, return_attention=True), nlblocks.run(other, x, return_attention=True)
    assert left.attention.shape == (1, 30, 30)  # type: ignore[union-attr]
    assert right.attention.shape == (1, 2, 2)  # type: ignore[union-attr]
    assert np.abs(left.output - right.output).max() > 1e-3
