"""How a block is plugged into any torch model: as a child that a hook calls, so that no tensor changes its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from nlblocks.backend import DTYPES, Call, Where, mirrored
from nlblocks.errors import InputError, known
from nlblocks.specs.base import BlockSpec
from nlblocks_torch.block import Block, deferred_initialisation

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


class TorchHost:
    """The part of the backend that works on models which are not its own."""

    def hosts(self, model: Any) -> bool:
        return isinstance(model, nn.Module)

    def modules(self, model: nn.Module) -> dict[str, nn.Module]:
        return dict(model.named_modules(remove_duplicate=False))

    def observe(self, model: nn.Module, modules: Sequence[nn.Module], example: Any) -> list[list[Call]]:
        calls: list[list[Call]] = [[] for _ in modules]
        pairs = zip(modules, calls, strict=True)
        handles = [module.register_forward_hook(partial(_record, log)) for module, log in pairs]
        modes = {module: module.training for module in model.modules()}
        like = _like(model)
        source = torch.as_tensor(example, device=like.device)
        try:
            model.eval()
            with torch.no_grad():
                model(source.to(like.dtype) if source.is_floating_point() else source)
        finally:
            for handle in handles:
                handle.remove()
            for module, mode in modes.items():
                module.training = mode
        return calls

    def build_at(self, spec: BlockSpec, *, seed: int, model: nn.Module, site: nn.Module) -> nn.Module:
        like = _like(site, model)
        dtype = str(like.dtype).removeprefix("torch.")
        if dtype not in DTYPES:
            raise InputError(f"insert: the model holds {dtype}; a block can be one of {known(DTYPES)}")
        with deferred_initialisation():  # it is drawn below, in the model's dtype
            block: Block = mirrored("nlblocks_torch", type(spec).__name__)(spec)
        block.to(device=like.device, dtype=like.dtype)
        block.reset_parameters(seed)
        return block

    def plug(self, model: nn.Module, path: str, module: nn.Module, *, name: str, where: Where) -> Callable[[], object]:
        site = model.get_submodule(path)
        module.train(site.training)
        if where == "replace":
            above, _, last = path.rpartition(".")
            parent = model.get_submodule(above)
            parent._modules[last] = module
            return lambda: parent._modules.update({last: site})
        if type(site).forward is nn.Sequential.forward:  # it calls its children in order: the block is one of them
            site.add_module(name, module)
            if where == "before":
                rest = [child for child in site._modules if child != name]
                for child in rest:
                    site._modules[child] = site._modules.pop(child)
            return partial(site._modules.pop, name)
        if isinstance(site, CONTAINERS):
            raise InputError(
                f"insert: {path!r} is a {type(site).__name__}, a container that runs its children itself; "
                "insert at one of them"
            )
        site.add_module(name, module)
        if where == "before":
            handle = site.register_forward_pre_hook(_Before(name), prepend=True)
        else:
            handle = site.register_forward_hook(_After(name))  # runs after those that are there

        def undo() -> None:
            handle.remove()
            del site._modules[name]

        return undo


class _After:
    """The hook of a child that gets the module's output. It knows the child by name: copies call their own."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, site: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
        if not isinstance(output, Tensor):
            raise InputError(f"{type(site).__name__} returns {_describe(output)}; {self.name} after it needs a tensor")
        return getattr(site, self.name)(output)


class _Before:
    """The hook of a child that gets the module's first argument."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, site: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        if not args or not isinstance(args[0], Tensor):
            found = _describe(args[0]) if args else "no positional argument"
            raise InputError(f"{type(site).__name__} gets {found} first; {self.name} before it needs a tensor there")
        return (getattr(site, self.name)(args[0]), *args[1:])


def _record(log: list[Call], module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
    log.append(Call(input=_shape(args[0]) if args else None, output=_shape(output)))


def _shape(value: Any) -> tuple[int, ...] | None:
    return tuple(value.shape) if isinstance(value, Tensor) else None


def _like(*modules: nn.Module) -> Tensor:
    """The first floating tensor of the first module that has one: its dtype and device are the block's."""
    tensors = (tensor for module in modules for tensor in (*module.parameters(), *module.buffers()))
    return next((tensor for tensor in tensors if tensor.is_floating_point()), torch.empty(0))


def _describe(value: Any) -> str:
    return f"a {type(value).__name__}"
