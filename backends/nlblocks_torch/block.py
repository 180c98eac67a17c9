"""The base of every torch block: it resolves the spec and starts from the spec's initialisation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch

from nlblocks.init import initial_state
from nlblocks.specs.base import BlockSpec, resolve_spec


class Block(torch.nn.Module):
    """An ordinary torch module that carries its ``spec``; its state dict has the names and shapes of ``spec.params()``.

    ``Block(spec)`` and ``Block(**options of the spec)`` are the same. ``seed`` fixes the weights; None draws a seed
    from torch's own generator, so ``torch.manual_seed`` governs it.
    """

    spec_type: ClassVar[type[BlockSpec]]
    spec: Any

    def __init__(self, spec: BlockSpec | None, options: Mapping[str, Any]) -> None:
        super().__init__()
        self.spec = resolve_spec(self.spec_type, spec, options)

    def reset_parameters(self, seed: int | None = None) -> None:
        """Write the spec's initialisation, cast to each parameter's dtype."""
        if seed is None:
            seed = int(torch.randint(2**62, ()))
        assign(self, {name: torch.from_numpy(array) for name, array in initial_state(self.spec, seed).items()})

    def check_input(self, x: torch.Tensor) -> None:
        """Raise InputError, in one line, unless the spec can process a tensor of this shape."""
        self.spec.check_input(tuple(x.shape))

    def extra_repr(self) -> str:
        fields = self.spec.to_dict()
        return ", ".join(f"{k}={v!r}" for k, v in fields.items() if k not in ("kind", "schema") and v is not None)


def tensors(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Parameters and buffers, detached, under their own names, which are the canonical ones."""
    return {name: tensor.detach() for name, tensor in module.state_dict(keep_vars=True).items()}


@torch.no_grad()
def assign(module: torch.nn.Module, values: Mapping[str, torch.Tensor]) -> None:
    """Copy canonical tensors into the module, in place, cast to each target's dtype and device."""
    own = tensors(module)
    for name, value in values.items():
        own[name].copy_(value)
