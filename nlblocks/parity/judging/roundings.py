"""What float32 did in a float64 run, or would have done: notes, each said once."""

from __future__ import annotations

from collections.abc import Iterator

from nlblocks.numerics.tolerance import CEILING
from nlblocks.parity.findings import Finding, Phase
from nlblocks.parity.judging.passes import Pass
from nlblocks.parity.tracing import Trace


class Roundings:
    """Remembers what was said."""

    def __init__(self) -> None:
        self._said: set[tuple[str, str]] = set()

    def of(self, runs: Pass, phase: Phase) -> Iterator[Finding]:
        """The notes on one pass of both sides."""
        for side, trace in (("left", runs.left), ("right", runs.right)):
            for text in (*self._held(side, trace), *self._promoted(side, trace)):
                yield Finding(phase=phase, place="output", severity="note", explanation=text)

    def _held(self, side: str, trace: Trace) -> Iterator[str]:
        """Kernels whose results are wrong by more than float64 rounds."""
        for kernel, (what, off) in trace.held.items():
            if off > CEILING and (side, kernel) not in self._said:
                self._said.add((side, kernel))
                does = what if what.startswith("is ") else f"holds {what} as float32"
                yield (
                    f"{trace.framework}'s {kernel} on the {side} {does}, {off:.0e} off here: computed as it was given"
                )

    def _promoted(self, side: str, trace: Trace) -> Iterator[str]:
        """Tensors that came from where no dtype could be read."""
        for site, dtype in trace.promoted.items():
            scope, _, call = site.partition(":")
            if (side, site) not in self._said:
                self._said.add((side, site))
                yield (
                    f"a {dtype} tensor meets {trace.dtype} ones in {call.partition(':')[0]} of {scope or 'the model'} "
                    f"on the {side}: cast to {trace.dtype}"
                )
