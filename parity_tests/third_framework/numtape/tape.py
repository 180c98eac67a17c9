"""Tensors, and the tape that takes a gradient back to where they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

import numtape

Array = np.ndarray[Any, Any]
state: dict[str, Any] = {"dtype": "float32", "recording": True, "random": np.random.default_rng(0)}
"""The dtype of new parameters, whether a tape is written, and where random numbers come from."""


@contextmanager
def using(**changes: Any) -> Iterator[None]:
    """Within, some of ``state`` is another."""
    before = dict(state)
    state.update(changes)
    try:
        yield
    finally:
        state.update(before)


class Tensor:
    """An array, what it was made of, and how a gradient goes back there."""

    def __init__(self, data: Any, made_of: Sequence[Any] = (), back: Any = None, trainable: bool = False) -> None:
        self.data = np.asarray(data)
        taped: bool = state["recording"] and any(isinstance(t, Tensor) and t.trainable for t in made_of)
        self.made_of: tuple[Any, ...] = tuple(made_of) if taped else ()
        self.back: Any = back if taped else None
        self.trainable: bool = trainable or taped
        self.grad: Array | None = None

    shape = property(lambda self: self.data.shape)
    dtype = property(lambda self: self.data.dtype)

    def __add__(self, other: Any) -> Tensor:
        return numtape.add(self, other)

    def __sub__(self, other: Any) -> Tensor:
        return numtape.sub(self, other)

    def __mul__(self, other: Any) -> Tensor:
        return numtape.mul(self, other)


def backward(
    outputs: Sequence[Tensor], gradients: Sequence[Array],
    visit: Callable[[Tensor, Array], Array] = lambda tensor, gradient: gradient,
) -> None:  # fmt: skip
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
