"""Dropout inside a layer that is one call: it drops what a dropout of its own would, and its p is compared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
paddle = pytest.importorskip("paddle")

import paddle.nn.functional as PF  # noqa: E402
import torch.nn.functional as TF  # noqa: E402

from nlblocks import parity  # noqa: E402

INPUT = np.random.default_rng(0).normal(size=(2, 5, 8)).astype(np.float32)
P = 0.3


class TorchRecurrent(torch.nn.Module):
    def __init__(self, kind: str, p: float, layers: int = 2, both: bool = False) -> None:
        super().__init__()
        self.rnn = getattr(torch.nn, kind)(8, 4, layers, dropout=p, batch_first=True, bidirectional=both)

    def forward(self, x: Any) -> Any:
        y, state = self.rnn(x)
        return y, state[0] if isinstance(state, tuple) else state


class PaddleRecurrent(paddle.nn.Layer):
    def __init__(self, kind: str, p: float, layers: int = 2, both: bool = False) -> None:
        super().__init__()
        kind, direction = {"RNN": "SimpleRNN"}.get(kind, kind), "bidirect" if both else "forward"
        self.rnn = getattr(paddle.nn, kind)(8, 4, layers, dropout=p, direction=direction)

    def forward(self, x: Any) -> Any:
        y, state = self.rnn(x)
        return y, state[0] if isinstance(state, tuple) else state


class TorchAttention(torch.nn.Module):
    """Two heads, by the ``fused`` function or by hand; ``shared`` queries meet one head of keys and values."""

    def __init__(self, p: float, fused: bool = True, shared: bool = False) -> None:
        super().__init__()
        self.q, self.kv, self.p = torch.nn.Linear(8, 8), torch.nn.Linear(8, 8 if shared else 16), p
        self.fused, self.shared = fused, shared

    def forward(self, x: Any) -> Any:
        q = self.q(x).unflatten(-1, (2, 4)).transpose(1, 2)
        k, v = self.kv(x).unflatten(-1, (2, -1, 4)).permute(2, 0, 3, 1, 4)
        if self.fused:
            p = self.p if self.training else 0.0
            return TF.scaled_dot_product_attention(q, k, v, dropout_p=p, enable_gqa=self.shared)
        return TF.dropout(torch.softmax(q @ k.mT / 2.0, -1), self.p, self.training) @ v


class PaddleAttention(paddle.nn.Layer):
    def __init__(self, p: float, fused: bool = True) -> None:
        super().__init__()
        self.q, self.kv, self.p, self.fused = paddle.nn.Linear(8, 8), paddle.nn.Linear(8, 16), p, fused

    def forward(self, x: Any) -> Any:
        q = self.q(x).reshape([0, 0, 2, 4])
        k, v = self.kv(x).reshape([0, 0, 2, 2, 4]).unbind(2)
        if self.fused:
            y = PF.scaled_dot_product_attention(q, k, v, dropout_p=self.p, training=self.training)
            return y.transpose([0, 2, 1, 3])
        q, k, v = (t.transpose([0, 2, 1, 3]) for t in (q, k, v))
        return PF.dropout(PF.softmax(q @ k.transpose([0, 1, 3, 2]) / 2.0), self.p, training=self.training) @ v


class TorchHeads(torch.nn.Module):
    def __init__(self, p: float, weights: bool = True) -> None:
        super().__init__()
        self.heads, self.weights = torch.nn.MultiheadAttention(8, 2, dropout=p, batch_first=True), weights

    def forward(self, x: Any) -> Any:
        return self.heads(x, x, x, need_weights=self.weights)[0]


class PaddleHeads(paddle.nn.Layer):
    def __init__(self, p: float) -> None:
        super().__init__()
        self.heads = paddle.nn.MultiHeadAttention(8, 2, dropout=p)

    def forward(self, x: Any) -> Any:
        return self.heads(x, x, x)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (TorchRecurrent("LSTM", P), PaddleRecurrent("LSTM", P)),
        (PaddleRecurrent("GRU", P, 3, both=True), TorchRecurrent("GRU", P, 3, both=True)),
        (TorchRecurrent("RNN", P), PaddleRecurrent("RNN", P)),
        (TorchRecurrent("LSTM", 0.0, 1), PaddleRecurrent("LSTM", P, 1)),  # it acts between layers alone
        (TorchAttention(P), TorchAttention(P, fused=False)),
        (PaddleAttention(P), TorchAttention(P)),
        (TorchAttention(P, fused=False), PaddleAttention(P)),
        (TorchAttention(P, shared=True), TorchAttention(P, shared=True, fused=False)),
        (TorchHeads(P), TorchHeads(P, weights=False)),
        (TorchHeads(P, weights=False), PaddleHeads(P)),
    ],
)
def test_the_same_dropout_is_the_same_however_it_is_written(left: Any, right: Any) -> None:
    report = parity.compare(left, right, INPUT)
    assert report.verdict == "same", str(report)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (TorchRecurrent("LSTM", P), TorchRecurrent("LSTM", 0.0)),
        (TorchRecurrent("GRU", 0.2), PaddleRecurrent("GRU", P)),
        (PaddleRecurrent("RNN", P), PaddleRecurrent("RNN", 0.0)),
        (TorchAttention(P), TorchAttention(0.2)),
        (TorchAttention(0.0), PaddleAttention(P)),
        (PaddleAttention(P), PaddleAttention(0.0, fused=False)),
        (TorchHeads(P), TorchHeads(0.2)),
        (TorchHeads(P, weights=False), PaddleHeads(0.0)),
    ],
)
def test_another_dropout_differs_in_training(left: Any, right: Any) -> None:
    report = parity.compare(left, right, INPUT)
    assert report.verdict == "different"
    assert any(f.phase == "train forward" for f in report.faults)
    if isinstance(left, TorchRecurrent | PaddleRecurrent):
        assert "dropout.p" in {f.cause for f in report.faults}
