"""What is done with a Paddle model, by Paddle's plain API. ``torch_side`` has the same functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import paddle
from paddle import nn

from benchmarks.soundness.draws import Draws

Array = np.ndarray[Any, Any]
PACKAGE = "paddle"
LEARNING_RATE = 0.1


@contextmanager
def float64() -> Iterator[None]:
    """Models and tensors made inside hold float64."""
    before = paddle.get_default_dtype()
    paddle.set_default_dtype("float64")
    try:
        yield
    finally:
        paddle.set_default_dtype(before)


@contextmanager
def same_draws() -> Iterator[None]:
    """Dropout and ``rand`` take their numbers from the count of draws so far, as they do on the other side."""
    draws, functional = Draws(), paddle.nn.functional
    own = functional.dropout, paddle.rand

    def dropout(
        x: Any, p: float = 0.5, axis: Any = None, training: bool = True, mode: str = "upscale_in_train", **_: Any
    ) -> Any:
        if mode != "upscale_in_train":
            return x * (1.0 - p) if not training else x * paddle.to_tensor(draws.mask(tuple(x.shape), p) * (1.0 - p))
        if not training or p == 0:
            return x
        return x * paddle.to_tensor(draws.mask(tuple(x.shape), p)).astype(x.dtype)

    def rand(shape: Any, dtype: Any = None, **_: Any) -> Any:
        made = paddle.to_tensor(draws.uniform(tuple(int(n) for n in shape)))
        return made.astype(dtype or paddle.get_default_dtype())

    functional.dropout, paddle.rand = dropout, rand  # type: ignore[assignment]
    try:
        yield
    finally:
        functional.dropout, paddle.rand = own


def tensor(array: Array, grad: bool) -> Any:
    floating = array.dtype.kind == "f"
    array = array.astype(paddle.get_default_dtype()) if floating else array
    return paddle.to_tensor(array, stop_gradient=not (grad and floating))


def modules(model: Any) -> dict[str, Any]:
    return dict(model.named_sublayers(include_self=True))


def modules_by_every_name(model: Any, path: str = "") -> dict[str, Any]:
    found = {path: model}
    for name, child in children(model).items():
        found |= modules_by_every_name(child, f"{path}.{name}".lstrip("."))
    return found


def children(module: Any) -> dict[str, Any]:
    return {name: child for name, child in module._sub_layers.items() if child is not None}


def set_child(module: Any, name: str, child: Any) -> None:
    module._sub_layers[name] = child


def parameters(model: Any) -> dict[str, Any]:
    """By every name that a parameter has."""
    trained = {id(parameter) for parameter in model.parameters()}
    return {name: value for name, value in model.state_dict().items() if id(value) in trained}


def tensors(model: Any) -> dict[str, Any]:
    """Parameters and buffers of floating dtype."""
    return {name: value for name, value in model.state_dict().items() if value.is_floating_point()}


def array(value: Any) -> Array:
    return value.detach().numpy().copy()


def write(target: Any, value: Array) -> None:
    target.set_value(value.astype(dtype(target)))


def freeze(parameter: Any) -> None:
    parameter.stop_gradient = True


def is_tensor(value: Any) -> bool:
    return isinstance(value, paddle.Tensor)


def is_float(value: Any) -> bool:
    return isinstance(value, paddle.Tensor) and value.is_floating_point()


def tracks(value: Any) -> bool:
    """Whether a gradient flows back from here."""
    return not value.stop_gradient


def hooked(value: Any, change: Callable[[Any], Any]) -> Any:
    """The same values; the gradient is changed on its way back, where one is wanted at all."""
    value = value.clone()
    if tracks(value):
        value.register_hook(change)
    return value


def cast(value: Any, dtype: str) -> Any:
    return value.astype(dtype)


def dtype(value: Any) -> str:
    return str(value.dtype).rpartition(".")[2].lower()


def clamp(value: Any, low: float, high: float) -> Any:
    return paddle.clip(value, low, high)


def flip(value: Any, axis: int) -> Any:
    return paddle.flip(value, [axis])


def roll(value: Any, axis: int) -> Any:
    return paddle.roll(value, 1, axis)


def turned(value: Any) -> Any:
    """The last two axes exchanged."""
    return value.transpose([*range(value.ndim - 2), value.ndim - 1, value.ndim - 2])


def relu(value: Any) -> Any:
    return nn.functional.relu(value)


def sqrt(value: Any) -> Any:
    return paddle.sqrt(value)


def rounded(value: Any) -> Any:
    return paddle.round(value)


def where(condition: Any, left: Any, right: Any) -> Any:
    return paddle.where(condition, left, right)


def full_like(value: Any, number: float) -> Any:
    return paddle.full_like(value, number)


def arange(size: int, like: Any) -> Any:
    return paddle.arange(size, dtype=like.dtype)


def sort(value: Any) -> Any:
    return paddle.sort(value, axis=-1)


def identity() -> Any:
    return nn.Identity()


def activation(name: str) -> Any:
    return getattr(nn, {"silu": "Silu", "relu": "ReLU", "gelu": "GELU", "tanh": "Tanh", "leaky": "LeakyReLU"}[name])()


def backward(outputs: list[tuple[Any, Array]]) -> None:
    """Send a gradient into each output that takes one."""
    total: Any = 0.0
    for value, direction in outputs:
        if is_float(value) and tracks(value):
            total = total + (value * paddle.to_tensor(direction).astype(value.dtype)).sum()
    if is_tensor(total):
        total.backward()


def step(model: Any) -> None:
    """One step of plain SGD."""
    trained = [p for p in model.parameters() if not p.stop_gradient]
    if trained:
        paddle.optimizer.SGD(LEARNING_RATE, parameters=trained).step()
