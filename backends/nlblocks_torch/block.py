"""The base of every torch block: it resolves the spec and starts from the spec's initialisation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import chain
from typing import Any, ClassVar

import torch

from nlblocks.errors import InputError
from nlblocks.init import initial_state
from nlblocks.specs.base import BlockSpec, options_text, resolve_spec
from nlblocks.specs.inputs import joined, wrong_input
from nlblocks.specs.signature import spell_block

_deferred: ContextVar[bool] = ContextVar("deferred", default=False)


@contextmanager
def deferred_initialisation() -> Iterator[None]:
    """Blocks built in this context without a seed, nested ones too, are not initialised: the caller does it after."""
    token = _deferred.set(True)
    try:
        yield
    finally:
        _deferred.reset(token)


class Block(torch.nn.Module):
    """An ordinary torch module that carries its ``spec``; its state dict has the names and shapes of ``spec.params()``.

    ``Block(spec)`` and ``Block(**options of the spec)`` are the same. ``seed`` fixes the weights; None draws a seed
    from torch's own generator, so ``torch.manual_seed`` governs it.
    """

    spec_type: ClassVar[type[BlockSpec]]
    spec: Any

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "spec_type" in vars(cls):  # a block, and no subclass of one, which has arguments of its own
            spell_block(cls, cls.spec_type)

    def __init__(self, spec: BlockSpec | None, options: Mapping[str, Any]) -> None:
        super().__init__()
        self.spec = resolve_spec(self.spec_type, spec, options)
        if not self.spec.params():  # no part of the state: it only says the dtype and the device, which calls move
            self.register_buffer("_empty", torch.empty(0), persistent=False)

    def reset_parameters(self, seed: int | None = None) -> None:
        """Write the spec's initialisation, cast to each parameter's dtype."""
        if seed is None:
            if _deferred.get():
                return
            seed = int(torch.randint(2**62, (), device="cpu"))  # whatever the default device is
        assign(self, {name: torch.from_numpy(array) for name, array in initial_state(self.spec, seed).items()})

    def check_input(self, *inputs: torch.Tensor) -> None:
        """Raise InputError, in one line, unless these are tensors of shapes and numbers that the spec can process."""
        if isinstance(inputs[0], torch.fx.Proxy):
            raise InputError(
                f"{type(self).__name__}: torch.fx cannot see into a block, whose way depends on its input's extents; "
                "trace with a torch.fx.Tracer whose is_leaf_module is true of it"
            )
        for name, x in zip(self.spec.inputs, inputs, strict=True):
            if not isinstance(x, torch.Tensor) or not x.is_floating_point():
                raise wrong_input(self.spec, name, x, "torch.Tensor")
        self.spec.check_input(joined(tuple(x.shape) for x in inputs))

    def __prepare_scriptable__(self) -> Any:
        """Refuse what torch.jit.script asks for, which it would refuse itself in forty lines."""
        raise InputError(
            f"{type(self).__name__}: torch.jit.script does not compile blocks, which ask their spec as they run; use "
            "torch.jit.trace, torch.compile or torch.export"
        )

    def extra_repr(self) -> str:
        return options_text(self.spec)


def like(module: torch.nn.Module) -> torch.Tensor:
    """The tensor that says the block's dtype and device: its first, and that of a block without any is empty."""
    return next(chain(module.parameters(), module.buffers()))


def tensors(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Parameters and buffers, detached, under their own names, which are the canonical ones."""
    return {name: tensor.detach() for name, tensor in module.state_dict(keep_vars=True).items()}


@torch.no_grad()
def assign(module: torch.nn.Module, values: Mapping[str, torch.Tensor]) -> None:
    """Copy canonical tensors into the module, in place, cast to each target's dtype and device."""
    own = tensors(module)
    for name, value in values.items():
        own[name].copy_(value)
