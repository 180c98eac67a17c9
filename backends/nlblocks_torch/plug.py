"""What plugging a block into a torch model takes (:mod:`nlblocks.host`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from itertools import chain
from threading import get_ident
from typing import Any

import torch
from torch import Tensor, nn

from nlblocks.backend import Array, mirrored
from nlblocks.host import ModuleHost, Undo
from nlblocks.specs.base import BlockSpec
from nlblocks_torch.block import Block, deferred_initialisation
from nlblocks_torch.compiled import refuse_program


def thread() -> int:
    """A number of the thread that runs; torch's compiler, which runs in one, cannot trace the question."""
    return 0 if torch.compiler.is_compiling() else get_ident()


class TorchHost(ModuleHost):
    """The part of the backend that works on models which are not its own."""

    module_type = nn.Module
    tensor_type = Tensor
    sequential = nn.Sequential
    containers = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
    kinds = {  # noqa: RUF012
        nn.Linear: "linear", nn.Embedding: "embedding", nn.PReLU: "prelu", nn.LayerNorm: "layer_norm",
        nn.GroupNorm: "group_norm", nn.Bilinear: "bilinear",
        **dict.fromkeys((nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d), "instance_norm"),
    }  # fmt: skip

    def check_open(self, model: nn.Module) -> None:
        refuse_program(model, "no block can be put into it")

    def children(self, module: nn.Module) -> dict[str, Any]:
        return module._modules

    def tensors_of(self, module: nn.Module) -> Iterator[Tensor]:
        return chain(module.parameters(), module.buffers())

    def saved(self, model: nn.Module) -> dict[str, Tensor]:
        return {name: value for name, value in model.state_dict().items() if isinstance(value, Tensor)}

    def restore(self, model: nn.Module, arrays: Mapping[str, Array]) -> None:
        own = self.saved(model)  # on the model's own memory
        for name, array in arrays.items():
            own[name].copy_(torch.as_tensor(array))

    def empty(self) -> Tensor:
        return torch.empty(0)

    def example(self, value: Any, like: Tensor) -> Tensor:
        source = torch.as_tensor(value, device=like.device)
        return source.to(like.dtype) if source.is_floating_point() else source

    def without_gradients(self) -> AbstractContextManager[object]:
        return torch.no_grad()

    def blank(self, spec: BlockSpec, like: Tensor) -> nn.Module:
        with deferred_initialisation():
            block: Block = mirrored("nlblocks_torch", type(spec).__name__)(spec)
        return block.to(device=like.device, dtype=like.dtype)

    def threads(self) -> Callable[[], int]:
        return thread

    def hook_after(self, module: nn.Module, hook: Callable[[Any, Any, Any], Any]) -> Undo:
        return module.register_forward_hook(hook).remove

    def hook_before(self, module: nn.Module, hook: Callable[[Any, Any], Any]) -> Undo:
        return module.register_forward_pre_hook(hook, prepend=True).remove
