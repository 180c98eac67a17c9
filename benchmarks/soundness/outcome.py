"""What is true of a pair, and what the lab says about it."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Compare = Callable[..., Any]
"""The lab: ``parity.compare``, or what stands in for it in a test."""
SAME, UNJUDGED, RAISED = "same", "not compared", "raised"
DIED = "died"
"""A framework took the process down, while the truth was measured or in the lab."""
SETTING = "setting"
"""The lab found nothing computed that differs, and a setting that does."""


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What is true (``difference``, at ``where``) and what was said.

    ``kind`` is "mutant", "equivalent" (a mutant that changes nothing on its inputs), "right" (two spellings) or "died".
    ``verdict`` is the lab's, or "raised". ``dropped`` counts, by the reason, what was tried before this one and of
    which the truth could not tell.
    """

    kind: str
    index: int
    recipe: str
    mutation: str
    verdict: str = ""
    said: str = ""
    difference: float = 0.0
    where: str = ""
    seconds: float = 0.0
    dropped: dict[str, int] = field(default_factory=dict)

    @property
    def wrong(self) -> bool:
        """Whether the lab contradicts what is true: a mutant is missed, or a right pair alarms."""
        if self.kind == "mutant":
            return self.verdict == SAME
        return self.kind != DIED and self.verdict not in ((SAME, SETTING) if self.kind == "equivalent" else (SAME,))

    @property
    def title(self) -> str:
        return {"mutant": "MISSED", "equivalent": "FALSE ALARM (changes nothing here)"}.get(self.kind, "FALSE ALARM")


def judge(outcome: Outcome, compare: Compare, left: Any, right: Any, inputs: tuple[Array, ...], **how: Any) -> None:
    """Put a pair to the lab. It is given models whose weights are equal already, so nothing is randomised."""
    start = time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            report = compare(left, right, inputs, randomise=False, **how)
        faults = getattr(report, "faults", [])
        only_settings = bool(faults) and all(f.place == "attributes" or f.phase == "pairing" for f in faults)
        settings = only_settings and all(c.passed for c in report.comparisons)
        outcome.verdict = SETTING if settings and outcome.kind == "equivalent" else report.verdict
        outcome.said = str(report)
    except Exception as error:
        outcome.verdict, outcome.said = RAISED, f"{type(error).__name__}: {error}"
    outcome.seconds = time.perf_counter() - start
