"""A model that fails in one run and not in the next: its outputs are compared all the same, never passed in silence."""

from __future__ import annotations

from typing import Any

from nlblocks import parity
from parity_tests.helpers.blocks import Require


def test_a_model_that_fails_once_is_compared_in_every_phase(require: Require) -> None:
    require("torch")
    import torch

    class Net(torch.nn.Linear):
        calls = 0

        def forward(self, x: Any) -> Any:
            self.calls += 1
            if self.calls == 2:  # the first is the probe, the second the pass in evaluation
                raise RuntimeError("out of luck")
            return super().forward(x)

    report = parity.compare(Net(4, 3), torch.nn.Linear(4, 3), (2, 4))
    phases = {comparison.phase for comparison in report.comparisons if comparison.group == "output"}
    assert {"eval forward", "train forward"} <= phases, str(report)
