"""Pooling to a size and bilinear interpolation: the same in every backend, and what torch's own kernels do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from parity_tests.helpers.blocks import Require

EXACT = 1e-14
"""Of means and interpolations of values near 1: rounding alone. torch holds its weights in float32 only backwards."""
SHAPES = [(1, 1), (2, 5), (7, 3), (12, 6)]
CASES = [("adaptive_mean", {}), ("bilinear", {"align_corners": True}), ("bilinear", {"align_corners": False})]


@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
@pytest.mark.parametrize("extents", SHAPES)
@pytest.mark.parametrize("sizes", [(1, 1), (3, 2), (5, 9)])
def test_every_backend_resamples_alike(
    name: str, options: dict[str, Any], extents: tuple[int, int], sizes: tuple[int, int], require: Require
) -> None:
    require("torch", "paddle")
    import paddle
    import torch
    import torch.nn.functional as F

    from nlblocks_paddle import resampling as in_paddle
    from nlblocks_reference import resampling as in_numpy
    from nlblocks_torch import resampling as in_torch

    x = np.random.default_rng(0).normal(size=(2, 3, *extents))
    if name == "bilinear":
        expected = F.interpolate(torch.from_numpy(x), sizes, mode="bilinear", **options).numpy()
    else:
        expected = F.adaptive_avg_pool2d(torch.from_numpy(x), sizes).numpy()
    found = [
        getattr(in_numpy, name)(x, sizes, **options),
        getattr(in_torch, name)(torch.from_numpy(x), sizes, **options).numpy(),
        getattr(in_paddle, name)(paddle.to_tensor(x), sizes, **options).numpy(),
    ]
    for each in found:
        assert np.abs(each - expected).max() <= EXACT


@pytest.mark.parametrize(("extents", "size"), [((5, 7), 3), ((4, 6), 2), ((3, 3), 1)])
def test_means_of_windows(extents: tuple[int, int], size: int, require: Require) -> None:
    require("torch", "paddle")
    import paddle
    import torch
    import torch.nn.functional as F

    from nlblocks_paddle import resampling as in_paddle
    from nlblocks_torch import resampling as in_torch

    x = np.random.default_rng(0).normal(size=(2, 3, *extents))
    expected = F.avg_pool2d(torch.from_numpy(x), size).numpy()
    for each in (
        in_torch.window_mean(torch.from_numpy(x), size).numpy(),
        in_paddle.window_mean(paddle.to_tensor(x), size).numpy(),
    ):
        assert np.abs(each - expected).max() <= EXACT


@pytest.mark.parametrize("extents", [(1, 1), (2, 5), (7, 9), (12, 6)])
@pytest.mark.parametrize("step", [2, 4])
def test_means_of_surroundings_and_the_nearest_place(extents: tuple[int, int], step: int, require: Require) -> None:
    """What gather-excite does: positions beyond the edge do not count, and a place is that of the one before it."""
    require("torch", "paddle")
    import paddle
    import torch
    import torch.nn.functional as F

    from nlblocks_paddle import resampling as in_paddle
    from nlblocks_reference import resampling as in_numpy
    from nlblocks_torch import resampling as in_torch

    x = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 3, *extents)))
    means = F.avg_pool2d(x, 2 * step - 1, step, step - 1, count_include_pad=False)
    nearest = F.interpolate(means, size=extents, mode="nearest")
    in_framework = {in_torch: (x, means), in_paddle: (paddle.to_tensor(x.numpy()), paddle.to_tensor(means.numpy()))}
    for backend, (own, pooled) in in_framework.items():
        assert np.abs(backend.surrounding_mean(own, step).numpy() - means.numpy()).max() <= EXACT
        assert np.array_equal(backend.nearest(pooled, extents).numpy(), nearest.numpy())
    assert np.array_equal(in_numpy.nearest(means.numpy(), extents), nearest.numpy())
