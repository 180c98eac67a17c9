"""A model made ready for one run: in another dtype and mode, with a state of its own, and put back afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from nlblocks.backend import Array
from nlblocks.parity.recording.framework import Framework
from nlblocks.parity.recording.options import RunOptions


@contextmanager
def prepared(framework: Framework, model: Any, options: RunOptions, state: Mapping[str, Array]) -> Iterator[None]:
    """Within, parameters, buffers and tensors that are plain attributes hold ``state``, or copies of what they held."""
    names = {id(tensor): name for name, tensor in framework.named(model).items()}
    made: dict[int, Any] = {}

    def own(tensor: Any) -> Any:
        """A private tensor in its place, the same one wherever it is used."""
        if id(tensor) not in made:
            name = names.get(id(tensor))
            made[id(tensor)] = framework.copy(tensor, options.dtype, None if name is None else state[name])
        return made[id(tensor)]

    modules = list(framework.modules(model).values())
    modes = [module.training for module in modules]
    buffers = [(own_dict, dict(own_dict)) for own_dict in map(framework.buffers, modules)]
    plain = [
        {name: value for name, value in vars(module).items() if isinstance(value, framework.tensor_type)}
        for module in modules
    ]
    with framework.within(options.dtype, gradients=options.backward):
        try:
            model.train() if options.training else model.eval()
            with framework.lent([(parameter, own(parameter)) for parameter in framework.parameters(model)]):
                for module, (held, tensors), found in zip(modules, buffers, plain, strict=True):
                    held.update({name: own(tensor) for name, tensor in tensors.items() if tensor is not None})
                    vars(module).update({name: own(tensor) for name, tensor in found.items()})
                yield
        finally:
            for module, mode, (held, tensors), found in zip(modules, modes, buffers, plain, strict=True):
                held.clear()
                held.update(tensors)
                vars(module).update(found)
                module.training = mode
