"""How far rounding alone moves a side's tensors: measured where it is needed, and once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from nlblocks.backend import Array
from nlblocks.numerics import NoiseFloor
from nlblocks.parity.judging.passes import Pass
from nlblocks.parity.judging.side import Side
from nlblocks.parity.tracing import Trace, vocabulary


@dataclass(slots=True)
class _Known:
    """What is known of a side in the pass that is ``judged``: what it ``decided`` on what it was given, and its floors.

    These are by so many ``nudges``, and by constants that move: of all results, or of those that are ``wanted`` (the
    left's keys, and the side's own).
    """

    judged: tuple[bool, str, bool] | None = None
    decided: tuple[vocabulary.Given | None, Any] | None = None
    nudges: int = 0
    nudged: Mapping[vocabulary.Key, Array] = field(default_factory=dict)
    constants: Mapping[vocabulary.Key, Array] | None = None
    largest: Mapping[str, float] | None = None
    wanted: tuple[Collection[vocabulary.Key], Collection[vocabulary.Key]] | None = None


class SideFloors:
    """The noise floors of one side in the pass that is judged; more nudges are added to those already made.

    Those of the pass before are let go of: there is a floor for every weight. The nudged runs are ``held`` to what the
    side decides at thresholds and ties, or fall where they fall.
    """

    def __init__(self, *, held: bool) -> None:
        self.held, self._known = held, _Known()

    def of(
        self, side: Side, runs: Pass, key: vocabulary.Key, *, right: bool, nudges: int, constants: bool = True
    ) -> tuple[Mapping[vocabulary.Key, Array], ...]:
        """The floors after so many nudges of one side of a pass, and those by ``constants`` that are held as float32.

        The larger of each element counts. They are kept apart: some tensors are judged by nudges alone. Where the
        ``key`` is none of those that were wanted, all floors are measured.
        """
        known = self._of(runs)
        if known.wanted is not None and key not in known.wanted[0]:
            self._known = known = replace(known, nudges=0, nudged={}, constants=None, wanted=None)
        decisions = self.decided(side, runs, right=right) if self.held else None
        base, wanted = runs.right if right else runs.left, None if known.wanted is None else known.wanted[1]
        how: dict[str, Any] = {
            **_how(runs, right=right),
            "base": base,
            "wanted": wanted,
            "decisions": decisions,
            "backward": runs.back,
        }
        if known.nudges < nudges:
            trials = range(known.nudges, nudges)
            known.nudged = NoiseFloor.larger(known.nudged, side.noise(trials=trials, constants=False, **how))
            known.nudges = nudges
        if not constants:
            return (known.nudged,)
        if known.constants is None:
            known.constants = side.noise(trials=(), constants=True, **how)
        return known.nudged, known.constants

    def expect(self, runs: Pass, wanted: tuple[Collection[vocabulary.Key], Collection[vocabulary.Key]]) -> None:
        """Measure no floors but of these: the left's keys, and the side's own. What is measured already stays."""
        known = self._of(runs)
        if not known.nudges and known.constants is None:
            known.wanted = wanted

    def decided(self, side: Side, runs: Pass, *, right: bool) -> Any:
        """What the side decides in a pass, as :meth:`Side.run` takes it, on what it is given now."""
        known, how = self._of(runs), _how(runs, right=right)
        if known.decided is None or known.decided[0] is not how["given"]:
            known.decided = how["given"], side.decided(**how)
        return known.decided[1]

    def forget(self) -> None:
        """The pass that was judged is done with."""
        self._known = _Known()

    def know(self, runs: Pass, decisions: Any) -> None:
        """What the side decided in a pass is known: it was noted in the run itself, in which nothing was given."""
        self._of(runs).decided = None, decisions

    def largest(self, group: str, runs: Pass, *, right: bool) -> float:
        """The largest value in a group of a side's results."""
        known = self._of(runs)
        if known.largest is None:
            known.largest = _largest(runs.right if right else runs.left)
        return known.largest.get(group, 0.0)

    def _of(self, runs: Pass) -> _Known:
        """What is known of this pass: nothing, where another was judged before."""
        judged = runs.training, runs.dtype, runs.back
        if self._known.judged != judged:
            self._known = _Known(judged)
        return self._known


def _how(runs: Pass, *, right: bool) -> dict[str, Any]:
    """How a side of a pass is run again."""
    return {"training": runs.training, "dtype": runs.dtype, "given": runs.given if right else None}


def _largest(trace: Trace) -> dict[str, float]:
    found: dict[str, float] = {}
    for (group, _), value in trace.results().items():
        if value.dtype.kind == "f" and value.size:
            found[group] = max(found.get(group, 0.0), float(np.abs(value[np.isfinite(value)]).max(initial=0.0)))
    return found
