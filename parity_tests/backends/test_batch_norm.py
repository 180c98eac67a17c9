"""The gradient of a BatchNorm is the same whatever the strides in which the gradient of its output comes."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from nlblocks.specs.layers import BatchNorm
from parity_tests.helpers.blocks import Require

ROUNDING = 1e-12
"""Of gradients near 1 in float64. What torch's own kernel makes of the misread strides is off by about 1."""


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("shape", [(1, 6, 4, 5), (2, 6, 1, 5), (2, 6, 4, 1), (2, 6, 1, 3, 1), (3, 6, 4, 5)], ids=str)
def test_strides_of_the_gradient_do_not_matter(shape: tuple[int, ...], training: bool, require: Require) -> None:
    require("torch")
    import torch

    from nlblocks_torch import layers

    rng = np.random.default_rng(0)
    norm = layers.BatchNorm(shape[1], BatchNorm()).double().train(training)
    x = torch.from_numpy(rng.normal(size=shape)).requires_grad_()
    grad_output = torch.from_numpy(rng.normal(size=shape))
    expected = torch.autograd.grad(norm(x), (x, norm.weight), grad_output)
    for order in permutations(range(len(shape))):
        back = [order.index(axis) for axis in range(len(shape))]
        strided = grad_output.permute(order).contiguous().permute(back)
        for found, wanted in zip(torch.autograd.grad(norm(x), (x, norm.weight), strided), expected, strict=True):
            np.testing.assert_allclose(found, wanted, rtol=0, atol=ROUNDING, err_msg=str(strided.stride()))
