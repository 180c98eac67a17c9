"""The weights of neighbours, which Resize and GridSample share."""

from __future__ import annotations

from nlblocks.exchange.programs.lowering.writing import Value


def cubic_weights(part: Value, a: float) -> list[tuple[int, Value]]:
    """The four neighbours of a place that lies ``part`` behind the second, with their weights."""
    return [(-1, _far(part + 1.0, a)), (0, _near(part, a)), (1, _near(1.0 - part, a)), (2, _far(2.0 - part, a))]


def _near(t: Value, a: float) -> Value:
    """The weight of a neighbour at a distance t of at most 1."""
    return ((a + 2.0) * t - (a + 3.0)) * t * t + 1.0


def _far(t: Value, a: float) -> Value:
    """The weight of a neighbour at a distance t between 1 and 2."""
    return ((a * t - 5.0 * a) * t + 8.0 * a) * t - 4.0 * a
