"""How a block is plugged into any Paddle model: as a child that a hook calls, so that no tensor changes its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import paddle
from paddle import Tensor, nn

from nlblocks.backend import DTYPES, Call, Where, mirrored
from nlblocks.errors import InputError, known
from nlblocks.specs.base import BlockSpec
from nlblocks_paddle.block import Block, deferred_initialisation

CONTAINERS = (nn.Sequential, nn.LayerList, nn.LayerDict)


class PaddleHost:
    """The part of the backend that works on models which are not its own."""

    def hosts(self, model: Any) -> bool:
        return isinstance(model, nn.Layer)

    def modules(self, model: nn.Layer) -> dict[str, nn.Layer]:
        found = {"": model}
        for name, child in model._sub_layers.items():
            if child is not None:
                found |= {f"{name}.{path}" if path else name: layer for path, layer in self.modules(child).items()}
        return found

    def observe(self, model: nn.Layer, modules: Sequence[nn.Layer], example: Any) -> list[list[Call]]:
        calls: list[list[Call]] = [[] for _ in modules]
        handles = [
            layer.register_forward_post_hook(partial(_record, log))  # type: ignore[arg-type]
            for layer, log in zip(modules, calls, strict=True)
        ]
        modes = [(layer, layer.training) for layer in model.sublayers(include_self=True)]
        like = _like(model)
        source = example if isinstance(example, Tensor) else paddle.to_tensor(example, place=like.place)
        try:
            model.eval()
            with paddle.no_grad():
                model(source.astype(like.dtype) if source.is_floating_point() else source)
        finally:
            for handle in handles:
                handle.remove()
            for layer, mode in modes:
                layer.training = mode
        return calls

    def build_at(self, spec: BlockSpec, *, seed: int, model: nn.Layer, site: nn.Layer) -> nn.Layer:
        like = _like(site, model)
        dtype = str(like.dtype).removeprefix("paddle.")
        if dtype not in DTYPES:
            raise InputError(f"insert: the model holds {dtype}; a block can be one of {known(DTYPES)}")
        with deferred_initialisation():  # it is drawn below, in the model's dtype
            block: Block = mirrored("nlblocks_paddle", type(spec).__name__)(spec)
        block.to(device=like.place, dtype=dtype)
        block.reset_parameters(seed)
        return block

    def plug(self, model: nn.Layer, path: str, module: nn.Layer, *, name: str, where: Where) -> Callable[[], object]:
        modules = self.modules(model)
        site = modules[path]
        module.train() if site.training else module.eval()
        if where == "replace":
            above, _, last = path.rpartition(".")
            parent = modules[above]
            parent._sub_layers[last] = module
            return lambda: parent._sub_layers.update({last: site})
        if type(site).forward is nn.Sequential.forward:  # it calls its children in order: the block is one of them
            site.add_sublayer(name, module)
            if where == "before":
                rest = [child for child in site._sub_layers if child != name]
                for child in rest:
                    site._sub_layers[child] = site._sub_layers.pop(child)
            return partial(site._sub_layers.pop, name)
        if isinstance(site, CONTAINERS):
            raise InputError(
                f"insert: {path!r} is a {type(site).__name__}, a container that runs its children itself; "
                "insert at one of them"
            )
        site.add_sublayer(name, module)
        if where == "before":
            handle = site.register_forward_pre_hook(_Before(name))  # type: ignore[arg-type]
            site._forward_pre_hooks.move_to_end(handle._hook_id, last=False)
        else:
            handle = site.register_forward_post_hook(_After(name))  # type: ignore[arg-type]

        def undo() -> None:
            handle.remove()
            del site._sub_layers[name]

        return undo


class _After:
    """The hook of a child that gets the layer's output. It knows the child by name: copies call their own."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, site: nn.Layer, args: tuple[Any, ...], output: Any) -> Any:
        if not hasattr(output, "shape"):  # a Tensor, or a Value while Paddle traces
            raise InputError(f"{type(site).__name__} returns {_describe(output)}; {self.name} after it needs a tensor")
        return getattr(site, self.name)(output)


class _Before:
    """The hook of a child that gets the layer's first argument."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, site: nn.Layer, args: tuple[Any, ...]) -> tuple[Any, ...]:
        if not args or not hasattr(args[0], "shape"):
            found = _describe(args[0]) if args else "no positional argument"
            raise InputError(f"{type(site).__name__} gets {found} first; {self.name} before it needs a tensor there")
        return (getattr(site, self.name)(args[0]), *args[1:])


def _record(log: list[Call], layer: nn.Layer, args: tuple[Any, ...], output: Any) -> None:
    log.append(Call(input=_shape(args[0]) if args else None, output=_shape(output)))


def _shape(value: Any) -> tuple[int, ...] | None:
    return tuple(value.shape) if isinstance(value, Tensor) else None


def _like(*layers: nn.Layer) -> Tensor:
    """The first floating tensor of the first layer that has one: its dtype and place are the block's."""
    tensors = (tensor for layer in layers for tensor in (*layer.parameters(), *layer.buffers()))
    return next((tensor for tensor in tensors if tensor.is_floating_point()), paddle.empty([0]))


def _describe(value: Any) -> str:
    return f"a {type(value).__name__}"
