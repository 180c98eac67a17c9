"""Modules, the layers that numtape has, and its one optimiser."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

import numtape
from numtape.tape import Array, Tensor, state


class Module:
    """Parts and tensors are its attributes."""

    training = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.forward(*args, **kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    def parts(self) -> Iterator[tuple[str, Module]]:
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield name, value
                yield from ((f"{name}.{path}", part) for path, part in value.parts())

    def own_tensors(self) -> dict[str, Tensor]:
        return {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}

    def tensors(self) -> dict[str, Tensor]:
        """Parameters and statistics by dotted name."""
        parts = {f"{path}.{name}": t for path, part in self.parts() for name, t in part.own_tensors().items()}
        return self.own_tensors() | parts

    def load(self, arrays: Mapping[str, Array]) -> None:
        """Take all values from arrays; dtypes become theirs."""
        own = self.tensors()
        if {name: array.shape for name, array in arrays.items()} != {name: t.shape for name, t in own.items()}:
            raise ValueError(f"the arrays are {sorted(arrays)}, not {sorted(own)}, or have other shapes")
        for name, tensor in own.items():
            tensor.data = np.array(arrays[name])

    def train(self, mode: bool = True) -> None:
        for module in (self, *(part for _, part in self.parts())):
            module.training = mode

    def eval(self) -> None:
        self.train(False)


def parameter(array: Array) -> Tensor:
    return Tensor(array.astype(state["dtype"]), trainable=True)


def _drawn(inner: int, *shape: int) -> Tensor:
    return parameter(state["random"].normal(size=shape) / inner**0.5)


class Linear(Module):
    """Weight [in, out]."""

    def __init__(self, inner: int, outer: int, bias: bool = True) -> None:
        self.weight = _drawn(inner, inner, outer)
        self.bias = parameter(np.zeros(outer)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        return numtape.linear(x, self.weight, self.bias)


class Conv(Module):
    """Weight [out, in, *kernel]."""

    def __init__(self, inner: int, outer: int, kernel: Sequence[int], padding: int = 0, bias: bool = True) -> None:
        self.weight = _drawn(inner, outer, inner, *kernel)
        self.bias = parameter(np.zeros(outer)) if bias else None
        self.padding = padding

    def forward(self, x: Tensor) -> Tensor:
        return numtape.conv(x, self.weight, self.bias, self.padding)


class BatchNorm(Module):
    def __init__(self, channels: int, momentum: float = 0.1, eps: float = 1e-5) -> None:
        self.weight, self.bias = parameter(np.ones(channels)), parameter(np.zeros(channels))
        self.mean, self.var = (Tensor(fill(channels).astype(state["dtype"])) for fill in (np.zeros, np.ones))
        self.momentum, self.eps = momentum, eps

    def forward(self, x: Tensor) -> Tensor:
        return numtape.batch_norm(
            x, self.mean, self.var, self.weight, self.bias, self.training, self.momentum, self.eps
        )  # fmt: skip


class Dropout(Module):
    def __init__(self, p: float) -> None:
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        return numtape.dropout(x, self.p, self.training)


class SGD:
    def __init__(self, parameters: Sequence[Tensor], rate: float) -> None:
        self.parameters, self.rate = parameters, rate

    def step(self) -> None:
        for parameter in self.parameters:
            if parameter.grad is not None:
                parameter.data = parameter.data - self.rate * parameter.grad
