"""A layer that one side calls twice, where the other has two: all else is paired as it is called."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

from nlblocks import parity  # noqa: E402

WIDTH = 6


def mlp(nn: Any) -> Any:
    return nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.GELU(), nn.Linear(WIDTH, WIDTH))


class Left(torch.nn.Module):
    def __init__(self, shared: bool, depth: int) -> None:
        super().__init__()
        first = mlp(torch.nn)
        self.mix = torch.nn.ModuleList(first if shared else mlp(torch.nn) for _ in range(depth))
        self.own = torch.nn.ModuleList(mlp(torch.nn) for _ in range(depth))
        self.norms = torch.nn.ModuleList(torch.nn.LayerNorm(WIDTH) for _ in range(2 * depth))

    def forward(self, x: Any) -> Any:
        for i, (mix, own) in enumerate(zip(self.mix, self.own, strict=True)):
            x = x + mix(self.norms[2 * i](x).transpose(1, 2)).transpose(1, 2)
            x = x + own(self.norms[2 * i + 1](x))
        return x


class Right(paddle.nn.Layer):
    def __init__(self, shared: bool, depth: int) -> None:
        super().__init__()
        first = mlp(paddle.nn)
        self.a = paddle.nn.LayerList([paddle.nn.LayerNorm(WIDTH) for _ in range(depth)])
        self.b = paddle.nn.LayerList([mlp(paddle.nn) for _ in range(depth)])
        self.c = paddle.nn.LayerList([first if shared else mlp(paddle.nn) for _ in range(depth)])
        self.d = paddle.nn.LayerList([paddle.nn.LayerNorm(WIDTH) for _ in range(depth)])

    def forward(self, x: Any) -> Any:
        for a, b, c, d in zip(self.a, self.b, self.c, self.d, strict=True):
            x = x + c(a(x).transpose([0, 2, 1])).transpose([0, 2, 1])
            x = x + b(d(x))
        return x


def compared(left: bool, right: bool, depth: int) -> Any:
    return parity.compare(Left(left, depth), Right(right, depth), (2, WIDTH, WIDTH))


@pytest.mark.parametrize("shared", [True, False])
def test_both_share_or_neither(shared: bool) -> None:
    assert compared(shared, shared, 2)


@pytest.mark.parametrize("shared", [(True, False), (False, True)])
def test_one_side_shares(shared: tuple[bool, bool]) -> None:
    report = compared(*shared, 3)
    assert (report.verdict, report.finding.cause) == ("different", "layer.shared"), report
    assert {f.cause for f in report.faults} == {"layer.shared", "parameters.unpaired"}
    assert {root.finding.cause for root in report.roots} == {"layer.shared"}
    names = report.pairing.names
    for i in range(3):
        assert names[f"norms.{2 * i}.weight"] == f"a.{i}.weight"
        assert names[f"norms.{2 * i + 1}.weight"] == f"d.{i}.weight"
        assert names[f"own.{i}.2.weight"] == f"b.{i}.2.weight"
