"""What is done with a torch model, by torch's plain API. ``paddle_side`` has the same functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.soundness.draws import Draws

Array = np.ndarray[Any, Any]
PACKAGE = "torch"
LEARNING_RATE = 0.1


@contextmanager
def float64() -> Iterator[None]:
    """Models and tensors made inside hold float64."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextmanager
def same_draws() -> Iterator[None]:
    """Dropout and ``rand`` take their numbers from the count of draws so far, as they do on the other side."""
    draws, functional = Draws(), torch.nn.functional
    own = functional.dropout, torch.rand

    def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
        if not training or p == 0:
            return input
        return input * torch.tensor(draws.mask(tuple(input.shape), p), dtype=input.dtype)

    def rand(*shape: Any, **kwargs: Any) -> Any:
        sizes = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
        return torch.tensor(draws.uniform(tuple(int(n) for n in sizes)), dtype=kwargs.get("dtype"))

    functional.dropout, torch.rand = dropout, rand
    try:
        yield
    finally:
        functional.dropout, torch.rand = own


def tensor(array: Array, grad: bool) -> Any:
    floating = array.dtype.kind == "f"
    made = torch.tensor(array, dtype=torch.get_default_dtype() if floating else None)
    return made.requires_grad_(grad and floating)


def modules(model: Any) -> dict[str, Any]:
    return dict(model.named_modules())


def modules_by_every_name(model: Any) -> dict[str, Any]:
    return dict(model.named_modules(remove_duplicate=False))


def children(module: Any) -> dict[str, Any]:
    return {name: child for name, child in module._modules.items() if child is not None}


def set_child(module: Any, name: str, child: Any) -> None:
    module._modules[name] = child


def parameters(model: Any) -> dict[str, Any]:
    """By every name that a parameter has."""
    return dict(model.named_parameters(remove_duplicate=False))


def tensors(model: Any) -> dict[str, Any]:
    """Parameters and buffers of floating dtype."""
    found = {**parameters(model), **dict(model.named_buffers(remove_duplicate=False))}
    return {name: value for name, value in found.items() if value.is_floating_point()}


def array(value: Any) -> Array:
    return value.detach().numpy().copy()


def write(target: Any, value: Array) -> None:
    with torch.no_grad():
        target.copy_(torch.tensor(value))


def freeze(parameter: Any) -> None:
    parameter.requires_grad_(False)


def is_tensor(value: Any) -> bool:
    return isinstance(value, torch.Tensor)


def is_float(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.is_floating_point()


def tracks(value: Any) -> bool:
    """Whether a gradient flows back from here."""
    return bool(value.requires_grad)


def hooked(value: Any, change: Callable[[Any], Any]) -> Any:
    """The same values; the gradient is changed on its way back, where one is wanted at all."""
    value = value.clone()
    if tracks(value):
        value.register_hook(change)
    return value


def cast(value: Any, dtype: str) -> Any:
    return value.to(getattr(torch, dtype))


def dtype(value: Any) -> str:
    return str(value.dtype).removeprefix("torch.")


def clamp(value: Any, low: float, high: float) -> Any:
    return torch.clamp(value, low, high)


def flip(value: Any, axis: int) -> Any:
    return torch.flip(value, (axis,))


def roll(value: Any, axis: int) -> Any:
    return torch.roll(value, 1, axis)


def turned(value: Any) -> Any:
    """The last two axes exchanged."""
    return value.transpose(-1, -2)


def relu(value: Any) -> Any:
    return torch.relu(value)


def sqrt(value: Any) -> Any:
    return torch.sqrt(value)


def rounded(value: Any) -> Any:
    return torch.round(value)


def where(condition: Any, left: Any, right: Any) -> Any:
    return torch.where(condition, left, right)


def full_like(value: Any, number: float) -> Any:
    return torch.full_like(value, number)


def arange(size: int, like: Any) -> Any:
    return torch.arange(size, dtype=like.dtype)


def sort(value: Any) -> Any:
    return torch.sort(value, dim=-1).values


def identity() -> Any:
    return nn.Identity()


def activation(name: str) -> Any:
    return getattr(nn, {"silu": "SiLU", "relu": "ReLU", "gelu": "GELU", "tanh": "Tanh", "leaky": "LeakyReLU"}[name])()


def backward(outputs: list[tuple[Any, Array]]) -> None:
    """Send a gradient into each output that takes one."""
    total: Any = 0.0
    for value, direction in outputs:
        if is_float(value) and tracks(value):
            total = total + (value * torch.tensor(direction, dtype=value.dtype)).sum()
    if is_tensor(total):
        total.backward()


def step(model: Any) -> None:
    """One step of plain SGD."""
    trained = [p for p in model.parameters() if p.requires_grad]
    if trained:
        torch.optim.SGD(trained, lr=LEARNING_RATE).step()
