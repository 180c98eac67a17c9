"""Held-out sequence models as a Paddle user ports them: a GRU translator, a post-norm decoder, an audio net."""

from __future__ import annotations

import math

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from benchmarks.faults.knobs import Knobs
from benchmarks.faults.paddle_models.layers import make


class Encoder(nn.Layer):
    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.time_major, self.final, self.reversed = (
            k("time_major", False), k("final", "states"), k("reversed", False),
        )  # fmt: skip
        self.gru = make(k, "gru", nn.GRU, 8, 8, direction="bidirect", time_major=self.time_major)
        self.fc = make(k, "fc", nn.Linear, 16, 8)
        self.order, self.act = k("order", (0, 1)), k("act", True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = paddle.flip(x, axis=[1]) if self.reversed else x
        if self.time_major:
            y, state = self.gru(x.transpose([1, 0, 2]))
            y = y.transpose([1, 0, 2])
        else:
            y, state = self.gru(x)
        last = y[:, -1] if self.final == "last" else paddle.concat([state[i] for i in self.order], axis=1)
        start = self.fc(last)
        return y, paddle.tanh(start) if self.act else start


class Translator(nn.Layer):
    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.embedding = make(k, "embedding", nn.Embedding, 20, 8)
        self.enc = Encoder(k.at("enc"))
        self.dec = make(k, "dec", nn.GRU, 8, 8)
        self.attn = make(k, "attn", nn.Linear, 16, 8, bias_attr=False)
        self.concat_fc = make(k, "concat_fc", nn.Linear, 24, 8)
        self.generator = make(k, "generator", nn.Linear, 8, 20)
        self.started, self.masked, self.axis = k("started", True), k("masked", True), k("axis", -1)
        self.context_last = k("context_last", False)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        memory, start = self.enc(self.embedding(source))
        words = self.embedding(target)
        y = self.dec(words, start.unsqueeze(0))[0] if self.started else self.dec(words)[0]
        scores = paddle.matmul(y, self.attn(memory).transpose([0, 2, 1]))  # [B, T, S]
        if self.masked:
            scores = paddle.where((source == 0).unsqueeze(1), paddle.full_like(scores, -1e30), scores)
        context = paddle.bmm(F.softmax(scores, axis=self.axis), memory)
        joined = paddle.concat([y, context] if self.context_last else [context, y], axis=-1)
        return self.generator(F.tanh(self.concat_fc(joined)))


class Attention(nn.Layer):
    """Multi-head attention by matmul, an additive mask."""

    def __init__(self, k: Knobs, d: int, heads: int) -> None:
        super().__init__()
        self.heads, self.head_dim, self.scale = heads, d // heads, k("scale", (d // heads) ** -0.5)
        self.q_proj = make(k, "q_proj", nn.Linear, d, d)
        self.k_proj = make(k, "k_proj", nn.Linear, d, d)
        self.v_proj = make(k, "v_proj", nn.Linear, d, d)
        self.out_proj = make(k, "out_proj", nn.Linear, d, d)
        self.merge, self.source = k("merge", True), k("source", "memory")

    def _split(self, x: Tensor) -> Tensor:
        return x.reshape([0, -1, self.heads, self.head_dim]).transpose([0, 2, 1, 3])  # [B, H, N, D]

    def forward(self, x: Tensor, memory: Tensor, mask: Tensor) -> Tensor:
        memory = memory if self.source == "memory" else x
        q, k, v = self._split(self.q_proj(x)), self._split(self.k_proj(memory)), self._split(self.v_proj(memory))
        scores = paddle.matmul(q * self.scale, k.transpose([0, 1, 3, 2])) + mask
        y = paddle.matmul(F.softmax(scores), v)
        y = y.transpose([0, 2, 1, 3]) if self.merge else y
        return self.out_proj(y.reshape([x.shape[0], x.shape[1], -1]))


class DecoderLayer(nn.Layer):
    def __init__(self, k: Knobs, d: int) -> None:
        super().__init__()
        self.self_attn = Attention(k.at("self_attn"), d, 4)
        self.cross_attn = Attention(k.at("cross_attn"), d, 4)
        self.linear1 = make(k, "linear1", nn.Linear, d, 2 * d)
        self.linear2 = make(k, "linear2", nn.Linear, 2 * d, d)
        self.ln1 = make(k, "ln1", nn.LayerNorm, d)
        self.ln2 = make(k, "ln2", nn.LayerNorm, d)
        self.ln3 = make(k, "ln3", nn.LayerNorm, d)
        self.act, self.pre_norm, self.residual = k("act", "relu"), k("pre_norm", False), k("residual", 1.0)

    def forward(self, x: Tensor, memory: Tensor, causal: Tensor, mask: Tensor) -> Tensor:
        x = self.ln1(x + self.self_attn(x, x, causal))
        x = self.ln2(x * self.residual + self.cross_attn(x, memory, mask))
        if self.pre_norm:
            return x + self._mlp(self.ln3(x))
        return self.ln3(x + self._mlp(x))

    def _mlp(self, x: Tensor) -> Tensor:
        return self.linear2(getattr(F, self.act)(self.linear1(x)))


class TextDecoder(nn.Layer):
    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.d = 16
        self.word_emb = make(k, "word_emb", nn.Embedding, 20, self.d)
        self.decoder = nn.LayerList([DecoderLayer(k.at(f"decoder.{i}"), self.d) for i in range(2)])
        self.scaled, self.positions, self.diagonal = k("scaled", True), k("positions", "interleaved"), k("diagonal", 1)
        self.hides, self.causal, self.states = k("hides", "last"), k("causal", True), k("states", True)

    def forward(self, tokens: Tensor, memory: Tensor) -> dict[str, Tensor]:
        n, m = tokens.shape[1], memory.shape[1]
        x = self.word_emb(tokens)
        x = x * math.sqrt(self.d) if self.scaled else x
        rate = np.exp(-math.log(10000.0) * np.arange(0, self.d, 2) / self.d)
        angle = np.arange(n)[:, None] * rate[None]
        table = np.stack([np.sin(angle), np.cos(angle)], -1 if self.positions == "interleaved" else 1)
        x = x + paddle.to_tensor(table.reshape(n, self.d), dtype=x.dtype)
        later = paddle.triu(paddle.full([n, n], -1e9 if self.causal else 0.0, dtype=x.dtype), self.diagonal)
        last = (paddle.arange(m) >= m - 1).astype(x.dtype)
        mask = (last if self.hides == "last" else 1.0 - last) * -1e9
        for layer in self.decoder:
            x = layer(x, memory, later, mask)
        logits = paddle.matmul(x, self.word_emb.weight, transpose_y=True)
        return {"logits": logits, "states": x} if self.states else {"logits": logits}


class ConvModule(nn.Layer):
    """The same on [B, L, C], pointwise convolutions as Linear layers."""

    def __init__(self, k: Knobs, c: int, dilation: int) -> None:
        super().__init__()
        self.padding = k("padding", [4 * dilation, 0])
        self.layer_norm = make(k, "layer_norm", nn.LayerNorm, c)
        self.pointwise1 = make(k, "pointwise1", nn.Linear, c, 2 * c)
        self.depthwise = make(k, "depthwise", nn.Conv1D, c, c, 5, groups=c, dilation=dilation)
        self.batch_norm = make(k, "batch_norm", nn.BatchNorm1D, c)
        self.swish = make(k, "swish", nn.Swish)
        self.pointwise2 = make(k, "pointwise2", nn.Linear, c, c)
        self.dropout = make(k, "dropout", nn.Dropout, k("p", 0.0))
        self.gate, self.residual = k("gate", "second"), k("residual", True)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = paddle.chunk(self.pointwise1(self.layer_norm(x)), 2, axis=-1)
        y = value * F.sigmoid(gate) if self.gate == "second" else gate * F.sigmoid(value)
        y = F.pad(y.transpose([0, 2, 1]), self.padding, data_format="NCL")
        y = self.swish(self.batch_norm(self.depthwise(y)))
        y = self.dropout(self.pointwise2(y.transpose([0, 2, 1])))
        return x + y if self.residual else y


class Audio(nn.Layer):
    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.subsample = make(k, "subsample", nn.Conv1D, 4, 8, 4, stride=2, padding=1)
        self.block1 = ConvModule(k.at("block1"), 8, 1)
        self.block2 = ConvModule(k.at("block2"), 8, 2)
        self.classifier = make(k, "classifier", nn.Linear, 6, 3)
        self.embed = make(k, "embed", nn.Linear, 16, 6)
        self.unbiased, self.mean_first = k("unbiased", True), k("mean_first", True)
        self.floor, self.unit, self.tanh_gelu = k("floor", 1e-4), k("unit", -1), k("tanh_gelu", False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = F.gelu(self.subsample(x), approximate=self.tanh_gelu).transpose([0, 2, 1])  # [B, L, C]
        x = self.block2(self.block1(x))
        mean = paddle.mean(x, axis=1)
        deviation = paddle.sqrt(paddle.clip(paddle.var(x, axis=1, unbiased=self.unbiased), min=self.floor))
        stats = paddle.concat([mean, deviation] if self.mean_first else [deviation, mean], axis=1)
        embedding = self.embed(stats)
        embedding = embedding if self.unit is None else F.normalize(embedding, axis=self.unit)
        return embedding, self.classifier(embedding)
