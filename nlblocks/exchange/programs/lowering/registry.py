"""The operators that are rewritten, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nlblocks.exchange.programs.lowering.writing import Call, Value, Writer

Lowering = Callable[[Writer, Call], Value | Sequence[Value] | None]
"""Writes what a node computes with operators that have float64 kernels; None leaves the node as it is."""
LOWERINGS: dict[str, Lowering] = {}


def lowers(*operators: str) -> Callable[[Lowering], Lowering]:
    """Register how some operators are rewritten."""

    def registered(lowering: Lowering) -> Lowering:
        LOWERINGS.update(dict.fromkeys(operators, lowering))
        return lowering

    return registered
