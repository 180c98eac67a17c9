"""What torch's objects are called: the proof of a port asks (:mod:`nlblocks.port`)."""

from __future__ import annotations

from torch import nn

Entries = list[tuple[tuple[str, ...], str, str, tuple[int, ...], str]]


class TorchNaming:
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


naming = TorchNaming()
