"""Captures that were written before the lab was sorted into rooms are read as they were: their format is a promise.

Both were made by nlblocks at commit 5c38d4b: a Linear, a BatchNorm (eps 1e-5 in torch, 1e-3 in Paddle) and a ReLU.
"""

from __future__ import annotations

from pathlib import Path

from nlblocks.parity.capturing import load_capture
from nlblocks.parity.compare_captures import compare_captures

FOLDER = Path(__file__).parent
BEFORE = """\
  eval forward   ✓ worst 0.0e+00, 1 of 1 agree
  train forward  ✗ worst 2.1e-01, 2.3e+09 noise floors, 0 of 1 agree
                   output at [0, 2]: 1.42288532 on the left, 1.13217028 on the right
  ✗ train forward, layer 1: batch norm eps of batch_norm in 1: 1e-05 on the left, 0.001 on the right; so the \
difference falls from 2e-01 to 7e-11 [batch_norm.eps]
      mend: give both layers the same epsilon (torch: eps=, Paddle: epsilon=)
  · eval forward, layer 1: what 1 gives is not the same on the two sides, and no output shows it: nothing that is \
compared depends on it
  · not compared: what follows layer 1
  · not compared: the models in float32, because they differ in float64
  · not compared: the training pass in float32, which a capture does not hold
  more: nlblocks causes batch_norm.eps"""
"""What was printed of them then, after the first line, which says how long it took; but errors are rounded up now, the
left is told first, the mend is said, and where more is said of the cause."""


def test_what_was_written_before_is_read_and_judged_as_it_was(tmp_path: Path) -> None:
    left, right = (load_capture(FOLDER / f"written_before_{name}.safetensors") for name in ("torch", "paddle"))
    report = compare_captures(left, right)
    assert str(report).partition("\n")[2] == BEFORE
    assert len(report.comparisons) == 2
    left.save(tmp_path / "again.safetensors")
    again = compare_captures(load_capture(tmp_path / "again.safetensors"), right)
    assert str(again).partition("\n")[2] == BEFORE
