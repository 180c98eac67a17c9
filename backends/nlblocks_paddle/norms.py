"""Group and layer normalisation in Paddle, whose kernels hold eps as float32: in float64 they are written out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from nlblocks_paddle.layers import number, per_channel

_one_kernel: ContextVar[bool] = ContextVar("one_kernel", default=False)


@contextmanager
def as_kernels() -> Iterator[None]:
    """Within, a norm is the one kernel in float64 too: for a trace, which computes kernels with the eps as it is."""
    token = _one_kernel.set(True)
    try:
        yield
    finally:
        _one_kernel.reset(token)


def _written_out(x: Tensor) -> bool:
    return x.dtype == paddle.float64 and not _one_kernel.get()


class _Affine(nn.Layer):
    """A ``weight`` and a ``bias`` [channels]."""

    def __init__(self, channels: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = self.create_parameter([channels], default_initializer=nn.initializer.Constant(1.0))
        self.bias = self.create_parameter([channels], is_bias=True)

    def _normal(self, x: Tensor) -> Tensor:
        """x less its mean over its last axis, by its deviation: the kernels hold eps as float32."""
        centred = x - x.mean(-1, keepdim=True)
        return centred / (centred.square().mean(-1, keepdim=True) + number(self.eps, x)).sqrt()


class GroupNorm(_Affine):
    """Group normalisation of [B, C, ...]: each of ``groups`` groups of channels over its channels and positions."""

    def __init__(self, groups: int, channels: int, eps: float = 1e-5) -> None:
        super().__init__(channels, eps)
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        if not _written_out(x):
            return F.group_norm(x, self.groups, self.eps, self.weight, self.bias)
        size = self._size(x)
        rows = x.reshape([0, self.groups, size])  # 0 keeps B
        y = self._normal(rows).reshape(x.shape if size >= 0 else paddle.shape(x))
        return y * per_channel(self.weight, x) + per_channel(self.bias, x)

    @paddle.jit.not_to_static
    def _size(self, x: Tensor) -> int:
        """How many values a group has, -1 where a static program does not know the extents."""
        extents = x.shape[1:]
        return math.prod(extents) // self.groups if min(extents) >= 0 else -1


class LayerNorm(_Affine):
    """Layer normalisation of [B, C, ...] over C, each position alone."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__(channels, eps)

    def forward(self, x: Tensor) -> Tensor:
        rows = paddle.moveaxis(x, 1, -1)
        if _written_out(x):
            y = self._normal(rows) * self.weight + self.bias
        else:
            y = F.layer_norm(rows, self.weight.shape, self.weight, self.bias, self.eps)
        return paddle.moveaxis(y, -1, 1)
