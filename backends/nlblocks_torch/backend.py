"""torch behind the core's Backend protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch
from torch.utils.dlpack import from_dlpack

from nlblocks.backend import Array, DType, Run, map_each, mirrored
from nlblocks.specs.base import BlockSpec
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

    def run(self, module: Block, x: Array, *, training: bool, grad_output: Array | None, return_attention: bool) -> Run:
        own = block.tensors(module)
        before = {name: tensor.clone() for name, tensor in own.items()}
        modes = {child: child.training for child in module.modules()}
        like = block.like(module)
        module.train(training)
        try:
            source = torch.as_tensor(x.copy(), dtype=like.dtype, device=like.device)
            source.requires_grad_(grad_output is not None)
            with torch.set_grad_enabled(grad_output is not None):
                result = module(source, return_attention=True) if return_attention else module(source)
            output, maps = result if return_attention else (result, None)
            grads = _gradients(module, source, output, grad_output)
            return Run(
                output=self._copy(output),
                attention=map_each(self._copy, maps),
                grad_input=self._copy(grads.pop("")) if grads else None,
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
    module: Block, source: torch.Tensor, output: torch.Tensor, grad_output: Array | None
) -> dict[str, torch.Tensor]:
    """Gradient of each parameter by name, but of those that the output ignores, and of the input under ""."""
    if grad_output is None:
        return {}
    none = {"": torch.zeros_like(source)}
    if not output.requires_grad:  # as where no gradient is to flow
        return none
    targets = {"": source, **dict(module.named_parameters())}
    grads = torch.autograd.grad(
        output, list(targets.values()), torch.as_tensor(grad_output).to(output), allow_unused=True
    )
    return none | {name: grad for name, grad in zip(targets, grads, strict=True) if grad is not None}


backend = TorchBackend()
