"""What a port asks of torch: what its objects are called, and how a model is fed (:mod:`nlblocks.port`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

Entries = list[tuple[tuple[str, ...], str, str, tuple[int, ...], str]]


class TorchPorting:
    """Names of torch's objects."""

    def class_name(self, kind: type) -> str:
        """The nearest class of torch's that a class is or derives from."""
        base = next((base for base in kind.__mro__ if base.__module__.startswith("torch.nn.")), kind)
        return f"torch.nn.{base.__name__}"

    def entries(self, model: nn.Module) -> Entries:
        """Every tensor of a model's state: the path of its module, its name there, its class, shape and full name."""
        found: Entries = []
        told = set()

        def walk(module: nn.Module, path: tuple[str, ...]) -> None:
            kept = {**module._parameters, **module._buffers}
            for name, tensor in kept.items():
                if tensor is not None and id(tensor) not in told and name not in module._non_persistent_buffers_set:
                    told.add(id(tensor))
                    full = ".".join([*path, name])
                    found.append((path, name, self.class_name(type(module)), tuple(tensor.shape), full))
            for name, child in module._modules.items():
                if child is not None:
                    walk(child, (*path, name))

        walk(model, ())
        return found

    def tensor(self, array: Any) -> torch.Tensor:
        return torch.from_numpy(array)

    def seed(self, seed: int) -> None:
        torch.manual_seed(seed)

    def without_gradients(self) -> Any:
        return torch.no_grad()

    def alone(self, model: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
        """Why a batch normalisation of the model does not train on these inputs: "single", "layout", or "" if it does.

        "single": they are one value a channel, which it refuses. "layout": it misreads the gradient of one sample that
        lies with its channels last, so that its bias does not get the sum of what comes in (seen in torch 2.13).
        """
        state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        kept = [(vars(module), dict(vars(module))) for module in model.modules()]  # what it caches as it runs goes
        sums: dict[str, torch.Tensor] = {}
        norms = {n: m for n, m in model.named_modules() if isinstance(m, _BatchNorm) and m.bias is not None}
        hooks = [norm.register_forward_hook(partial(_summed, sums, name)) for name, norm in norms.items()]
        try:
            _backward(model.train()(*args, **kwargs))
            return "layout" if any(_apart(norms[name].bias.grad, sums[name]) for name in sums) else ""
        except Exception as error:
            return "single" if "more than 1 value per channel" in str(error) else ""
        finally:
            for hook in hooks:
                hook.remove()
            model.zero_grad(set_to_none=True)
            for now, before in kept:
                now.clear()
                now.update(before)
            model.load_state_dict(state)

    def state(self, model: nn.Module) -> dict[str, Any]:
        """The arrays of a model's state, by name."""
        return {name: tensor.detach().cpu().numpy() for name, tensor in model.state_dict().items()}

    def load(self, model: nn.Module, arrays: Mapping[str, Any]) -> None:
        """Write arrays into a model's state: all of it, and nothing else."""
        model.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})

    def wrapped(self, model: nn.Module, nested: Callable[..., tuple[Sequence[Any], Mapping[str, Any]]]) -> nn.Module:
        """The model behind a module that is called with tensors one by one, and nests them as the model takes them."""
        return _Nested(model, nested)


OFF = 1e-3
"""How far, in units of the gradients' magnitudes, the two sums of one bias may be apart in float32."""


def _summed(sums: dict[str, torch.Tensor], name: str, norm: nn.Module, args: Any, out: torch.Tensor) -> None:
    """Note what a channel's bias is to get: the sum of the gradient that comes in, beside that of its magnitudes."""

    def note(gradient: torch.Tensor) -> None:
        axes = [axis for axis in range(gradient.dim()) if axis != 1]
        found = torch.stack([gradient.sum(axes), gradient.abs().sum(axes)])
        sums[name] = sums[name] + found if name in sums else found

    if out.requires_grad:
        out.register_hook(note)


def _apart(bias: torch.Tensor | None, sums: torch.Tensor) -> bool:
    return bias is not None and bool(((bias - sums[0]).abs() > OFF * sums[1]).any())


def _backward(found: Any) -> None:
    """Send a gradient of distinct values into whatever a model gave."""
    outputs = [leaf for leaf in _leaves(found) if leaf.requires_grad]
    sent = [torch.linspace(-1, 2, out.numel()).reshape(out.shape).to(out) for out in outputs]
    torch.autograd.backward(outputs, sent)


def _leaves(found: Any) -> list[torch.Tensor]:
    if isinstance(found, dict | list | tuple):
        return [leaf for item in (found.values() if isinstance(found, dict) else found) for leaf in _leaves(item)]
    return [found] if isinstance(found, torch.Tensor) else []


class _Nested(nn.Module):
    def __init__(self, model: nn.Module, nested: Callable[..., tuple[Sequence[Any], Mapping[str, Any]]]) -> None:
        super().__init__()
        self.model, self.nested = model, nested

    def forward(self, *tensors: torch.Tensor) -> Any:
        args, kwargs = self.nested(tensors)
        return self.model(*args, **kwargs)


porting = TorchPorting()
