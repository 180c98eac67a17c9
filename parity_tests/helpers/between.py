"""Two layers with a function between them, in torch and in Paddle: what one operation does to a whole comparison."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nlblocks import parity

Function = Callable[[Any], Any]
SHAPES = {0: (4, 6), 1: (2, 3, 9), 2: (2, 3, 8, 9), 3: (2, 3, 4, 5, 6)}
"""Inputs by the number of spatial axes; without any the layers are linear."""


def torch_between(function: Function, dims: int = 0) -> Any:
    """A Linear or a convolution, the function, and another layer."""
    from torch import nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            conv = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}.get(dims)
            self.first = conv(3, 4, 3, padding=1) if conv else nn.Linear(6, 6)
            self.last = conv(4, 5, 1) if conv else nn.Linear(6, 5)

        def forward(self, x: Any) -> Any:
            return self.last(function(self.first(x)))

    return Net()


def paddle_between(function: Function, dims: int = 0) -> Any:
    """The same."""
    from paddle import nn

    class Net(nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            conv = {1: nn.Conv1D, 2: nn.Conv2D, 3: nn.Conv3D}.get(dims)
            self.first = conv(3, 4, 3, padding=1) if conv else nn.Linear(6, 6)
            self.last = conv(4, 5, 1) if conv else nn.Linear(6, 5)

        def forward(self, x: Any) -> Any:
            return self.last(function(self.first(x)))

    return Net()


def compare_between(left: Function, right: Function, dims: int = 0, **options: Any) -> Any:
    """The report on torch's function beside Paddle's."""
    return parity.compare(torch_between(left, dims), paddle_between(right, dims), SHAPES[dims], **options)
