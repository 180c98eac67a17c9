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


class Centred(torch.nn.Module):
    """A convolution whose bias the normalisation behind takes away: its gradient is zero but for rounding."""

    def __init__(self, norm: Any) -> None:
        super().__init__()
        self.conv, self.norm, self.last = torch.nn.Conv2d(4, 8, 1), norm, torch.nn.Linear(8, 4)

    def forward(self, x: Any) -> Any:
        return self.last((self.norm(self.conv(x)) / 6 + 0.5).clamp(0, 1).mean((2, 3)))


def exactly(x: Any) -> Any:
    """An instance normalisation in float64 whatever comes: its rounding is far below the other's."""
    return torch.nn.functional.instance_norm(x.double()).to(x.dtype)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("turned", [False, True])
def test_what_is_zero_is_rounding_on_either_side(seed: int, turned: bool) -> None:
    models = [Centred(exactly), Centred(torch.nn.functional.instance_norm)]
    report = parity.compare(*(models[::-1] if turned else models), (3, 4, 6, 6), seed=seed)
    assert report, str(report)
