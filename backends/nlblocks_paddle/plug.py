"""What plugging a block into a Paddle model takes (:mod:`nlblocks.host`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from itertools import chain
from typing import Any

import paddle
from paddle import Tensor, nn

from nlblocks.backend import Array, mirrored
from nlblocks.host import ModuleHost, Undo
from nlblocks.specs.base import BlockSpec
from nlblocks_paddle.block import Block, deferred_initialisation
from nlblocks_paddle.compiled import refuse_program


class PaddleHost(ModuleHost):
    """The part of the backend that works on models which are not its own."""

    module_type = nn.Layer
    tensor_type = Tensor
    sequential = nn.Sequential
    containers = (nn.Sequential, nn.LayerList, nn.LayerDict)
    kinds = {  # noqa: RUF012
        nn.Linear: "linear", nn.Embedding: "embedding", nn.PReLU: "prelu", nn.LayerNorm: "layer_norm",
        nn.GroupNorm: "group_norm", nn.Bilinear: "bilinear",
        **dict.fromkeys((nn.InstanceNorm1D, nn.InstanceNorm2D, nn.InstanceNorm3D), "instance_norm"),
    }  # fmt: skip

    def check_open(self, model: nn.Layer) -> None:
        refuse_program(model, "no block can be put into it")

    def children(self, module: nn.Layer) -> dict[str, Any]:
        return module._sub_layers

    def tensors_of(self, module: nn.Layer) -> Iterator[Tensor]:
        return chain(module.parameters(), module.buffers())

    def saved(self, model: nn.Layer) -> dict[str, Tensor]:
        return dict(model.state_dict())

    def restore(self, model: nn.Layer, arrays: Mapping[str, Array]) -> None:
        own = self.saved(model)
        for name, array in arrays.items():
            own[name].set_value(paddle.to_tensor(array, place=own[name].place).astype(own[name].dtype))

    def empty(self) -> Tensor:
        return paddle.empty([0])

    def example(self, value: Any, like: Tensor) -> Tensor:
        source = value if isinstance(value, Tensor) else paddle.to_tensor(value, place=like.place)
        return source.astype(like.dtype) if source.is_floating_point() else source

    def without_gradients(self) -> AbstractContextManager[object]:
        return paddle.no_grad()

    def blank(self, spec: BlockSpec, like: Tensor) -> nn.Layer:
        with deferred_initialisation():
            block: Block = mirrored("nlblocks_paddle", type(spec).__name__)(spec)
        block.to(device=like.place, dtype=like.dtype)
        return block

    def hook_after(self, module: nn.Layer, hook: Callable[[Any, Any, Any], Any]) -> Undo:
        return module.register_forward_post_hook(hook).remove

    def hook_before(self, module: nn.Layer, hook: Callable[[Any, Any], Any]) -> Undo:
        handle = module.register_forward_pre_hook(hook)
        module._forward_pre_hooks.move_to_end(handle._hook_id, last=False)
        return handle.remove
