"""The base of every reference block: a spec, a state of NumPy arrays, and a formula."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self, overload

import numpy as np

from nlblocks.init import generator, initial_state
from nlblocks.specs.base import BlockSpec, resolve_spec
from nlblocks.specs.signature import spell_block
from nlblocks_reference.scope import Array, Scope

Maps = dict[str, Array]


class Block:
    """A forward-only block: ``compute`` is the formula, the rest is bookkeeping.

    Real input is computed in float64. Complex weights or inputs pass through the formula unchanged in kind, which
    is how exact directional derivatives are taken: maxima and ReLU follow the real part.
    """

    spec_type: ClassVar[type[BlockSpec]]
    spec: Any

    def __init_subclass__(cls) -> None:
        if "spec_type" in vars(cls):  # a block, and no subclass of one, which has arguments of its own
            spell_block(cls, cls.spec_type)

    def __init__(self, spec: BlockSpec | None = None, *, seed: int | None = None, **options: Any) -> None:
        self.spec = resolve_spec(self.spec_type, spec, options)
        self.training = True
        seed = int(np.random.default_rng().integers(2**62)) if seed is None else seed
        self.state: dict[str, Array] = dict(initial_state(self.spec, seed))

    @staticmethod
    def compute(spec: Any, p: Scope, x: Array) -> tuple[Array, Maps]:
        """The output and the attention maps; ``p`` reads weights and collects running statistics."""
        raise NotImplementedError

    def train(self, mode: bool = True) -> Self:
        self.training = mode
        return self

    def eval(self) -> Self:
        return self.train(False)

    @overload
    def __call__(self, x: Array, return_attention: Literal[False] = False) -> Array: ...
    @overload
    def __call__(self, x: Array, return_attention: bool) -> Any: ...
    def __call__(self, x: Array, return_attention: bool = False) -> Any:
        """The output, and with ``return_attention`` a pair of it and the map: a dict of maps where there are several.

        x of any real dtype is computed in float64; B, C and the extents are those of the spec's docstring.
        """
        x = np.asarray(x)
        self.spec.check_input(x.shape)
        output, maps, updates = self.evaluate(self.state, x if np.iscomplexobj(x) else x.astype(np.float64))
        self.state.update(updates)
        if not return_attention:
            return output
        return output, maps["attention"] if set(maps) == {"attention"} else maps

    def evaluate(self, state: Mapping[str, Array], x: Array) -> tuple[Array, Maps, dict[str, Array]]:
        """(output, maps, moved running statistics) under a given state; nothing is stored."""
        scope = Scope(state, training=self.training, generator=generator(0, "dropout"))
        output, maps = self.compute(self.spec, scope, x)
        return output, maps, scope.updates
