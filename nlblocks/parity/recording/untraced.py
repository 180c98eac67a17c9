"""Tensors that no traced operation made: there before the run, or made in it by something that the tracer cannot see.

What was there is a constant. What was made depends on what the model computed, and must never pass for a constant: it
is written down as an operation "untraced", whose inputs are found by the graph of gradients where there is one. Where
there is none, they are the results that nothing has used yet: what an unseen operation takes is not used by a seen one.
"""

from __future__ import annotations

import weakref
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable
from typing import Any

from nlblocks.parity.recording.framework import Framework
from nlblocks.parity.tracing import Trace, TraceGraph, vocabulary

_MET: dict[int, weakref.ref[Any]] = {}
"""Tensors that a run met and that outlived it, by identity: constants of modules and functions, in every later run."""
_RUN: weakref.WeakSet[Any] = weakref.WeakSet()
"""Models that were run: of one that was not, a tensor may be met for the first time and have been there."""


class Unseen:
    """What one run knows of tensors from elsewhere. ``there`` are those that the model held before it."""

    def __init__(self, framework: Framework, trace: Trace, model: Any, there: Iterable[Any]) -> None:
        self.framework, self.trace = framework, trace
        self._there = {id(tensor): tensor for tensor in there}
        self._model, self._first = model, model not in _RUN
        self._nodes: dict[Hashable, list[int]] = defaultdict(list)
        self._used: set[int] = set()
        self._escaped: list[int] = []

    def note(self, tensor: Any, number: int) -> None:
        """A tensor has this number from now on."""
        node = self.framework.node(tensor)
        if node is not None:
            self._nodes[node].append(number)

    def use(self, numbers: Iterable[int]) -> None:
        """A traced operation takes these."""
        self._used.update(numbers)

    def escape(self, number: int) -> None:
        """The values of a tensor are read as Python numbers or a NumPy array, out of sight."""
        self._escaped.append(number)

    def made_from(self, tensor: Any) -> tuple[int, ...] | None:
        """The numbers of what an unknown tensor was made from; None where it was there before."""
        met = _MET.get(id(tensor))
        if self._there.get(id(tensor)) is tensor or (met is not None and met() is tensor):
            return None
        if self.framework.node(tensor) is not None:
            behind = self.framework.behind(tensor, self._nodes)
            return tuple(dict.fromkeys(n for node in behind for n in self._nodes[node])) or None
        return self.read_before() or (None if self._first else self._unused())

    def read_before(self, kind: str = "") -> tuple[int, ...]:
        """What a tensor of this kind may depend on that is made of Python values, or of a NumPy array."""
        if not self._escaped or kind in vocabulary.VALUELESS:
            return ()
        live = TraceGraph(self.trace).live
        return tuple(dict.fromkeys(number for number in self._escaped if number in live))

    def _unused(self) -> tuple[int, ...]:
        """The results and inputs that nothing has used yet; where there are none, the last result."""
        graph = TraceGraph(self.trace)
        results = [n for op in self.trace.ops for n in op.outputs if n in graph.live]
        inputs = [n for n, origin in self.trace.origin.items() if origin.startswith("input")]
        free = [n for n in (*inputs, *results) if n not in self._used]
        return tuple(free or results[-1:] or inputs)

    def done(self, met: Collection[weakref.ref[Any]]) -> None:
        """The run is over, and its graph of gradients let go of; ``met`` are all tensors that it met."""
        self._nodes.clear()
        if self._first:
            _RUN.add(self._model)
        for reference in met:
            tensor = reference()
            if tensor is not None:
                key = id(tensor)
                _MET[key] = weakref.ref(tensor, lambda _, key=key: _MET.pop(key, None))  # type: ignore[misc]
