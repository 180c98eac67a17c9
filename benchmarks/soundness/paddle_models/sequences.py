"""The same models of sequences as a Paddle user writes them."""

from __future__ import annotations

import math
from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn


class Bert(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.word, self.place, self.kind = nn.Embedding(12, 8), nn.Embedding(6, 8), nn.Embedding(2, 8)
        self.norm, self.drop = nn.LayerNorm(8, epsilon=1e-12), nn.Dropout(0.1)
        self.query, self.key, self.value, self.dense = (nn.Linear(8, 8) for _ in range(4))
        self.up, self.down = nn.Linear(8, 16), nn.Linear(16, 8)
        self.norm1, self.norm2 = nn.LayerNorm(8), nn.LayerNorm(8)
        self.pooler = nn.Linear(8, 8)

    def forward(self, tokens: Tensor) -> dict[str, Tensor]:
        b, n = tokens.shape
        kinds = (tokens > 6).astype("int64")
        x = self.word(tokens) + self.place(paddle.arange(n)) + self.kind(kinds)
        x = self.drop(self.norm(x))
        real = tokens != 0
        q, k, v = (f(x).reshape([b, n, 2, 4]).transpose([0, 2, 1, 3]) for f in (self.query, self.key, self.value))
        scores = paddle.matmul(q, k, transpose_y=True) / math.sqrt(4)
        scores = paddle.where(real.unsqueeze([1, 2]), scores, paddle.full_like(scores, -1e9))
        y = paddle.matmul(self.drop(F.softmax(scores, axis=-1)), v).transpose([0, 2, 1, 3]).reshape([b, n, 8])
        x = self.norm1(x + self.drop(self.dense(y)))
        x = self.norm2(x + self.down(F.gelu(self.up(x))))
        return {"hidden": x, "pooled": F.tanh(self.pooler(x[:, 0])), "real": real}


class RMSNorm(nn.Layer):
    def __init__(self, d: int) -> None:
        super().__init__()
        self.weight: Any = self.create_parameter([d], default_initializer=nn.initializer.Constant(1.0))

    def forward(self, x: Tensor) -> Tensor:
        return x * paddle.rsqrt((x * x).mean(axis=-1, keepdim=True) + 1e-6) * self.weight


class Llama(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.norm1, self.norm2, self.norm = nn.Embedding(12, 8), RMSNorm(8), RMSNorm(8), RMSNorm(8)
        self.q, self.k, self.v = (nn.Linear(8, d, bias_attr=False) for d in (8, 4, 4))
        self.o, self.gate, self.up = (nn.Linear(8, d, bias_attr=False) for d in (8, 16, 16))
        self.down, self.head = nn.Linear(16, 8, bias_attr=False), nn.Linear(8, 12, bias_attr=False)

    def rotate(self, x: Tensor) -> Tensor:
        rate = paddle.to_tensor([1.0, 0.01], dtype=x.dtype)
        angle = paddle.arange(x.shape[1], dtype=x.dtype).unsqueeze(1) * rate
        cos, sin = paddle.cos(angle).unsqueeze(1), paddle.sin(angle).unsqueeze(1)
        a, b = paddle.chunk(x, 2, axis=-1)
        return paddle.concat([a * cos - b * sin, b * cos + a * sin], axis=-1)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens)
        b, n, _ = x.shape
        z = self.norm1(x)
        q, k = self.rotate(self.q(z).reshape([b, n, 2, 4])), self.rotate(self.k(z).reshape([b, n, 1, 4]))
        k, v = (w.expand([b, n, 2, 4]) for w in (k, self.v(z).reshape([b, n, 1, 4])))
        scores: Any = paddle.einsum("bqhd,bkhd->bhqk", q * 0.5, k)
        future = paddle.triu(paddle.full([n, n], float("-inf"), dtype=x.dtype), 1)
        y: Any = paddle.einsum("bhqk,bkhd->bqhd", F.softmax(scores + future, axis=-1), v)
        x = x + self.o(y.reshape([b, n, 8]))
        y = self.norm2(x)
        x = x + self.down(F.silu(self.gate(y)) * self.up(y))
        return self.head(self.norm(x))


class Experts(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.router = nn.LayerNorm(8), nn.Linear(8, 4, bias_attr=False)
        self.experts = nn.LayerList([nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8)) for _ in range(4)])
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        y = self.norm(x).flatten(0, 1)
        logits = self.router(y)
        best, index = paddle.topk(logits, 2, axis=-1)
        gates = paddle.put_along_axis(paddle.zeros_like(logits), index, F.softmax(best, axis=-1), axis=1)
        mixed = paddle.stack([expert(y) for expert in self.experts], axis=1)
        y = (gates.unsqueeze(-1) * mixed).sum(axis=1).reshape(x.shape)
        load = (gates > 0).astype(x.dtype).mean(axis=0)
        balance = (load * F.softmax(logits, axis=-1).mean(axis=0)).sum() * 4
        return self.head(x + y), balance, index


class GRUTagger(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.drop = nn.Embedding(12, 6), nn.Dropout(0.3)
        self.gru = nn.GRU(6, 5, direction="bidirect")
        self.fc = nn.Linear(10, 4)

    def forward(self, words: Tensor) -> tuple[Tensor, Tensor]:
        x, _ = self.gru(self.drop(self.embed(words)))
        scores = F.log_softmax(self.fc(x), axis=-1)
        real = (words != 0).astype(x.dtype)
        loss = F.nll_loss(scores.flatten(0, 1), (words % 4).flatten(), reduction="none").reshape(real.shape)
        return (loss * real).sum() / real.sum().clip(min=1.0), scores.argmax(axis=-1)


class WaveNet(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.start = nn.Conv1D(3, 6, 1)
        self.filters = nn.LayerList([nn.Conv1D(6, 6, 2, dilation=2**i) for i in range(2)])
        self.gates = nn.LayerList([nn.Conv1D(6, 6, 2, dilation=2**i) for i in range(2)])
        self.mixes = nn.LayerList([nn.Conv1D(6, 6, 1) for _ in range(2)])
        self.end = nn.Conv1D(6, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.start(x)
        skips = paddle.zeros_like(x)
        for i in range(2):
            y = F.pad(x, [2**i, 0], data_format="NCL")
            y = F.tanh(self.filters[i](y)) * F.sigmoid(self.gates[i](y))
            y = self.mixes[i](y)
            skips = skips + y
            x = (x + y) * math.sqrt(0.5)
        return self.end(F.relu(skips))[:, :, 1:]


class T5(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.norm, self.bias = nn.Embedding(12, 8), RMSNorm(8), nn.Embedding(6, 2)
        self.qkv, self.o, self.wi, self.wo = nn.Linear(8, 24), nn.Linear(8, 8), nn.Linear(8, 12), nn.Linear(12, 8)
        self.norm2 = RMSNorm(8)

    def buckets(self, n: int) -> Tensor:
        distance = paddle.arange(n).unsqueeze(0) - paddle.arange(n).unsqueeze(1)
        side = (distance > 0).astype("int64") * 3
        return side + distance.abs().clip(max=2)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens)
        b, n, d = x.shape
        q, k, v = self.qkv(self.norm(x)).reshape([b, n, 3, 2, d // 2]).transpose([2, 0, 3, 1, 4]).unbind(0)
        scores = paddle.matmul(q, k, transpose_y=True) + self.bias(self.buckets(n)).transpose([2, 0, 1]).unsqueeze(0)
        scores = scores + (1.0 - (tokens != 0).astype(x.dtype)).unsqueeze([1, 2]) * -1e4
        y = paddle.matmul(F.softmax(scores, axis=-1), v).transpose([0, 2, 1, 3]).reshape([b, n, d])
        x = x + self.o(y)
        return x + self.wo(F.relu(self.wi(self.norm2(x))))


class Perceiver(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.latents: Any = self.create_parameter([3, 8], default_initializer=nn.initializer.Normal())
        self.q, self.kv, self.o = nn.Linear(8, 8), nn.Linear(8, 16), nn.Linear(8, 8)
        self.norm_q, self.norm_x, self.head = nn.LayerNorm(8), nn.LayerNorm(8), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        z = self.latents.unsqueeze(0).expand([x.shape[0], -1, -1])
        k, v = paddle.split(self.kv(self.norm_x(x)), 2, axis=-1)
        for _ in range(2):
            q = self.q(self.norm_q(z))
            weights = F.softmax(paddle.bmm(q, k.transpose([0, 2, 1])) * 8**-0.5, axis=2)
            z = z + self.o(paddle.bmm(weights, v))
        return F.softmax(self.head(z.mean(axis=1)), axis=-1)
