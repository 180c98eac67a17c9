"""numtape behind the core's Backend protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import numtape

from nlblocks.backend import Array, DType, Run, mirrored
from nlblocks.errors import InputError
from nlblocks.specs.base import BlockSpec
from nlblocks_toy.block import Block, assign, canonical


class ToyBackend:
    name = "toy"
    differentiable = True

    def build(self, spec: BlockSpec, *, seed: int, dtype: DType) -> Block:
        if dtype == "bfloat16":
            raise InputError("numtape computes in float64, float32 and float16, received dtype=bfloat16")
        with numtape.using(dtype=dtype):
            block: Block = mirrored("nlblocks_toy", type(spec).__name__)(spec, seed=seed)
        return block

    def owns(self, module: Any) -> bool:
        return isinstance(module, Block)

    def dtype(self, module: Block) -> DType:
        return cast(DType, next(iter(module.tensors().values())).dtype.name)

    def tensors(self, module: Block) -> dict[str, Array]:
        return canonical(module, {name: tensor.data for name, tensor in module.tensors().items()})

    def assign(self, module: Block, tensors: Mapping[str, Any]) -> None:
        assign(module, {name: np.from_dlpack(tensor) for name, tensor in tensors.items()})

    def to_numpy(self, tensor: Array) -> Array:
        return tensor

    def run(self, module: Block, x: Array, *, training: bool, grad_output: Array | None, return_attention: bool) -> Run:
        own = module.tensors()
        before = {name: (tensor.data, tensor.grad) for name, tensor in own.items()}
        modes = {part: part.training for part in (module, *(part for _, part in module.parts()))}
        source = numtape.Tensor(np.array(x, self.dtype(module)), trainable=grad_output is not None)
        module.train(training)
        try:
            for tensor in own.values():
                tensor.grad = None
            with numtape.using(recording=grad_output is not None):
                result = module(source, return_attention=True) if return_attention else module(source)
            output, attention = result if return_attention else (result, None)
            if grad_output is not None:
                numtape.backward([output], [grad_output.astype(output.dtype)])
            grads = {name: tensor.grad for name, tensor in own.items() if tensor.grad is not None}
            return Run(
                output=output.data,
                attention=None if attention is None else attention.data,
                grad_input=source.grad,
                grad_params=canonical(module, grads),
                state_after={name: array.copy() for name, array in self.tensors(module).items()},
            )
        finally:
            for name, tensor in own.items():
                tensor.data, tensor.grad = before[name]
            for part, mode in modes.items():
                part.training = mode


backend = ToyBackend()
