"""Gradients that are nothing beside the others are no difference; small ones are."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from nlblocks import parity  # noqa: E402


class Faint(torch.nn.Module):
    """A branch that no output shows, and its gradients do."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.a, self.b, self.share = torch.nn.Linear(6, 3), torch.nn.Linear(6, 3), share

    def forward(self, x: Any) -> Any:
        return self.a(x) + self.share * torch.tanh(self.b(x))


@pytest.mark.parametrize(("share", "verdict"), [(1e-27, "same"), (1e-18, "different")])
def test_a_gradient_is_compared_unless_it_is_nothing_beside_the_others(share: float, verdict: str) -> None:
    assert parity.compare(Faint(share), Faint(1.5 * share), (4, 6)).verdict == verdict
