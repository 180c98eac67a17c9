"""torch behind the core's Backend protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch.utils.dlpack import from_dlpack

from nlblocks.backend import Array, DType, Run, map_each, mirrored
from nlblocks.specs.base import BlockSpec
from nlblocks.specs.inputs import Each, joined, parts
from nlblocks_torch import block
from nlblocks_torch.block import Block
from nlblocks_torch.plug import TorchHost


class TorchBackend(TorchHost):
    """Blocks are torch.nn.Modules; arrays come and go on the module's own device."""

    name = "torch"
    differentiable = True

    def build(self, spec: BlockSpec, *, seed: int, dtype: DType) -> Block:
        with block.deferred_initialisation():  # it is drawn below, in the dtype asked for
            module: Block = mirrored("nlblocks_torch", type(spec).__name__)(spec)
        module.to(getattr(torch, dtype))
        module.reset_parameters(seed)
        return module

    def owns(self, module: Any) -> bool:
        return isinstance(module, Block)

    def dtype(self, module: Block) -> DType:
        return cast(DType, str(block.like(module).dtype).removeprefix("torch."))

    def tensors(self, module: Block) -> dict[str, torch.Tensor]:
        return block.tensors(module)

    def assign(self, module: Block, tensors: Mapping[str, Any]) -> None:
        block.assign(module, {name: from_dlpack(tensor) for name, tensor in tensors.items()})

    def to_numpy(self, tensor: torch.Tensor) -> Array:
        tensor = tensor.detach().cpu()
        return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()

    def run(self, module: Block, x: Each, *, training: bool, grad_output: Array | None, return_attention: bool) -> Run:
        own = block.tensors(module)
        before = {name: tensor.clone() for name, tensor in own.items()}
        modes = {child: child.training for child in module.modules()}
        like = block.like(module)
        module.train(training)
        try:
            sources = [torch.as_tensor(part.copy(), dtype=like.dtype, device=like.device) for part in parts(x)]
            for source in sources:
                source.requires_grad_(grad_output is not None)
            with torch.set_grad_enabled(grad_output is not None):
                result = module(*sources, return_attention=True) if return_attention else module(*sources)
            output, maps = result if return_attention else (result, None)
            of_inputs, grads = _gradients(module, sources, output, grad_output)
            return Run(
                output=self._copy(output),
                attention=map_each(self._copy, maps),
                grad_input=joined(map(self._copy, of_inputs)) if of_inputs else None,
                grad_params={name: self._copy(grad) for name, grad in grads.items()},
                state_after={name: self._copy(tensor) for name, tensor in own.items()},
            )
        finally:
            block.assign(module, before)
            for child, mode in modes.items():
                child.training = mode

    def _copy(self, tensor: torch.Tensor) -> Array:
        return np.array(self.to_numpy(tensor))


def _gradients(
    module: Block, sources: Sequence[torch.Tensor], output: torch.Tensor, grad_output: Array | None
) -> tuple[list[torch.Tensor], dict[str, torch.Tensor]]:
    """Gradients of the inputs, and of each parameter by name, but of those that the output ignores."""
    if grad_output is None:
        return [], {}
    if not output.requires_grad:  # as where no gradient is to flow
        return [torch.zeros_like(source) for source in sources], {}
    named = dict(module.named_parameters())
    grads = torch.autograd.grad(
        output, [*sources, *named.values()], torch.as_tensor(grad_output).to(output), allow_unused=True
    )
    of_inputs = [torch.zeros_like(x) if grad is None else grad for x, grad in zip(sources, grads, strict=False)]
    found = zip(named, grads[len(sources) :], strict=True)
    return of_inputs, {name: grad for name, grad in found if grad is not None}


backend = TorchBackend()
