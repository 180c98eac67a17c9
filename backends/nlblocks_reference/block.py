"""The base of every reference block: a spec, a state of NumPy arrays, and a formula."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np

from nlblocks.init import generator, initial_state
from nlblocks.specs.base import BlockSpec, resolve_spec
from nlblocks.specs.inputs import Each, joined, mapped, parts, shape_of, split
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
    def compute(spec: Any, p: Scope, *inputs: Any, **_: Any) -> tuple[Array, Maps]:
        """The output and the attention maps of the inputs; ``p`` reads weights and collects running statistics."""
        raise NotImplementedError

    def train(self, mode: bool = True) -> Self:
        self.training = mode
        return self

    def eval(self) -> Self:
        return self.train(False)

    def __call__(self, *inputs: Any, return_attention: bool = False) -> Any:
        """The output, and with ``return_attention`` a pair of it and the map: a dict of maps where there are several.

        Inputs of any real dtype are computed in float64; B, C and the extents are those of the spec's docstring.
        """
        if len(inputs) > len(self.spec.inputs) and isinstance(inputs[-1], bool):  # it may be given behind them
            inputs, return_attention = inputs[:-1], inputs[-1]
        x = joined(map(np.asarray, split(self.spec, joined(inputs))))
        self.spec.check_input(shape_of(x))
        output, maps, updates = self.evaluate(
            self.state, mapped(lambda part: part if np.iscomplexobj(part) else part.astype(np.float64), x)
        )
        self.state.update(updates)
        if not return_attention:
            return output
        return output, maps["attention"] if set(maps) == {"attention"} else maps

    def evaluate(self, state: Mapping[str, Array], x: Each) -> tuple[Array, Maps, dict[str, Array]]:
        """(output, maps, moved running statistics) under a given state; nothing is stored."""
        scope = Scope(state, training=self.training, generator=generator(0, "dropout"))
        output, maps = self.compute(self.spec, scope, *parts(x))
        return output, maps, scope.updates
