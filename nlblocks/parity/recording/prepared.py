"""A model made ready for one run: in another dtype and mode, with a state of its own, and put back afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
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
    with ExitStack() as undo:
        undo.enter_context(framework.within(options.dtype, gradients=options.backward))
        for module in modules:
            undo.callback(setattr, module, "training", module.training)
        model.train() if options.training else model.eval()
        for parameter in framework.parameters(model):
            undo.callback(framework.lend(parameter, own(parameter)))
        for module in modules:
            buffers = framework.buffers(module)
            undo.callback(_put_back, buffers, dict(buffers))
            buffers.update({name: own(tensor) for name, tensor in buffers.items() if tensor is not None})
            plain = {name: value for name, value in vars(module).items() if isinstance(value, framework.tensor_type)}
            undo.callback(vars(module).update, plain)
            vars(module).update({name: own(tensor) for name, tensor in plain.items()})
        yield


def _put_back(buffers: dict[str, Any], before: dict[str, Any]) -> None:
    buffers.clear()
    buffers.update(before)
