"""numtape's one optimiser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numtape

from nlblocks.parity.optimising import Settings


def make(settings: Settings, parameters: list[Any]) -> numtape.SGD:
    return numtape.SGD(parameters, settings.lr)


def own(made: Any) -> bool:
    return type(made) is numtape.SGD


def gradient(parameter: Any) -> Any:
    return None if parameter.grad is None else np.array(parameter.grad)


def clear(parameter: Any) -> None:
    parameter.grad = None


@contextmanager
def stepping(told: Callable[[list[tuple[Any, Settings | None]]], None]) -> Iterator[None]:
    own_way = numtape.SGD.step

    def watched(self: Any) -> None:
        told([(p, Settings(rule="sgd", lr=self.rate)) for p in self.parameters if p.grad is not None])
        own_way(self)

    numtape.SGD.step = watched
    try:
        yield
    finally:
        numtape.SGD.step = own_way
