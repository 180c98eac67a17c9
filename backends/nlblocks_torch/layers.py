"""The layers that torch blocks are made of, built as the spec defines them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nlblocks.specs import layers

_CONV = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
_MAX_POOL = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}


def pointwise(dims: int, in_channels: int, out_channels: int, bias: bool = True) -> nn.Module:
    """A 1×1 convolution in 1, 2 or 3 dimensions."""
    return _CONV[dims](in_channels, out_channels, kernel_size=1, bias=bias)


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
    block = nn.Sequential()
    padding = dilation * (kernel // 2)
    conv = _CONV[dims](in_channels, out_channels, kernel, stride, padding, dilation, groups, bias)
    block.add_module("conv", conv)
    block.add_module("norm", BatchNorm(out_channels, norm))
    return block


def max_pool(x: Tensor, kernel: Sequence[int], *, stride: int | None = None, padding: int = 0) -> Tensor:
    """Max pooling, extents rounded down; ``stride`` None is the kernel. The first of equal values gets the gradient."""
    if all(size == 1 for size in kernel):
        return x
    return _MAX_POOL[len(kernel)](x, tuple(kernel), stride, padding)


def halved(x: Tensor) -> Tensor:
    """x [B, C, H, W] → [B, C, H // 2, W // 2]: the means of windows of 2×2; an odd last row or column is left out."""
    height, width = x.shape[2] // 2 * 2, x.shape[3] // 2 * 2
    rows = x[:, :, 0:height:2] + x[:, :, 1:height:2]  # [B, C, H // 2, W]
    return (rows[:, :, :, 0:width:2] + rows[:, :, :, 1:width:2]) / 4


def maximum(x: Tensor, axis: int) -> Tensor:
    """The largest values along an axis, which is dropped; the first of equal values gets the gradient.

    amax would split it among them, but is many times faster: it runs where there is no gradient. A trace keeps to one.
    """
    return x.max(dim=axis).values if _tracked(x) or _traced() else x.amax(dim=axis)


def mean(x: Tensor, *axes: int) -> Tensor:
    """The mean over some axes, which are dropped.

    Where there is a gradient, a sum is divided, which is the same but in halves, where it is the more exact: the
    gradient of a sum is a view of the output's, while that of torch's mean fills a tensor of the size of x.
    """
    if not _tracked(x) or _traced():  # a trace keeps to one
        return x.mean(axes)
    count = math.prod([x.shape[axis] for axis in axes])
    return (x.sum(axes, dtype=torch.promote_types(x.dtype, torch.float32)) / count).to(x.dtype)


def deviation(x: Tensor, axis: int, eps: float = 0.0) -> Tensor:
    """√(var + eps) along an axis, which is kept, var over n - 1; where it is 0 it has no gradient."""
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    var = (wide - wide.mean(axis, keepdim=True)).square().sum(axis, keepdim=True) / (x.shape[axis] - 1) + eps
    spread = var > 0
    return torch.where(spread, torch.where(spread, var, torch.ones_like(var)).sqrt(), var).to(x.dtype)


def _tracked(x: Tensor) -> bool:
    return x.requires_grad and torch.is_grad_enabled()


def _traced() -> bool:
    """Under torch.jit.trace, which runs a module twice, with a gradient and without, and wants one graph."""
    return torch.jit.is_tracing()  # type: ignore[attr-defined]


def hard_sigmoid(x: Tensor, slope: float) -> Tensor:
    """``slope`` · x + 0.5 clipped to [0, 1]; where it is 0 or 1 there is no gradient."""
    y = x * slope + 0.5
    return torch.where((y > 0) & (y < 1), y, (y >= 1).to(y.dtype))


def hard_swish(x: Tensor) -> Tensor:
    """x · relu6(x + 3) / 6. torch's kernel for GPUs holds the sixth as float32: in float64 it is written out there."""
    if x.is_cuda and x.dtype == torch.float64:
        return x * F.relu6(x + 3) / 6
    return F.hardswish(x)


class ChannelConv(nn.Conv1d):
    """A 1-D convolution of ``kernel`` taps along the channels of [B, C], without bias; C is kept.

    Beyond the ends lie zeros, or with ``circular`` the channels of the other end.
    """

    def __init__(self, kernel: int, circular: bool = False) -> None:
        mode: Literal["zeros", "circular"] = "circular" if circular else "zeros"
        super().__init__(1, 1, kernel, padding=kernel // 2, padding_mode=mode, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.unsqueeze(1)  # [B, 1, C]
        if self.padding_mode == "zeros":  # what nn.Conv1d does, in half of its time
            return F.conv1d(rows, self.weight, padding=self.padding).squeeze(1)
        return super().forward(rows).squeeze(1)


def _batch_norm(x: Tensor, *options: Any) -> Tensor:
    """``F.batch_norm`` with the gradient that belongs to it.

    torch's CPU kernel (seen in 2.13) takes a gradient for channels-last where an extent of [B, C, ...] other than C is
    1 and misreads its strides, in silence. Of [B, C, N] it takes none so. Compilers write the gradient out themselves.
    """
    one = x.dim() > 3 and 1 in (x.shape[0], *x.shape[2:])
    if one and torch.is_grad_enabled() and not (_traced() or torch.compiler.is_compiling()):
        return F.batch_norm(x.flatten(2), *options).view_as(x)
    return F.batch_norm(x, *options)


class BatchNorm(nn.Module):
    """Batch normalisation as :class:`nlblocks.specs.BatchNorm` defines it, over [B, C, ...].

    torch's own layer keeps the unbiased variance only; this one keeps the one that the spec asks for.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, spec: layers.BatchNorm) -> None:
        super().__init__()
        self.spec = spec
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        mean, var, eps, momentum = self.running_mean, self.running_var, self.spec.eps, self.spec.momentum
        if not self.training:
            return _batch_norm(x, mean, var, self.weight, self.bias, False, 0.0, eps)
        layers.check_batch(mean.shape[0], x.shape)
        if self.spec.variance == "unbiased":
            return _batch_norm(x, mean, var, self.weight, self.bias, True, momentum, eps)
        # With momentum 1 the kernel leaves the batch's own statistics, the variance unbiased.
        batch_mean, batch_var = torch.zeros_like(mean), torch.ones_like(var)
        y = _batch_norm(x, batch_mean, batch_var, self.weight, self.bias, True, 1.0, eps)
        count = x.numel() // x.shape[1]
        with torch.no_grad():
            mean.mul_(1 - momentum).add_(batch_mean, alpha=momentum)
            var.mul_(1 - momentum).add_(batch_var * ((count - 1) / count), alpha=momentum)
        return y
