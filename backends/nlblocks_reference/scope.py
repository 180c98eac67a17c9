"""How a formula reads its weights, by name, and returns its moved running statistics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Scope:
    """A view of a state under a dotted prefix: ``p["g.weight"]`` reads, ``p("nl_1")`` narrows."""

    def __init__(
        self, state: Mapping[str, Array], *, training: bool, generator: np.random.Generator, prefix: str = ""
    ) -> None:
        self.training = training
        self.generator = generator
        self.updates: dict[str, Array] = {}
        self._state, self._prefix = state, prefix

    def __getitem__(self, name: str) -> Array:
        full = self._prefix + name
        return self.updates[full] if full in self.updates else self._state[full]  # of a layer that is called twice

    def __contains__(self, name: str) -> bool:
        return self._prefix + name in self._state

    def __call__(self, name: str) -> Scope:
        inner = Scope(self._state, training=self.training, generator=self.generator, prefix=f"{self._prefix}{name}.")
        inner.updates = self.updates
        return inner

    def update(self, name: str, value: Array) -> None:
        """Record the new value of a buffer."""
        self.updates[self._prefix + name] = value
