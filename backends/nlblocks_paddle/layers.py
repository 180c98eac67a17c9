"""The layers that Paddle blocks are made of, built as the spec defines them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import paddle
import paddle.nn.functional as F
from numpy.typing import NDArray
from paddle import Tensor, nn

from nlblocks.errors import InputError
from nlblocks.specs import layers
from nlblocks.specs.resampling import adaptive_mean_matrix, bilinear_matrix

_CONV = {1: nn.Conv1D, 2: nn.Conv2D, 3: nn.Conv3D}


def pointwise(dims: int, in_channels: int, out_channels: int, bias: bool = True) -> nn.Layer:
    """A 1×1 convolution in 1, 2 or 3 dimensions."""
    return _CONV[dims](in_channels, out_channels, kernel_size=1, bias_attr=None if bias else False)


def conv_norm(dims: int, in_channels: int, out_channels: int, norm: layers.BatchNorm, kernel: int = 1) -> nn.Sequential:
    """``conv``, an odd kernel that keeps the size, without bias, then ``norm``."""
    return nn.Sequential(
        ("conv", _CONV[dims](in_channels, out_channels, kernel, padding=kernel // 2, bias_attr=False)),
        ("norm", BatchNorm(out_channels, norm)),
    )


def max_pool(x: Tensor, kernel: Sequence[int], *, stride: int | None = None, padding: int = 0) -> Tensor:
    """Max pooling, extents rounded down; ``stride`` None is the kernel. The first of equal values gets the gradient."""
    if all(size == 1 for size in kernel):
        return x
    pool: Callable[..., Tensor] = getattr(F, f"max_pool{len(kernel)}d")  # by its name, as the lab sees it
    return pool(x, list(kernel), stride, padding)


def maximum(x: Tensor, axis: int) -> Tensor:
    """The largest values along an axis, which is dropped; the first of equal values gets the gradient.

    paddle.max and paddle.amax would split it among them.
    """
    first = x.argmax(axis, keepdim=True)
    return paddle.take_along_axis(x, first, axis).squeeze(axis)


def mean(x: Tensor, *axes: int) -> Tensor:
    """The mean over some axes, which are dropped: one by one, the last first, which is faster than at once."""
    for axis in sorted(axes, reverse=True):
        x = x.mean(axis)
    return x


def number(value: float, like: Tensor) -> Any:
    """A number to reckon with beside ``like``: in float64 a static program would hold a Python number as float32."""
    if paddle.in_dynamic_mode() or like.dtype != paddle.float64 or not isinstance(value, int | float):
        return value
    return paddle.full([], value, like.dtype)


def hard_sigmoid(x: Tensor, slope: float) -> Tensor:
    """``slope`` · x + 0.5 clipped to [0, 1]; where it is 0 or 1 there is no gradient."""
    y = x * number(slope, x) + 0.5
    return paddle.where((y > 0) & (y < 1), y, (y >= 1).astype(y.dtype))


def hard_swish(x: Tensor) -> Tensor:
    """x · relu6(x + 3) / 6."""
    return F.hardswish(x)


def adaptive_mean(x: Tensor, sizes: Sequence[int]) -> Tensor:
    """x [B, C, H, W] → [B, C, *sizes]: adaptive average pooling, the windows of a size may overlap."""
    extents = zip(_known(x), sizes, strict=True)
    return resample(x, [adaptive_mean_matrix(extent, size) if extent != size else None for extent, size in extents])


def bilinear(x: Tensor, sizes: Sequence[int], *, align_corners: bool) -> Tensor:
    """x [B, C, H, W] → [B, C, *sizes] by bilinear interpolation."""
    return resample(
        x,
        [
            bilinear_matrix(extent, size, align_corners=align_corners) if extent != size else None
            for extent, size in zip(_known(x), sizes, strict=True)
        ],
    )


def resample(x: Tensor, matrices: Sequence[NDArray[Any] | None]) -> Tensor:
    """x [B, C, H, W] → [B, C, H', W'] by a matrix [H', H] and one [W', W]; None leaves an axis as it is."""
    rows, columns = (None if m is None else paddle.to_tensor(m).astype(x.dtype) for m in matrices)
    x = x if columns is None else paddle.matmul(x, columns, transpose_y=True)
    return x if rows is None else paddle.matmul(rows, x)


def _known(x: Tensor) -> list[int]:
    """The extents of [B, C, H, W], which a static program must know to resample."""
    extents = [int(extent) for extent in x.shape[2:]]
    if min(extents) < 0:
        raise InputError(f"input of extents {extents}: this block resamples; give InputSpec a number for H and for W")
    return extents


class ChannelConv(nn.Conv1D):
    """A 1-D convolution of ``kernel`` taps along the channels of [B, C], without bias; C is kept.

    Beyond the ends lie zeros, or with ``circular`` the channels of the other end.
    """

    def __init__(self, kernel: int, circular: bool = False) -> None:
        mode: Literal["zeros", "circular"] = "circular" if circular else "zeros"
        super().__init__(1, 1, kernel, padding=kernel // 2, padding_mode=mode, bias_attr=False)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.unsqueeze(1)).squeeze(1)


class BatchNorm(nn.Layer):
    """Batch normalisation as :class:`nlblocks.specs.BatchNorm` defines it, over [B, C, ...].

    Paddle's own layer keeps the biased variance only and holds eps and momentum as float32. This one moves the
    running statistics itself, and in float64 writes the normalisation out, because the kernel's eps is not the
    spec's there; below float64 the kernel is exact and used.
    """

    def __init__(self, channels: int, spec: layers.BatchNorm) -> None:
        super().__init__()
        self.spec = spec
        self.weight = self.create_parameter([channels], default_initializer=nn.initializer.Constant(1.0))
        self.bias = self.create_parameter([channels], is_bias=True)
        self.register_buffer("running_mean", paddle.zeros([channels]))
        self.register_buffer("running_var", paddle.ones([channels]))

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            if x.dtype == paddle.float64:
                return self._normalise(x, self.running_mean, self.running_var)
            return self._kernel(x, self.running_mean, self.running_var, training=False)

        self._check_batch(x)
        if x.dtype == paddle.float64:
            axes = [0, *range(2, x.ndim)]
            mean = x.mean(axes)  # [C]
            var = (x - _per_channel(mean, x)).square().mean(axes)  # [C]
            y = self._normalise(x, mean, var)
        else:
            # With momentum 0 the kernel leaves the batch's own statistics, the variance biased.
            shape, dtype = self.running_mean.shape, self.running_mean.dtype
            mean, var = paddle.zeros(shape, dtype), paddle.ones(shape, dtype)
            y = self._kernel(x, mean, var, training=True)
        self._move(mean.detach(), var.detach(), count=paddle.numel(x) // self.weight.shape[0])
        return y

    @paddle.jit.not_to_static
    def _check_batch(self, x: Tensor) -> None:
        layers.check_batch(self.weight.shape[0], x.shape)

    def _normalise(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        scale = self.weight / (var + number(self.spec.eps, var)).sqrt()  # [C]
        return (x - _per_channel(mean, x)) * _per_channel(scale, x) + _per_channel(self.bias, x)

    def _kernel(self, x: Tensor, mean: Tensor, var: Tensor, training: bool) -> Tensor:
        return F.batch_norm(
            x, mean, var, self.weight, self.bias, training=training, momentum=0.0, epsilon=self.spec.eps
        )

    @paddle.no_grad()
    def _move(self, mean: Tensor, var: Tensor, count: Tensor) -> None:
        new, old = number(self.spec.momentum, mean), number(1 - self.spec.momentum, mean)
        if self.spec.variance == "unbiased":
            count = count.astype(var.dtype)  # Paddle divides integers in float32
            var = var * (count / (count - 1))
        paddle.assign(self.running_mean * old + mean * new, self.running_mean)
        paddle.assign(self.running_var * old + var * new, self.running_var)


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
        if x.dtype != paddle.float64:
            return F.group_norm(x, self.groups, self.eps, self.weight, self.bias)
        known = min(x.shape[1:]) >= 0
        rows = x.reshape([0, self.groups, math.prod(x.shape[1:]) // self.groups if known else -1])  # 0 keeps B
        y = self._normal(rows).reshape(x.shape if known else paddle.shape(x))
        return y * _per_channel(self.weight, x) + _per_channel(self.bias, x)


class LayerNorm(_Affine):
    """Layer normalisation of [B, C, ...] over C, each position alone."""

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__(channels, eps)

    def forward(self, x: Tensor) -> Tensor:
        rows = paddle.moveaxis(x, 1, -1)
        if x.dtype == paddle.float64:
            y = self._normal(rows) * self.weight + self.bias
        else:
            y = F.layer_norm(rows, self.weight.shape, self.weight, self.bias, self.eps)
        return paddle.moveaxis(y, -1, 1)


def _per_channel(vector: Tensor, x: Tensor) -> Tensor:
    return vector.reshape([1, -1] + [1] * (x.ndim - 2))
