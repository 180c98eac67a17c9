"""The same transformers and attention blocks as a Paddle user writes them."""

from __future__ import annotations

import math

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from benchmarks.faults.knobs import Knobs
from benchmarks.faults.paddle_models.layers import make


class SelfAttention(nn.Layer):
    def __init__(self, k: Knobs, d: int, heads: int) -> None:
        super().__init__()
        self.heads, self.causal = k("heads", heads), k("causal", False)
        self.fused = k("fused", True)
        if self.fused:
            self.qkv = make(k, "qkv", nn.Linear, d, 3 * d)
        else:
            self.q_proj = make(k, "q_proj", nn.Linear, d, d)
            self.k_proj = make(k, "k_proj", nn.Linear, d, d)
            self.v_proj = make(k, "v_proj", nn.Linear, d, d)
        self.out_proj = make(k, "out_proj", nn.Linear, d, d)
        self.scale = k("scale", "head")
        self.axis = k("axis", -1)
        self.swapped = k("swapped", False)
        self.merge = k("merge", "transposed")
        self.split = k("split", "q, k, v")
        self.strict = k("causal_strictness", 1)

    def forward(self, x: Tensor) -> Tensor:
        b, n, d = x.shape
        width = d // self.heads
        if not self.fused:
            parts = [self.q_proj(x), self.k_proj(x), self.v_proj(x)]
        elif self.split == "per head":  # each head's q, k and v together, as Megatron stores them
            parts = self.qkv(x).reshape([b, n, self.heads, 3, width]).unbind(3)
        else:
            parts = self.qkv(x).split(3, axis=-1)
        q, k, v = (z.reshape([b, n, self.heads, width]).transpose([0, 2, 1, 3]) for z in parts)  # [B, H, N, D]
        if self.swapped:
            q, k = k, q
        scores = paddle.matmul(q, k, transpose_y=True)  # [B, H, N, N]
        if self.scale != "none":
            scores = scores / math.sqrt(width if self.scale == "head" else d)
        if self.causal:
            hidden = paddle.triu(paddle.ones([n, n], dtype="bool"), self.strict)
            scores = paddle.where(hidden, paddle.full_like(scores, -math.inf), scores)
        y = paddle.matmul(F.softmax(scores, axis=self.axis), v)
        if self.merge == "transposed":
            y = y.transpose([0, 2, 1, 3])
        return self.out_proj(y.reshape([b, n, d]))


class Mlp(nn.Layer):
    def __init__(self, k: Knobs, d: int) -> None:
        super().__init__()
        self.fc1 = make(k, "fc1", nn.Linear, d, 4 * d)
        self.act = make(k, "act", nn.GELU)
        self.fc2 = make(k, "fc2", nn.Linear, 4 * d, d)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.act(self.fc1(x)))


class Block(nn.Layer):
    def __init__(self, k: Knobs, d: int, heads: int) -> None:
        super().__init__()
        self.ln_1 = make(k, "ln_1", nn.LayerNorm, d)
        self.attn = SelfAttention(k.at("attn"), d, heads)
        self.ln_2 = make(k, "ln_2", nn.LayerNorm, d)
        self.mlp = Mlp(k.at("mlp"), d)
        self.order = k("order", "pre-norm")

    def forward(self, x: Tensor) -> Tensor:
        if self.order == "post-norm":
            x = self.ln_1(x + self.attn(x))
            return self.ln_2(x + self.mlp(x))
        if self.order == "norm on the residual":
            x = self.ln_1(x)
            x = x + self.attn(x)
        elif self.order == "parallel":
            return x + self.attn(self.ln_1(x)) + self.mlp(self.ln_2(x))
        else:
            x = x + self.attn(self.ln_1(x))
        y = self.mlp(self.ln_2(x))
        return y if self.order == "no second residual" else x + y


class GPT(nn.Layer):
    def __init__(self, k: Knobs) -> None:
        super().__init__()
        d, depth, vocabulary = 16, k("depth", 2), 20
        self.wte = make(k, "wte", nn.Embedding, vocabulary, d)
        self.wpe = self.create_parameter([1, 12, d], default_initializer=nn.initializer.Normal(0.0, 0.02))
        self.h = nn.LayerList([Block(k.at(f"h.{i}"), d, 4) for i in range(depth)])
        self.ln_f = make(k, "ln_f", nn.LayerNorm, d)
        self.tied, self.offset = k("tied", False), k("offset", 0)
        if not self.tied:
            self.lm_head = make(k, "lm_head", nn.Linear, d, vocabulary, bias_attr=False)
        self.blocks = k("blocks", tuple(range(depth)))
        self.detached = k("detach_embeddings", False)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.wte(tokens) + self.wpe[:, self.offset : self.offset + tokens.shape[1]]
        if self.detached:
            x = x.detach()
        for i in self.blocks:
            x = self.h[i](x)
        x = self.ln_f(x)
        return paddle.matmul(x, self.wte.weight, transpose_y=True) if self.tied else self.lm_head(x)


class Encoder(nn.Layer):
    def __init__(self, k: Knobs) -> None:
        super().__init__()
        d = 16
        self.d, self.masked = d, k("masked", True)
        self.word_embeddings = make(k, "word_embeddings", nn.Embedding, 20, d, padding_idx=k("padding_idx", None))
        self.encoder = nn.LayerList([
            make(k, f"encoder.{i}", nn.TransformerEncoderLayer, d, 4, 32, dropout=0.0, activation="relu")
            for i in range(2)
        ])  # fmt: skip
        self.classifier = make(k, "classifier", nn.Linear, d, 5)
        self.sense, self.scaled = k("mask_sense", "keeps"), k("scaled", True)
        self.positions = k("positions", "interleaved")
        self.pooled = k("pooled", "mean")

    def forward(self, tokens: Tensor) -> Tensor:
        n = tokens.shape[1]
        x = self.word_embeddings(tokens)
        x = x * math.sqrt(self.d) if self.scaled else x
        position = paddle.arange(n, dtype=x.dtype).unsqueeze(1)
        rate = paddle.exp(paddle.arange(0, self.d, 2, dtype=x.dtype) * (-math.log(10000.0) / self.d))
        waves = [paddle.sin(position * rate), paddle.cos(position * rate)]
        if self.positions == "interleaved":
            x = x + paddle.stack(waves, axis=-1).reshape([n, self.d])
        elif self.positions == "concatenated":
            x = x + paddle.concat(waves, axis=-1)
        mask = tokens != 0 if self.sense == "keeps" else tokens == 0
        for layer in self.encoder:
            x = layer(x, mask.unsqueeze([1, 2]) if self.masked else None)  # [B, 1, 1, N]
        return self.classifier(x.mean(axis=1) if self.pooled == "mean" else x[:, 0])


class CrossAttention(nn.Layer):
    def __init__(self, k: Knobs) -> None:
        super().__init__()
        d = 16
        self.mask, self.sense = k("mask", True), k("mask_sense", "keeps")
        self.layout = k("layout", "[B, L, H, D]")
        self.norm_q = make(k, "norm_q", nn.LayerNorm, d)
        self.norm_kv = make(k, "norm_kv", nn.LayerNorm, d)
        self.cross = make(k, "cross", nn.MultiHeadAttention, d, 4)
        self.q = make(k, "q", nn.Linear, d, d)
        self.kv = make(k, "kv", nn.Linear, d, d)
        self.out = make(k, "out", nn.Linear, d, 5)
        self.norm_shared = k("one_norm", False)

    def forward(self, image: Tensor, words: Tensor) -> Tensor:
        keys = self.norm_q(words) if self.norm_shared else self.norm_kv(words)
        hidden = paddle.triu(paddle.ones([image.shape[1], words.shape[1]], dtype="bool"), 2)
        mask = paddle.logical_not(hidden) if self.sense == "keeps" else hidden
        x = image + self.cross(self.norm_q(image), keys, keys, attn_mask=mask if self.mask else None)
        b, n, d = x.shape
        q = self.q(x).reshape([b, n, 4, d // 4])  # [B, N, H, D]
        kv = self.kv(x).reshape([b, n, 4, d // 4])
        if self.layout == "[B, H, L, D]":
            q, kv = q.transpose([0, 2, 1, 3]), kv.transpose([0, 2, 1, 3])
        y = F.scaled_dot_product_attention(q, kv, kv)
        if self.layout == "[B, H, L, D]":
            y = y.transpose([0, 2, 1, 3])
        return self.out(y.reshape([b, n, d]))
