"""Correct pairs that are written differently on the two sides, as whole small models; the lab must pass them."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("paddle")

import paddle
import torch
import torch.nn.functional as F
from paddle import nn as pnn
from torch import nn

from nlblocks import parity


class GatedTorch(nn.Module):
    """Value and gate in one Linear."""

    def __init__(self) -> None:
        super().__init__()
        self.both, self.down = nn.Linear(8, 12), nn.Linear(6, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        value, gate = self.both(x).chunk(2, -1)
        return self.down(value * F.silu(gate))


class GatedPaddle(pnn.Layer):
    """The gate first, by itself: only what it goes into tells it from the value."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = pnn.Linear(8, 6), pnn.Linear(8, 6), pnn.Linear(6, 8)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return self.c(pnn.functional.silu(self.b(x)) * self.a(x))


class GroupedTorch(nn.Module):
    """A matrix per group, by einsum."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(4, 6, 5)), nn.Parameter(torch.zeros(4, 5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.einsum("bgi,gio->bgo", x, self.weight) + self.bias


class GroupedPaddle(pnn.Layer):
    """The same by a product of stacks of matrices."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.bias = self.create_parameter([4, 6, 5]), self.create_parameter([4, 5], is_bias=True)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return paddle.matmul(x.transpose([1, 0, 2]), self.weight).transpose([1, 0, 2]) + self.bias


class PooledTorch(nn.Module):
    """A mean over 7x7 pixels, outputs in a dictionary with a list in it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 4, 3), nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> dict[str, Any]:
        x = F.relu(self.conv(x))
        return {"logits": self.fc(x.mean((2, 3))), "features": [x, x * 2]}


class PooledPaddle(pnn.Layer):
    """Average pooling, whose gradient Paddle divides by a float32 49; the outputs in another order, with a tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = pnn.Conv2D(3, 4, 3), pnn.Linear(4, 2)

    def forward(self, x: paddle.Tensor) -> dict[str, Any]:
        x = pnn.functional.relu(self.conv(x))
        logits = self.fc(pnn.functional.adaptive_avg_pool2d(x, 1).flatten(1))
        return {"features": (x, x * 2), "logits": logits}


class CentredTorch(nn.Module):
    """A mean kept as a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.25, 0.5, 0.75]).view(1, 3, 1, 1))
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x - self.mean)


class CentredPaddle(pnn.Layer):
    """The mean written into the code."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = pnn.Conv2D(3, 4, 3)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return self.conv(x - paddle.to_tensor([0.25, 0.5, 0.75], dtype=x.dtype).reshape([1, 3, 1, 1]))


class TokensTorch(nn.Module):
    """Dropouts over [B, N, C], beside one that both sides have alike."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.drop, self.last = nn.Linear(6, 8), nn.Linear(8, 6), nn.Dropout(0.4), nn.Dropout(0.2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.drop(F.relu(self.a(self.drop(x))))
        return self.last(self.b(x).mean(1))


class TokensPaddle(pnn.Layer):
    """Over [B * N, C]."""

    def __init__(self, p: float = 0.4) -> None:
        super().__init__()
        self.a, self.b, self.drop, self.last = pnn.Linear(6, 8), pnn.Linear(8, 6), pnn.Dropout(p), pnn.Dropout(0.2)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        batch, tokens, width = x.shape
        x = self.drop(x.reshape([batch * tokens, width]))
        x = self.b(self.drop(pnn.functional.relu(self.a(x))))
        return self.last(x.reshape([batch, tokens, width]).mean(1))


@pytest.mark.parametrize(
    ("left", "right", "shape"),
    [
        (TokensTorch, TokensPaddle, (3, 5, 6)),
        (GatedTorch, GatedPaddle, (3, 8)),
        (GroupedTorch, GroupedPaddle, (3, 4, 6)),
        (PooledTorch, PooledPaddle, (2, 3, 9, 9)),
        (CentredTorch, CentredPaddle, (2, 3, 9, 9)),
    ],
)
def test_pair_passes(left: Any, right: Any, shape: tuple[int, ...]) -> None:
    report = parity.compare(left(), right(), shape)
    assert report, report


def test_outputs_that_carry_other_names_are_told() -> None:
    class Renamed(PooledPaddle):
        def forward(self, x: paddle.Tensor) -> dict[str, Any]:
            found = super().forward(x)
            return {"features": found["features"], "scores": found["logits"]}

    report = parity.compare(PooledTorch(), Renamed(), (2, 3, 9, 9))
    assert not report
    assert report.finding.cause == "output.structure"


def test_a_probability_that_differs_is_told_over_merged_axes_too() -> None:
    report = parity.compare(TokensTorch(), TokensPaddle(0.3), (3, 5, 6))
    assert not report
    assert {finding.cause for finding in report.faults} == {"dropout.p"}
