"""The NumPy reference behind the core's Backend protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nlblocks.backend import Array, DType, Run, mirrored
from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.inputs import Each, joined, mapped, parts
from nlblocks_reference.block import Block

STEP = 1e-200
"""Of the complex step: so small that its square is 0, or it would break ties between zeros."""


class ReferenceBackend:
    """Forward only, float64 only: the third opinion."""

    name = "reference"
    differentiable = False

    def build(self, spec: BlockSpec, *, seed: int, dtype: DType) -> Block:
        if dtype != "float64":
            raise InputError(f"the reference computes in float64 only, received dtype={dtype!r}")
        block: Block = mirrored("nlblocks_reference", type(spec).__name__)(spec, seed=seed)
        return block

    def owns(self, module: Any) -> bool:
        return isinstance(module, Block)

    def dtype(self, module: Block) -> DType:
        return "float64"

    def tensors(self, module: Block) -> dict[str, Array]:
        return dict(module.state)

    def assign(self, module: Block, tensors: Mapping[str, Any]) -> None:
        for name, tensor in tensors.items():
            module.state[name] = np.array(np.from_dlpack(tensor), dtype=np.float64)

    def to_numpy(self, tensor: Array) -> Array:
        return tensor

    def run(self, module: Block, x: Each, *, training: bool, grad_output: Array | None, return_attention: bool) -> Run:
        mode = module.training
        module.train(training)
        try:
            output, maps, updates = module.evaluate(module.state, mapped(lambda part: part.astype(np.float64), x))
        finally:
            module.train(mode)
        single = maps["attention"] if set(maps) == {"attention"} else maps
        return Run(
            output=output,
            attention=single if return_attention else None,
            state_after={name: updates.get(name, value).copy() for name, value in module.state.items()},
        )

    def derivative(self, module: Block, x: Each, direction: Mapping[str, Each], *, training: bool) -> Array:
        """The exact derivative of the output along ``direction``: a step for each named tensor, "" for the input.

        A complex step: Im f(x + i·h·d) / h has no subtraction, so it is exact to rounding.
        """
        mode = module.training
        module.train(training)
        state = {
            name: value + 1j * STEP * direction[name] if name in direction else value
            for name, value in module.state.items()
        }
        try:
            steps = parts(direction[""]) if "" in direction else (0.0,) * len(parts(x))
            moved = [part + 1j * STEP * step for part, step in zip(parts(x), steps, strict=True)]
            output, _, _ = module.evaluate(state, joined(moved))
        finally:
            module.train(mode)
        return output.imag / STEP


backend = ReferenceBackend()
