"""Gradients where rounding breaks ties: the backends once more, all deciding as the first of them does.

On tie-rich inputs, and in float32, two backends may be right and let another of nearly equal values win. Nudges show a
jump there, which excuses nothing. That all else is the same is shown by runs in which the same values win.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nlblocks.backend import Backend, rows, tracer_in
from nlblocks.numerics import Comparison
from nlblocks.proof.sample import Results, Setting

WITHOUT_MAP = " without map"
"""How the call that never builds the map is told from the one that does."""
Runner = Callable[[Backend, bool], Results]
"""(backend, with the map) → what it computes."""


class DecidedAlike:
    """Runs of the backends in one setting, held to what the first of them decides at thresholds and ties."""

    def __init__(
        self, backends: Sequence[Backend], module: Callable[[Backend], Any], run: Runner, setting: Setting
    ) -> None:
        self.backends, self.module, self.run, self.setting = backends, module, run, setting
        self._decided: Any = None
        self._runs: dict[str, Results | None] = {}

    def meet(self, check: Comparison) -> bool:
        """Whether two backends agree, within the limit, on a tensor that they decide alike."""
        key = check.group, check.name
        left, right = (self._held(name) for name in check.pair)
        if left is None or right is None or key not in left or key not in right:
            return False
        record = self.setting.record(*key, check.pair)
        return Comparison.of(left[key], right[key], **record).passed

    def _held(self, name: str) -> Results | None:
        if name not in self._runs:
            self._runs[name] = self._run(name)
        return self._runs[name]

    def _run(self, name: str) -> Results | None:
        """A call of a backend by its name, held; None where it has no tracer, or would decide far otherwise."""
        backend = next((b for b in self.backends if b.name == name.removesuffix(WITHOUT_MAP)), None)
        tracers = [
            tracer_in(rows()[b.name].module) for b in (self.backends[0], backend) if b is not None and b.name in rows()
        ]
        if backend is None or len(tracers) < 2 or None in tracers:
            return None
        with_map = not name.endswith(WITHOUT_MAP)
        if self._decided is None:
            self._decided = self._deciding(tracers[0], self.backends[0], with_map=True)[0]
        own = self._deciding(tracers[1], backend, with_map=with_map)[0]
        held, found = self._deciding(tracers[1], backend, with_map=with_map, held=self._decided.for_run_of(own))
        return found if held.near(self.setting.dtype, self._decided.largest) else None

    def _deciding(self, tracer: Any, backend: Backend, *, with_map: bool, held: Any = None) -> tuple[Any, Results]:
        decisions = tracer.decisions() if held is None else held
        with tracer.deciding(self.module(backend), decisions):
            return decisions, self.run(backend, with_map)
