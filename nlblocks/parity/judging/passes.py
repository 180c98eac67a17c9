"""One run of both sides."""

from __future__ import annotations

from dataclasses import dataclass

from nlblocks.parity.tracing import Trace, vocabulary


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """One run of each side, alike but for what the right is ``given`` of the left's."""

    left: Trace
    right: Trace
    training: bool
    dtype: str = "float64"
    given: vocabulary.Given | None = None
