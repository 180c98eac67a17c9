"""The cost of a comparison is told beside what the two models cost themselves."""

from __future__ import annotations

from benchmarks.compare_cost import MIB, line, memory_ratio, time_ratio

ROW = {
    "name": "net", "size": 64, "verdict": "same", "own": 0.2, "compare": 3.0, "step_memory": 50 * MIB,
    "memory": 150 * MIB,
}  # fmt: skip


def test_costs_are_those_of_the_comparison_over_the_models_own() -> None:
    assert (time_ratio(ROW), memory_ratio(ROW)) == (15.0, 3.0)
    assert line(ROW) == "| net | 64 | same | 0.200 | 3.00 | 15.0 | 50 | 150 | 3.0 |"
