"""Paddle behind the core's Backend protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import paddle

from nlblocks.backend import Array, DType, Run, map_each, mirrored
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.inputs import Each, joined, parts
from nlblocks_paddle import block
from nlblocks_paddle.block import Block
from nlblocks_paddle.plug import PaddleHost


class PaddleBackend(PaddleHost):
    """Blocks are paddle.nn.Layers; arrays come and go on Paddle's current device."""

    name = "paddle"
    differentiable = True

    def build(self, spec: BlockSpec, *, seed: int, dtype: DType) -> Block:
        with block.deferred_initialisation():  # it is drawn below, in the dtype asked for
            layer: Block = mirrored("nlblocks_paddle", type(spec).__name__)(spec)
        layer.to(dtype=dtype)
        layer.reset_parameters(seed)
        return layer

    def owns(self, module: Any) -> bool:
        return isinstance(module, Block)

    def dtype(self, module: Block) -> DType:
        return cast(DType, str(block.like(module).dtype).removeprefix("paddle."))

    def tensors(self, module: Block) -> dict[str, paddle.Tensor]:
        return block.tensors(module)

    def assign(self, module: Block, tensors: Mapping[str, Any]) -> None:
        block.assign(module, {name: paddle.from_dlpack(tensor) for name, tensor in tensors.items()})

    def to_numpy(self, tensor: paddle.Tensor) -> Array:
        tensor = tensor.detach()
        return (tensor.astype("float32") if tensor.dtype == paddle.bfloat16 else tensor).numpy()

    def run(self, module: Block, x: Each, *, training: bool, grad_output: Array | None, return_attention: bool) -> Run:
        before = {name: tensor.clone() for name, tensor in block.tensors(module).items()}
        modes = [(layer, layer.training) for layer in module.sublayers(include_self=True)]
        module.train() if training else module.eval()
        try:
            sources = [
                paddle.to_tensor(part, dtype=self.dtype(module), stop_gradient=grad_output is None) for part in parts(x)
            ]
            with paddle.set_grad_enabled(grad_output is not None):
                result = module(*sources, return_attention=True) if return_attention else module(*sources)
            output, maps = result if return_attention else (result, None)
            of_inputs, grads = _gradients(module, sources, output, grad_output)
            return Run(
                output=self._copy(output),
                attention=map_each(self._copy, maps),
                grad_input=joined(map(self._copy, of_inputs)) if of_inputs else None,
                grad_params={name: self._copy(grad) for name, grad in grads.items()},
                state_after={name: self._copy(tensor) for name, tensor in block.tensors(module).items()},
            )
        finally:
            block.assign(module, before)
            for layer, mode in modes:
                layer.training = mode

    def _copy(self, tensor: paddle.Tensor) -> Array:
        return np.array(self.to_numpy(tensor))


def _gradients(
    layer: Block, sources: Sequence[paddle.Tensor], output: paddle.Tensor, grad_output: Array | None
) -> tuple[list[paddle.Tensor], dict[str, paddle.Tensor]]:
    """Gradients of the inputs, and of each parameter by name, but of those that the output ignores."""
    if grad_output is None:
        return [], {}
    if output.stop_gradient:  # as where no gradient is to flow
        return [paddle.zeros_like(source) for source in sources], {}
    named, linear = dict(layer.named_parameters()), block.linear_weights(layer)
    grads = paddle.grad(
        [output], [*sources, *named.values()], [paddle.to_tensor(grad_output, dtype=output.dtype)], allow_unused=True
    )
    of_inputs = [paddle.zeros_like(x) if grad is None else grad for x, grad in zip(sources, grads, strict=False)]
    found = zip(named, grads[len(sources) :], strict=True)
    return of_inputs, {name: grad.t() if name in linear else grad for name, grad in found if grad is not None}


backend = PaddleBackend()
