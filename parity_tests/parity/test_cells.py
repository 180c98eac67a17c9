"""Recurrent cells: one framework's fused cell or network beside cells, and products and gates that are written out."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("paddle")

import paddle
import torch
from paddle import nn as pnn
from torch import nn

from nlblocks import parity

INPUT, HIDDEN = 3, 5
SHAPE = (2, 4, INPUT)
NAMES = {"GRU": "GRU", "LSTM": "LSTM", "RNN": "SimpleRNN"}
"""What each recurrence is called in torch and in Paddle."""


class TorchCells(nn.Module):
    """A loop of a torch cell, and a Linear on all states."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.cell, self.fc = getattr(nn, f"{kind}Cell")(INPUT, HIDDEN), nn.Linear(HIDDEN, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = x.new_zeros(x.shape[0], HIDDEN)
        state: Any = (h, h) if isinstance(self.cell, nn.LSTMCell) else h
        found = []
        for step in x.unbind(1):
            state = self.cell(step, state)
            found.append(state[0] if isinstance(state, tuple) else state)
        return self.fc(torch.stack(found, 1))


class TorchNetwork(nn.Module):
    """The same by the fused network."""

    def __init__(self, kind: str, **options: Any) -> None:
        super().__init__()
        self.rnn = getattr(nn, kind)(INPUT, HIDDEN, batch_first=True, **options)
        self.fc = nn.Linear(HIDDEN * (2 if options.get("bidirectional") else 1), 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.rnn(x)[0])


class PaddleNetwork(pnn.Layer):
    """A fused network of Paddle's, or its loop over a cell."""

    def __init__(self, rnn: Any, width: int = HIDDEN) -> None:
        super().__init__()
        self.rnn, self.fc = rnn, pnn.Linear(width, 2)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return self.fc(self.rnn(x)[0])


class PaddleCells(pnn.Layer):
    """A loop over a cell that is written by hand."""

    def __init__(self, cell: Any) -> None:
        super().__init__()
        self.cell, self.fc = cell, pnn.Linear(HIDDEN, 2)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        h = paddle.zeros([x.shape[0], HIDDEN], x.dtype)
        state = h, h
        found = []
        for step in x.unbind(1):
            state = self.cell(step, *state)
            found.append(state[0])
        return self.fc(paddle.stack(found, 1))


class GRUByHand(pnn.Layer):
    """A GRU's gates, right or in one of the ways that are known to be wrong."""

    def __init__(self, wrong: str = "") -> None:
        super().__init__()
        self.x, self.h, self.wrong = pnn.Linear(INPUT, 3 * HIDDEN), pnn.Linear(HIDDEN, 3 * HIDDEN), wrong

    def forward(self, x: paddle.Tensor, h: paddle.Tensor, _: Any) -> tuple[paddle.Tensor, paddle.Tensor]:
        (xr, xz, xn), (hr, hz, hn) = self.x(x).split(3, -1), self.h(h).split(3, -1)
        if self.wrong == "gates":
            xr, xz, hr, hz = xz, xr, hz, hr
        r, z = pnn.functional.sigmoid(xr + hr), pnn.functional.sigmoid(xz + hz)
        kept = self.h(r * h).split(3, -1)[2] if self.wrong == "reset" else r * hn
        new = paddle.tanh(xn + kept)
        h = (1 - z) * h + z * new if self.wrong == "update" else (1 - z) * new + z * h
        return h, h


class LSTMByHand(pnn.Layer):
    """An LSTM's gates from linear layers of their own, in the order that is told, or wrong in one of them."""

    def __init__(self, order: str = "ifgo", wrong: str = "") -> None:
        super().__init__()
        self.x, self.h = pnn.Linear(INPUT, 4 * HIDDEN), pnn.Linear(HIDDEN, 4 * HIDDEN)
        self.order, self.wrong = order, wrong

    def forward(self, x: paddle.Tensor, h: paddle.Tensor, c: paddle.Tensor) -> tuple[paddle.Tensor, paddle.Tensor]:
        gates = dict(zip(self.order, (self.x(x) + self.h(h)).split(4, -1), strict=True))
        sigmoid = pnn.functional.sigmoid
        new = sigmoid(gates["g"]) if self.wrong == "sigmoid" else paddle.tanh(gates["g"])
        c = sigmoid(gates["f"] + (1.0 if self.wrong == "forget" else 0.0)) * c + sigmoid(gates["i"]) * new
        return sigmoid(gates["o"]) * (c if self.wrong == "no tanh" else paddle.tanh(c)), c


@pytest.mark.parametrize("kind", NAMES)
def test_a_loop_of_cells_is_the_network(kind: str) -> None:
    network, cell = getattr(pnn, NAMES[kind]), getattr(pnn, f"{NAMES[kind]}Cell")
    for left, rnn in (
        (TorchCells(kind), network(INPUT, HIDDEN)),
        (TorchCells(kind), pnn.RNN(cell(INPUT, HIDDEN))),
        (TorchNetwork(kind), pnn.RNN(cell(INPUT, HIDDEN))),
    ):
        report = parity.compare(left, PaddleNetwork(rnn), SHAPE)
        assert report, report


def test_both_directions_as_two_loops_are_the_network() -> None:
    loops = pnn.BiRNN(pnn.GRUCell(INPUT, HIDDEN), pnn.GRUCell(INPUT, HIDDEN))
    report = parity.compare(TorchNetwork("GRU", bidirectional=True), PaddleNetwork(loops, 2 * HIDDEN), SHAPE)
    assert report, report


@pytest.mark.parametrize(("kind", "cell"), [("GRU", GRUByHand), ("LSTM", LSTMByHand)])
def test_gates_by_hand_are_the_cell(kind: str, cell: Any) -> None:
    for left in (TorchCells(kind), TorchNetwork(kind)):
        report = parity.compare(left, PaddleCells(cell()), SHAPE)
        assert report, report


@pytest.mark.parametrize("kind", ["GRU", "LSTM", "RNN"])
def test_a_loop_from_the_other_end_is_told(kind: str) -> None:
    rnn = pnn.RNN(getattr(pnn, f"{NAMES[kind]}Cell")(INPUT, HIDDEN), is_reverse=True)
    report = parity.compare(TorchNetwork(kind), PaddleNetwork(rnn), SHAPE)
    assert [finding.cause for finding in report.faults] == ["rnn.direction"]


@pytest.mark.parametrize("left", [TorchCells, TorchNetwork])
@pytest.mark.parametrize(
    ("kind", "cell", "cause"),
    [
        ("GRU", GRUByHand("gates"), "rnn.gates"),
        ("GRU", GRUByHand("reset"), "rnn.reset"),
        ("GRU", GRUByHand("update"), "rnn.update"),
        ("LSTM", LSTMByHand("ifog"), "rnn.gates"),
        ("LSTM", LSTMByHand("figo"), "rnn.gates"),
        ("LSTM", LSTMByHand(wrong="sigmoid"), "activation.kind"),
        ("LSTM", LSTMByHand(wrong="forget"), "shift.constant"),
        ("LSTM", LSTMByHand(wrong="no tanh"), "activation.missing"),
    ],
)
def test_what_goes_wrong_in_a_cell_is_named(left: Any, kind: str, cell: Any, cause: str) -> None:
    report = parity.compare(left(kind), PaddleCells(cell), SHAPE)
    faults = report.faults
    assert faults[0].cause == cause, report
    assert {finding.layer_left for finding in faults} <= {"cell", "rnn", ""}
    assert not [finding for finding in faults if finding.cause == "parameters.unpaired"]
