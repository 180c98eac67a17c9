"""A factor is looked for between numbers, not between truth values."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from nlblocks import parity  # noqa: E402


class Gated(torch.nn.Module):
    def __init__(self, mask: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.a, self.b, self.mask = torch.nn.Linear(4, 6), torch.nn.Linear(6, 2), mask

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.a(x)
        return self.b(y * self.mask(y).to(y.dtype))


@pytest.mark.parametrize(
    "mask", [lambda y: y >= 0.4, lambda y: y.abs() < 0.5, lambda y: (y > 0.1) & (y < 0.6)], ids=("at", "near", "within")
)
def test_another_mask_is_a_fault_and_no_crash(mask: Callable[[torch.Tensor], torch.Tensor]) -> None:
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    assert parity.compare(Gated(lambda y: y > 0.1), Gated(mask), x).verdict == "different"
