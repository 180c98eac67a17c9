"""What a port asks of torch: what its objects are called, and how a model is fed (:mod:`nlblocks.port`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

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

    def is_single(self, model: nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
        """Whether a batch normalisation of the model does not train on these inputs: they are one value a channel."""
        state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        was = model.training
        try:
            with torch.no_grad():
                model.train()(*args, **kwargs)
        except Exception as error:
            return "more than 1 value per channel" in str(error)
        finally:
            model.load_state_dict(state)
            model.train(was)
        return False

    def state(self, model: nn.Module) -> dict[str, Any]:
        """The arrays of a model's state, by name."""
        return {name: tensor.detach().cpu().numpy() for name, tensor in model.state_dict().items()}

    def wrapped(self, model: nn.Module, nested: Callable[..., tuple[Sequence[Any], Mapping[str, Any]]]) -> nn.Module:
        """The model behind a module that is called with tensors one by one, and nests them as the model takes them."""
        return _Nested(model, nested)


class _Nested(nn.Module):
    def __init__(self, model: nn.Module, nested: Callable[..., tuple[Sequence[Any], Mapping[str, Any]]]) -> None:
        super().__init__()
        self.model, self.nested = model, nested

    def forward(self, *tensors: torch.Tensor) -> Any:
        args, kwargs = self.nested(tensors)
        return self.model(*args, **kwargs)


porting = TorchPorting()
