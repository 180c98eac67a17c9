"""What numtape computes: each function with its backward pass, written by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from numtape.tape import Array, Tensor, state


def _data(value: Any) -> Any:
    return value.data if isinstance(value, Tensor) else value


def _like(gradient: Array, value: Any) -> Array:
    """Summed over what was broadcast."""
    shape = np.shape(_data(value))
    gradient = gradient.sum(axis=tuple(range(gradient.ndim - len(shape))))
    axes = tuple(axis for axis, extent in enumerate(shape) if extent == 1 and gradient.shape[axis] != 1)
    return gradient.sum(axis=axes, keepdims=True) if axes else gradient


def add(x: Any, y: Any) -> Tensor:
    return Tensor(_data(x) + _data(y), (x, y), lambda g: (_like(g, x), _like(g, y)))


def sub(x: Any, y: Any) -> Tensor:
    return Tensor(_data(x) - _data(y), (x, y), lambda g: (_like(g, x), _like(-g, y)))


def mul(x: Any, y: Any) -> Tensor:
    return Tensor(_data(x) * _data(y), (x, y), lambda g: (_like(g * _data(y), x), _like(g * _data(x), y)))


def matmul(x: Tensor, y: Tensor) -> Tensor:
    """X [..., M, K], y [..., K, N] → [..., M, N]."""
    return Tensor(x.data @ y.data, (x, y), lambda g: (g @ y.data.swapaxes(-1, -2), x.data.swapaxes(-1, -2) @ g))


def reshape(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    return Tensor(x.data.reshape(shape), (x,), lambda g: (g.reshape(x.shape),))


def transpose(x: Tensor) -> Tensor:
    """The last two axes change places."""
    return Tensor(x.data.swapaxes(-1, -2), (x,), lambda g: (g.swapaxes(-1, -2),))


def wrap(x: Tensor, by: int) -> Tensor:
    """Before and after the last axis come ``by`` values of its other end."""
    extent = x.shape[-1]
    ends = np.arange(-by, extent + by) % extent == np.arange(extent)[:, None]  # [N, N + 2 by]
    return matmul(x, Tensor(ends.astype(x.dtype)))


def mean(x: Tensor, axis: tuple[int, ...]) -> Tensor:
    """The mean over some axes, which are dropped."""
    count = math.prod(x.shape[a] for a in axis)
    return Tensor(
        x.data.mean(axis), (x,), lambda g: (np.broadcast_to(np.expand_dims(g, axis) / count, x.shape),)
    )  # fmt: skip


def largest(x: Tensor, axis: int) -> Tensor:
    """The largest values along an axis, which is dropped; the first of equal values gets the gradient."""
    first = np.expand_dims(x.data.argmax(axis), axis)

    def back(g: Array) -> tuple[Array]:
        found = np.zeros_like(x.data)
        np.put_along_axis(found, first, np.expand_dims(g, axis), axis)
        return (found,)

    return Tensor(np.take_along_axis(x.data, first, axis).squeeze(axis), (x,), back)


def relu(x: Tensor) -> Tensor:
    return Tensor(np.maximum(x.data, 0), (x,), lambda g: (g * (x.data > 0),))


def clip(x: Tensor, low: float, high: float) -> Tensor:
    return Tensor(np.clip(x.data, low, high), (x,), lambda g: (g * ((x.data >= low) & (x.data <= high)),))


def sigmoid(x: Tensor) -> Tensor:
    e = np.exp(-np.abs(x.data))
    y = np.where(x.data > 0, 1, e) / (1 + e)
    return Tensor(y, (x,), lambda g: (g * y * (1 - y),))


def hard_sigmoid(x: Tensor, slope: float = 1 / 6) -> Tensor:
    """``slope`` · x + 0.5 clipped to [0, 1]; where it is 0 or 1 there is no gradient."""
    y = np.clip(x.data * slope + 0.5, 0.0, 1.0)
    return Tensor(y, (x,), lambda g: (g * slope * ((y > 0) & (y < 1)),))


def softmax(x: Tensor, axis: int) -> Tensor:
    e = np.exp(x.data - x.data.max(axis, keepdims=True))
    y = e / e.sum(axis, keepdims=True)
    return Tensor(y, (x,), lambda g: (y * (g - (g * y).sum(axis, keepdims=True)),))


def dropout(x: Tensor, p: float, training: bool) -> Tensor:
    if not training:
        return x
    return mul(x, (state["random"].random(x.shape) >= p).astype(x.dtype) / (1 - p))


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """X [B, in], weight [in, out], bias [out] → [B, out]."""
    y = x.data @ weight.data
    return Tensor(
        y if bias is None else y + bias.data, (x, weight, bias), lambda g: (g @ weight.data.T, x.data.T @ g, g.sum(0))
    )  # fmt: skip


def conv(x: Tensor, weight: Tensor, bias: Tensor | None = None, padding: int = 0) -> Tensor:
    """X [B, in, *spatial], weight [out, in, *kernel] → [B, out, *spatial]; cross-correlation, zeros at the ends."""
    dims = weight.data.ndim - 2
    sides = [(0, 0), (0, 0), *[(padding, padding)] * dims]
    wide, kernel = np.pad(x.data, sides), weight.shape[2:]
    extents = [wide.shape[2 + i] - kernel[i] + 1 for i in range(dims)]
    rest = tuple(range(2, 2 + dims))
    taps: dict[Any, Any] = {
        tap: (..., *(slice(t, t + n) for t, n in zip(tap, extents, strict=True))) for tap in np.ndindex(kernel)
    }  # fmt: skip
    y: Any = sum(
        np.moveaxis(np.tensordot(wide[at], weight.data[:, :, *tap], (1, 1)), -1, 1) for tap, at in taps.items()
    )

    def back(g: Array) -> tuple[Array, Array, Array]:
        grad_wide, grad_weight = np.zeros_like(wide), np.zeros_like(weight.data)
        for tap, at in taps.items():
            grad_wide[at] += np.moveaxis(np.tensordot(g, weight.data[:, :, *tap], (1, 0)), -1, 1)
            grad_weight[:, :, *tap] = np.tensordot(g, wide[at], ((0, *rest), (0, *rest)))
        inside = tuple(slice(padding, padding + n) for n in x.shape[2:])
        return grad_wide[:, :, *inside], grad_weight, g.sum((0, *rest))

    return Tensor(y if bias is None else y + bias.data.reshape(-1, *[1] * dims), (x, weight, bias), back)


def batch_norm(
    x: Tensor, mean: Tensor, var: Tensor, weight: Tensor, bias: Tensor, training: bool, momentum: float, eps: float
) -> Tensor:
    """Batch norm of x [B, C]; the running variance is the unbiased one."""
    m, v = (x.data.mean(0), x.data.var(0)) if training else (mean.data, var.data)
    if training:
        mean.data = (1 - momentum) * mean.data + momentum * m
        var.data = (1 - momentum) * var.data + momentum * v * len(x.data) / (len(x.data) - 1)
    scale = 1 / np.sqrt(v + eps)
    normal = (x.data - m) * scale

    def back(g: Array) -> tuple[Any, ...]:
        inner = g * weight.data
        if training:
            inner = inner - inner.mean(0) - normal * (inner * normal).mean(0)
        return inner * scale, None, None, (g * normal).sum(0), g.sum(0)

    return Tensor(normal * weight.data + bias.data, (x, mean, var, weight, bias), back)
