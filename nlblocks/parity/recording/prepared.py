"""A model made ready for one run: in another dtype and mode, with a state of its own, and put back afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from nlblocks.backend import Array
from nlblocks.parity.recording.alone import Interrupts, alone
from nlblocks.parity.recording.framework import Framework
from nlblocks.parity.recording.options import RunOptions
from nlblocks.parity.recording.snapshot import Snapshot


@dataclass(slots=True)
class Ready:
    """A model that is ready: what to run it under, the tensors and parts that were there before, what was not put back.

    ``lost`` is filled once the model is put back.
    """

    interrupts: Interrupts
    there: list[Any]
    modules: dict[str, Any]
    lost: list[str] = field(default_factory=list)


@contextmanager
def prepared(framework: Framework, model: Any, options: RunOptions, state: Mapping[str, Array]) -> Iterator[Ready]:
    """Within, parameters, buffers and tensors that the model holds are ``state``, or copies of what they held."""
    made: dict[int, Any] = {}

    def own(tensor: Any) -> Any:
        """A private tensor in its place, the same one wherever it is used."""
        if id(tensor) not in made:
            name = snapshot.names.get(id(tensor))
            made[id(tensor)] = framework.copy(tensor, options.dtype, None if name is None else state[name])
        return made[id(tensor)]

    with alone(options.seed) as interrupts, ExitStack() as stack:
        snapshot, options.known.snapshot = options.known.snapshot or Snapshot(framework, model), None
        ready = Ready(interrupts, list(snapshot.tensors.values()), snapshot.modules)

        def put_back() -> None:
            ready.lost.extend(snapshot.restore())
            if not ready.lost:
                options.known.snapshot = snapshot

        stack.callback(put_back)
        stack.enter_context(framework.within(options.dtype, gradients=options.backward))
        framework.seed(options.seed)
        model.train() if options.training else model.eval()
        stack.enter_context(framework.lent([(parameter, own(parameter)) for parameter in snapshot.parameters]))
        snapshot.exchange(own)
        ready.there += made.values()
        yield ready
