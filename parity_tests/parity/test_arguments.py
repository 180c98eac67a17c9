"""Arguments that porters get wrong, each in a small model: right pairs are the same, and what differs has its cause."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("paddle")

import paddle
import paddle.nn.functional as PF
import torch
import torch.nn.functional as F
from paddle import nn as pnn
from torch import nn

from nlblocks import parity

IMAGE = (2, 3, 6, 7)
RNG = np.random.default_rng(0)
ROWS, SEQUENCES = RNG.normal(size=(4, 6)), RNG.normal(size=(3, 5, 8))
PADDED = np.arange(5) >= np.array([[5], [4], [3]])
"""Which positions of three sequences are padding [B, S]."""


class Torch(nn.Module):
    """Something between two layers."""

    def __init__(self, between: Callable[..., Any], first: Any, last: Any) -> None:
        super().__init__()
        self.first, self.last, self.between = first, last, between

    def forward(self, x: torch.Tensor, *more: torch.Tensor) -> torch.Tensor:
        return self.last(self.between(self.first(x), *more))


class Paddle(pnn.Layer):
    def __init__(self, between: Callable[..., Any], first: Any, last: Any) -> None:
        super().__init__()
        self.first, self.last, self.between = first, last, between

    def forward(self, x: paddle.Tensor, *more: paddle.Tensor) -> paddle.Tensor:
        return self.last(self.between(self.first(x), *more))


def images(left: Callable[..., Any], right: Callable[..., Any]) -> Any:
    """Between two convolutions."""
    return parity.compare(
        Torch(left, nn.Conv2d(3, 4, 1), nn.Conv2d(4, 5, 1)), Paddle(right, pnn.Conv2D(3, 4, 1), pnn.Conv2D(4, 5, 1)),
        IMAGE,
    )  # fmt: skip


def rows(left: Callable[..., Any], right: Callable[..., Any], *more: Any) -> Any:
    """Between two linear layers."""
    return parity.compare(
        Torch(left, nn.Linear(6, 8), nn.Linear(8, 3)), Paddle(right, pnn.Linear(6, 8), pnn.Linear(8, 3)), (ROWS, *more)
    )


def causes(report: Any) -> list[str | None]:
    return [finding.cause for finding in report.faults]


BILINEAR: dict[str, Any] = {"mode": "bilinear", "align_corners": False}


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ({"scale_factor": 2, **BILINEAR}, {"scale_factor": 2, "align_mode": 1, **BILINEAR}, ["interpolate.align_mode"]),
        ({"size": (9, 4), **BILINEAR}, {"size": (9, 4), "align_mode": 1, **BILINEAR}, ["interpolate.align_mode"]),
        ({"size": (5, 1), **BILINEAR}, {"size": (5, 1), **BILINEAR}, ["interpolate.extent_one"]),
        ({"size": (1, 1), **BILINEAR}, {"size": (1, 1), **BILINEAR}, ["interpolate.extent_one"]),
        ({"size": (5, 1), "mode": "bicubic"}, {"size": (5, 1), "mode": "bicubic"}, ["interpolate.extent_one"]),
        ({"size": (5, 1), **BILINEAR, "align_corners": True}, {"size": (5, 1), **BILINEAR, "align_corners": True}, []),
        ({"scale_factor": 1.6, **BILINEAR}, {"size": (9, 11), **BILINEAR}, ["interpolate.size"]),
        ({"scale_factor": 2, "mode": "bicubic"}, {"scale_factor": 2, **BILINEAR}, ["interpolate.mode"]),
        ({"scale_factor": 0.5, "antialias": True, **BILINEAR}, {"scale_factor": 0.5, **BILINEAR},
         ["interpolate.antialias"]),
    ],
)  # fmt: skip
def test_resizing(left: Any, right: Any, expected: list[str]) -> None:
    report = images(lambda x: F.interpolate(x, **left), lambda x: PF.interpolate(x, **right))
    assert causes(report) == expected, report


@pytest.mark.parametrize(
    ("left", "right", "index", "expected"),
    [
        (lambda x, i: x.scatter(1, i, 0.5), lambda x, i: paddle.put_along_axis(x, i, 0.5, 1), np.array([[3]]),
         ["scatter.broadcast"]),
        (lambda x, i: x.scatter(1, i, 0.5), lambda x, i: paddle.put_along_axis(x, i, 0.5, 1, broadcast=False),
         np.array([[3]]), []),
        (lambda x, i: x.scatter_add(1, i, x * x), lambda x, i: paddle.put_along_axis(x, i, x * x, 1),
         3 * np.arange(32).reshape(4, 8) % 8, ["scatter.reduce"]),
        (lambda x, i: x + x.gather(1, i), lambda x, i: x + paddle.take_along_axis(x, i, 0),
         np.arange(32).reshape(4, 8) % 4, ["gather.axis"]),
    ],
)  # fmt: skip
def test_scattering_and_gathering(left: Any, right: Any, index: Any, expected: list[str]) -> None:
    report = rows(left, right, index)
    assert causes(report) == expected, report


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (lambda x: F.pad(x, (1, 1), value=1.0), lambda x: PF.pad(x, [1, 1, 0, 0]), ["pad.value"]),
        (lambda x: F.max_pool2d(F.pad(x, (0, 1, 0, 1), value=-float("inf")), 3, 2),
         lambda x: PF.max_pool2d(PF.pad(x, [0, 1, 0, 1]), 3, 2), ["pad.value"]),
        (lambda x: F.pad(x, (1, 1, 1, 1), mode="circular"), lambda x: PF.pad(x, [1, 1, 1, 1]), ["pad.mode"]),
        (lambda x: F.softplus(x), lambda x: PF.softplus(x, beta=2), ["softplus.beta"]),
        (lambda x: F.normalize(x), lambda x: PF.normalize(x, p=1), ["normalize.p"]),
    ],
)  # fmt: skip
def test_other_arguments(left: Any, right: Any, expected: list[str]) -> None:
    report = images(left, right)
    assert causes(report) == expected, report


@pytest.mark.parametrize(
    ("extent", "kernel", "left", "right", "shown"),
    [
        (16, 3, {"stride": 2, "padding": 1}, {"stride": 2, "padding": "SAME"}, "((0, 1), (0, 1))"),
        (16, 3, {"padding": 1}, {"padding": "VALID"}, "((0, 0), (0, 0))"),
        (15, 3, {"stride": 2, "padding": 1}, {"stride": 2, "padding": "SAME"}, ""),
        (9, 4, {"padding": "same"}, {"padding": "SAME"}, ""),
        (9, 3, {"padding": 1}, {"padding": "SAME", "dilation": 2}, ""),  # SAME takes no dilation in Paddle
    ],
)
def test_padding_in_words_is_shown_as_what_it_pads(extent: int, kernel: int, left: Any, right: Any, shown: str) -> None:
    torch_net, paddle_net = nn.Conv2d(3, 4, kernel, **left), pnn.Conv2D(3, 4, kernel, **right)
    report = parity.compare(nn.Sequential(torch_net), pnn.Sequential(paddle_net), (2, 3, extent, extent))
    assert causes(report) == (["conv.padding"] if shown else []), report
    assert not shown or shown in report.faults[0].explanation


class TorchMasked(nn.Module):
    """Attention that hides what comes later, and padding."""

    def __init__(self) -> None:
        super().__init__()
        self.attention, self.fc = nn.MultiheadAttention(8, 2, batch_first=True), nn.Linear(8, 3)

    def forward(self, x: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        later = torch.triu(torch.ones(x.shape[1], x.shape[1], dtype=torch.bool), 1)
        return self.fc(self.attention(x, x, x, key_padding_mask=hidden, attn_mask=later, need_weights=False)[0])


class PaddleMasked(pnn.Layer):
    """The same with one mask, put together by hand: it keeps what is true."""

    def __init__(self, combine: Callable[[Any, Any], Any]) -> None:
        super().__init__()
        self.attention, self.fc, self.combine = pnn.MultiHeadAttention(8, 2), pnn.Linear(8, 3), combine

    def forward(self, x: paddle.Tensor, hidden: paddle.Tensor) -> paddle.Tensor:
        kept = paddle.tril(paddle.ones([x.shape[1], x.shape[1]])).astype("bool")
        mask = self.combine(kept[None, None], paddle.logical_not(hidden)[:, None, None, :])
        return self.fc(self.attention(x, x, x, attn_mask=mask))


@pytest.mark.parametrize(
    ("combine", "expected"),
    [
        (lambda kept, own: kept & own, []),
        (lambda kept, own: kept | own, ["attention.mask_combined"]),
        (lambda kept, own: kept, ["attention.mask_missing"]),
        (lambda kept, own: own.broadcast_to([3, 1, 5, 5]), ["attention.causal"]),
        (lambda kept, own: kept & paddle.logical_not(own), ["attention.mask_sense"]),
        (lambda kept, own: paddle.logical_not(kept & own), ["attention.mask_sense"]),
        (lambda kept, own: (kept & paddle.logical_not(own)) == False, ["attention.mask_sense"]),  # noqa: E712
    ],
)
def test_masks_that_are_put_together(combine: Any, expected: list[str]) -> None:
    report = parity.compare(TorchMasked(), PaddleMasked(combine), (SEQUENCES, PADDED), training=False)
    assert causes(report) == expected, report
    assert not expected or "attention" in str(report.faults[0].where)


def drop_path(x: torch.Tensor, keep: float) -> torch.Tensor:
    """Whole samples dropped at random, the others divided by what is kept: there in training alone."""
    drawn = torch.rand((len(x), *[1] * (x.ndim - 1)), dtype=x.dtype)
    return x.div(keep) * (keep + drawn).floor()


def scaled_mask(x: torch.Tensor, keep: float) -> torch.Tensor:
    mask = x.new_empty((len(x), *[1] * (x.ndim - 1))).bernoulli_(keep)
    return x * mask.div_(keep)


def divided_after(x: torch.Tensor, keep: float) -> torch.Tensor:
    return x * (keep + torch.rand((len(x), *[1] * (x.ndim - 1)), dtype=x.dtype)).floor() / keep


def chosen(x: torch.Tensor, keep: float) -> torch.Tensor:
    kept = torch.rand((len(x), *[1] * (x.ndim - 1)), dtype=x.dtype) >= 1 - keep
    return torch.where(kept, x, torch.zeros_like(x)) * (1 / keep)


@pytest.mark.parametrize("dropped", [drop_path, scaled_mask, divided_after, chosen])
@pytest.mark.parametrize(("samples", "keep"), [(8, 0.7), (2, 0.95)])  # of two, none is dropped
def test_a_drop_path_that_one_side_lacks(dropped: Any, samples: int, keep: float) -> None:
    left = Torch(lambda x: x, nn.Linear(6, 8), nn.Linear(8, 3))
    left.between = lambda x: dropped(x, keep) if left.training else x
    right = Paddle(lambda x: x, pnn.Linear(6, 8), pnn.Linear(8, 3))
    assert causes(parity.compare(left, right, (samples, 6))) == ["dropout.missing"]


def test_a_factor_behind_a_mask_that_both_sides_draw() -> None:
    left = Torch(lambda x: x, nn.Linear(6, 8), nn.Linear(8, 3))
    left.between = lambda x: divided_after(x, 0.95) * 0.95 if left.training else x
    right = Paddle(lambda x: x, pnn.Linear(6, 8), pnn.Linear(8, 3))
    right.between = lambda x: x * paddle.floor(0.95 + paddle.rand([len(x), 1], x.dtype)) if right.training else x
    assert parity.compare(left, right, (2, 6))
    left.between = lambda x: divided_after(x, 0.95) if left.training else x
    assert causes(parity.compare(left, right, (2, 6))) == ["scale.missing"]
