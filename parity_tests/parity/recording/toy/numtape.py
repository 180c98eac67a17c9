"""A framework of one file: eager tensors on a tape, modules without hooks, layers with backward passes by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
state: dict[str, Any] = {"dtype": "float32", "recording": True, "random": np.random.default_rng(0)}


class Tensor:
    """An array, what it was made of, and how a gradient goes back there."""

    def __init__(self, data: Any, made_of: Sequence[Any] = (), back: Any = None, trainable: bool = False) -> None:
        self.data = np.asarray(data)
        taped = state["recording"] and any(isinstance(t, Tensor) and t.trainable for t in made_of)
        self.made_of, self.back = (tuple(made_of), back) if taped else ((), None)
        self.trainable = trainable or taped
        self.grad: Array | None = None

    shape = property(lambda self: self.data.shape)
    dtype = property(lambda self: self.data.dtype)

    def __add__(self, other: Any) -> Tensor:
        return add(self, other)

    def __sub__(self, other: Any) -> Tensor:
        return sub(self, other)

    def __mul__(self, other: Any) -> Tensor:
        return mul(self, other)


def backward(outputs: Sequence[Tensor], gradients: Sequence[Array], visit: Callable[[Tensor, Array], Array]) -> None:
    """Gradients from the outputs back to the leaves, each through ``visit(tensor, gradient)`` on its way."""
    order: list[Tensor] = []
    seen: set[int] = set()

    def walk(tensor: Tensor) -> None:
        if id(tensor) in seen:
            return
        seen.add(id(tensor))
        for source in tensor.made_of:
            if isinstance(source, Tensor) and source.trainable:
                walk(source)
        order.append(tensor)

    for output in outputs:
        walk(output)
    found = {id(output): np.array(gradient) for output, gradient in zip(outputs, gradients, strict=True)}
    for tensor in reversed(order):
        if id(tensor) not in found:
            continue
        gradient = visit(tensor, found[id(tensor)])
        if tensor.back is None:
            tensor.grad = gradient if tensor.grad is None else tensor.grad + gradient
            continue
        for source, part in zip(tensor.made_of, tensor.back(gradient), strict=True):
            if isinstance(source, Tensor) and source.trainable:
                found[id(source)] = found[id(source)] + part if id(source) in found else part


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


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """X [B, in], weight [out, in], bias [out] → [B, out]."""
    y = x.data @ weight.data.T + bias.data
    return Tensor(y, (x, weight, bias), lambda g: (g @ weight.data, g.T @ x.data, g.sum(0)))


def relu(x: Tensor) -> Tensor:
    return Tensor(np.maximum(x.data, 0), (x,), lambda g: (g * (x.data > 0),))


def clip(x: Tensor, low: float, high: float) -> Tensor:
    return Tensor(np.clip(x.data, low, high), (x,), lambda g: (g * ((x.data >= low) & (x.data <= high)),))


def hard_sigmoid(x: Tensor) -> Tensor:
    return clip(add(mul(x, 1 / 6), 0.5), 0.0, 1.0)


def dropout(x: Tensor, p: float, training: bool) -> Tensor:
    if not training:
        return x
    return mul(x, (state["random"].random(x.shape) >= p).astype(x.dtype) / (1 - p))


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


class Module:
    """Parts and tensors are its attributes."""

    training = True

    def __call__(self, *args: Any) -> Any:
        return self.forward(*args)

    def forward(self, *args: Any) -> Any:
        raise NotImplementedError

    def parts(self) -> Iterator[tuple[str, Module]]:
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield name, value
                yield from ((f"{name}.{path}", part) for path, part in value.parts())

    def tensors(self) -> dict[str, Tensor]:
        own = {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}
        return own | {f"{path}.{name}": t for path, part in self.parts() for name, t in part.own_tensors().items()}

    def own_tensors(self) -> dict[str, Tensor]:
        return {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}

    def train(self, mode: bool = True) -> None:
        for module in (self, *(part for _, part in self.parts())):
            module.training = mode

    def eval(self) -> None:
        self.train(False)


def _parameter(array: Array) -> Tensor:
    return Tensor(array.astype(state["dtype"]), trainable=True)


class Linear(Module):
    def __init__(self, inner: int, outer: int) -> None:
        self.weight = _parameter(state["random"].normal(size=(outer, inner)) / inner**0.5)
        self.bias = _parameter(np.zeros(outer))

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight, self.bias)


class BatchNorm(Module):
    def __init__(self, channels: int, momentum: float = 0.1, eps: float = 1e-5) -> None:
        self.weight, self.bias = _parameter(np.ones(channels)), _parameter(np.zeros(channels))
        self.mean, self.var = (Tensor(fill(channels).astype(state["dtype"])) for fill in (np.zeros, np.ones))
        self.momentum, self.eps = momentum, eps

    def forward(self, x: Tensor) -> Tensor:
        return batch_norm(
            x, self.mean, self.var, self.weight, self.bias, self.training, self.momentum, self.eps
        )  # fmt: skip


class Dropout(Module):
    def __init__(self, p: float) -> None:
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        return dropout(x, self.p, self.training)


class SGD:
    def __init__(self, parameters: Sequence[Tensor], rate: float) -> None:
        self.parameters, self.rate = parameters, rate

    def step(self) -> None:
        for parameter in self.parameters:
            if parameter.grad is not None:
                parameter.data = parameter.data - self.rate * parameter.grad
