"""A model that gives one tensor in two places of its result."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks import parity  # noqa: E402

INPUT = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)


def twice(layer: type[Any], linear: Any) -> Any:
    class Twice(layer):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.fc = linear(4, 4)

        def forward(self, x: Any) -> Any:
            y = self.fc(x)
            return y, x.sin(), y

    return Twice()


def test_its_gradient_is_that_of_both_places() -> None:
    report = parity.compare(twice(paddle.nn.Layer, paddle.nn.Linear), twice(torch.nn.Module, torch.nn.Linear), INPUT)
    assert report.verdict == "same", str(report)
