"""The layers that Paddle blocks are made of, built as the spec defines them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from nlblocks.specs import layers

_CONV = {1: nn.Conv1D, 2: nn.Conv2D, 3: nn.Conv3D}


def pointwise(dims: int, in_channels: int, out_channels: int, bias: bool = True) -> nn.Layer:
    """A 1×1 convolution in 1, 2 or 3 dimensions."""
    return _CONV[dims](in_channels, out_channels, kernel_size=1, bias_attr=None if bias else False)


def conv_norm(
    dims: int,
    in_channels: int,
    out_channels: int,
    norm: layers.BatchNorm,
    kernel: int = 1,
    *,
    stride: int = 1,
    dilation: int = 1,
    groups: int = 1,
    bias: bool = False,
) -> nn.Sequential:
    """``conv``, an odd kernel whose padding keeps the size but for the stride, then ``norm``."""
    padding, bias_attr = dilation * (kernel // 2), None if bias else False
    conv = _CONV[dims](in_channels, out_channels, kernel, stride, padding, dilation, groups, bias_attr=bias_attr)
    return nn.Sequential(("conv", conv), ("norm", BatchNorm(out_channels, norm)))


def max_pool(x: Tensor, kernel: Sequence[int], *, stride: int | None = None, padding: int = 0) -> Tensor:
    """Max pooling, extents rounded down; ``stride`` None is the kernel. The first of equal values gets the gradient."""
    if all(size == 1 for size in kernel):
        return x
    pool: Callable[..., Tensor] = getattr(F, f"max_pool{len(kernel)}d")  # by its name, as the lab sees it
    return pool(x, list(kernel), stride, padding)


def halved(x: Tensor) -> Tensor:
    """x [B, C, H, W] → [B, C, H // 2, W // 2]: the means of windows of 2×2; an odd last row or column is left out."""
    height, width = x.shape[2] // 2 * 2, x.shape[3] // 2 * 2
    rows = x[:, :, 0:height:2] + x[:, :, 1:height:2]  # [B, C, H // 2, W]
    return (rows[:, :, :, 0:width:2] + rows[:, :, :, 1:width:2]) / 4


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


def deviation(x: Tensor, axis: int, eps: float = 0.0) -> Tensor:
    """√(var + eps) along an axis, which is kept, var over n - 1; where it is 0 it has no gradient."""
    wide = x if x.dtype == paddle.float64 else x.astype(paddle.float32)
    squares = (wide - wide.mean(axis, keepdim=True)).square()
    var = squares.sum(axis, keepdim=True) / number(x.shape[axis] - 1, wide) + number(eps, wide)
    spread = var > 0
    return paddle.where(spread, paddle.where(spread, var, paddle.ones_like(var)).sqrt(), var).astype(x.dtype)


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


def gelu(x: Tensor) -> Tensor:
    """x · Φ(x). Where a float64 program may go to ONNX it is written out: the exporter's constants are float32."""
    if paddle.in_dynamic_mode() or x.dtype != paddle.float64:
        return F.gelu(x)
    return x * (paddle.erf(x * number(math.sqrt(0.5), x)) + 1) * 0.5


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
            var = (x - per_channel(mean, x)).square().mean(axes)  # [C]
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
        return (x - per_channel(mean, x)) * per_channel(scale, x) + per_channel(self.bias, x)

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


def per_channel(vector: Tensor, x: Tensor) -> Tensor:
    """A vector [C] as it is reckoned with beside x [B, C, ...]."""
    return vector.reshape([1, -1] + [1] * (x.ndim - 2))
