"""Transformers, attention blocks and recurrent networks as a torch user writes them."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.faults.knobs import Knobs
from benchmarks.faults.torch_models.layers import make


class SelfAttention(nn.Module):
    """Multi-head attention written out; ``fused`` computes q, k and v with one Linear."""

    def __init__(self, k: Knobs, d: int, heads: int) -> None:
        super().__init__()
        self.heads, self.causal, self.fused = heads, k("causal", False), k("fused", True)
        if self.fused:
            self.qkv = make(k, "qkv", nn.Linear, d, 3 * d)
        else:
            self.query = make(k, "query", nn.Linear, d, d)
            self.key = make(k, "key", nn.Linear, d, d)
            self.value = make(k, "value", nn.Linear, d, d)
        self.proj = make(k, "proj", nn.Linear, d, d)
        self.drop = make(k, "drop", nn.Dropout, 0.0)

    def forward(self, x: Tensor) -> Tensor:
        b, n, d = x.shape
        q, k, v = self.qkv(x).chunk(3, dim=-1) if self.fused else (self.query(x), self.key(x), self.value(x))
        q, k, v = (z.view(b, n, self.heads, d // self.heads).transpose(1, 2) for z in (q, k, v))  # [B, H, N, D]
        scores = q @ k.transpose(-2, -1) / math.sqrt(d // self.heads)  # [B, H, N, N]
        if self.causal:
            scores = scores.masked_fill(torch.ones(n, n, dtype=torch.bool).triu(1), -math.inf)
        y = self.drop(scores.softmax(dim=-1)) @ v
        return self.proj(y.transpose(1, 2).reshape(b, n, d))


class Block(nn.Module):
    def __init__(self, k: Knobs, d: int, heads: int) -> None:
        super().__init__()
        self.norm1 = make(k, "norm1", nn.LayerNorm, d)
        self.attn = SelfAttention(k.at("attn"), d, heads)
        self.norm2 = make(k, "norm2", nn.LayerNorm, d)
        self.mlp = nn.Sequential(
            make(k, "mlp.0", nn.Linear, d, 4 * d), make(k, "mlp.1", nn.GELU), make(k, "mlp.2", nn.Linear, 4 * d, d)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class GPT(nn.Module):
    """Token and position embeddings, pre-norm blocks, a head that may be tied to the tokens."""

    def __init__(self, k: Knobs) -> None:
        super().__init__()
        d, depth, vocabulary = 16, k("depth", 2), 20
        self.tok_emb = make(k, "tok_emb", nn.Embedding, vocabulary, d)
        self.pos_emb = nn.Parameter(torch.randn(1, 12, d) * 0.02)
        self.blocks = nn.ModuleList([Block(k.at(f"blocks.{i}"), d, 4) for i in range(depth)])
        self.ln_f = make(k, "ln_f", nn.LayerNorm, d)
        self.head = make(k, "head", nn.Linear, d, vocabulary, bias=False)
        if k("tied", False):
            self.head.weight = self.tok_emb.weight

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.tok_emb(tokens) + self.pos_emb[:, : tokens.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.head(self.ln_f(x))


class Encoder(nn.Module):
    """The framework's own encoder layers on embedded tokens with a padding mask, sinusoidal positions, mean pooling."""

    def __init__(self, k: Knobs) -> None:
        super().__init__()
        d = 16
        self.d, self.masked = d, k("masked", True)
        self.embedding = make(k, "embedding", nn.Embedding, 20, d, padding_idx=k("padding_idx", None))
        self.layers = nn.ModuleList([
            make(k, f"layers.{i}", nn.TransformerEncoderLayer, d, 4, 32, dropout=0.0, activation="relu",
                 batch_first=True) for i in range(2)
        ])  # fmt: skip
        self.classifier = make(k, "classifier", nn.Linear, d, 5)

    def forward(self, tokens: Tensor) -> Tensor:
        n = tokens.shape[1]
        x = self.embedding(tokens) * math.sqrt(self.d)
        position = torch.arange(n, dtype=x.dtype).unsqueeze(1)
        rate = torch.exp(torch.arange(0, self.d, 2, dtype=x.dtype) * (-math.log(10000.0) / self.d))
        table = torch.stack([torch.sin(position * rate), torch.cos(position * rate)], dim=-1)  # [N, D/2, 2]
        x = x + table.reshape(n, self.d)
        hidden = tokens == 0  # True hides
        for layer in self.layers:
            x = layer(x, src_key_padding_mask=hidden if self.masked else None)
        return self.classifier(x.mean(dim=1))


class CrossAttention(nn.Module):
    """nn.MultiheadAttention of image queries over word keys, and scaled_dot_product_attention after it."""

    def __init__(self, k: Knobs) -> None:
        super().__init__()
        d = 16
        self.mask = k("mask", True)
        self.norm_image = make(k, "norm_image", nn.LayerNorm, d)
        self.norm_words = make(k, "norm_words", nn.LayerNorm, d)
        self.attn = make(k, "attn", nn.MultiheadAttention, d, 4, batch_first=True)
        self.q = make(k, "q", nn.Linear, d, d)
        self.kv = make(k, "kv", nn.Linear, d, d)
        self.out = make(k, "out", nn.Linear, d, 5)

    def forward(self, image: Tensor, words: Tensor) -> Tensor:
        keys = self.norm_words(words)
        hidden = torch.ones(image.shape[1], words.shape[1], dtype=torch.bool).triu(2)  # True hides
        x, _ = self.attn(self.norm_image(image), keys, keys, attn_mask=hidden if self.mask else None)
        x = image + x
        b, n, d = x.shape
        q = self.q(x).view(b, n, 4, d // 4).transpose(1, 2)  # [B, H, N, D]
        kv = self.kv(x).view(b, n, 4, d // 4).transpose(1, 2)
        y = F.scaled_dot_product_attention(q, kv, kv)
        return self.out(y.transpose(1, 2).reshape(b, n, d))


class ChannelAttention(nn.Module):
    """CBAM on ReLU features: ties in the channel maximum wherever all channels are zero."""

    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.on_features = k("on_features", False)
        if not self.on_features:
            self.stem = make(k, "stem", nn.Conv2d, 3, 4, 3, padding=1)
            self.relu = make(k, "relu", nn.ReLU, inplace=True)
        self.fc1 = make(k, "fc1", nn.Linear, 4, 2)
        self.fc2 = make(k, "fc2", nn.Linear, 2, 4)
        self.spatial = make(k, "spatial", nn.Conv2d, 2, 1, 3, padding=1, bias=False)
        self.head = make(k, "head", nn.Conv2d, 4, 3, 1)
        self.maximum = k("maximum", "first")

    def forward(self, x: Tensor) -> Tensor:
        x = x if self.on_features else self.relu(self.stem(x))
        mean, peak = x.mean((2, 3)), x.flatten(2).max(dim=2).values  # [B, C]
        gate = torch.sigmoid(self.fc2(F.relu(self.fc1(mean))) + self.fc2(F.relu(self.fc1(peak))))
        x = x * gate[:, :, None, None]
        top = x.max(dim=1, keepdim=True).values if self.maximum == "first" else x.amax(dim=1, keepdim=True)
        x = x * torch.sigmoid(self.spatial(torch.cat([top, x.mean(dim=1, keepdim=True)], dim=1)))
        return self.head(x)


class PositionAttention(nn.Module):
    """A SAGAN-like block between two convolutions: query, key, value, a gate that starts at zero."""

    def __init__(self, k: Knobs) -> None:
        super().__init__()
        c = 8
        self.stem = make(k, "stem", nn.Conv2d, 3, c, 3, stride=2, padding=1)
        self.query_conv = make(k, "query_conv", nn.Conv2d, c, c // 2, 1)
        self.key_conv = make(k, "key_conv", nn.Conv2d, c, c // 2, 1)
        self.value_conv = make(k, "value_conv", nn.Conv2d, c, c, 1)
        self.gamma = nn.Parameter(torch.zeros(1))
        self.softmax = make(k, "softmax", nn.Softmax, dim=-1)
        self.head = make(k, "head", nn.Conv2d, c, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        b, c, h, w = x.shape
        query = self.query_conv(x).view(b, -1, h * w).permute(0, 2, 1)  # [B, N, D]
        key = self.key_conv(x).view(b, -1, h * w)  # [B, D, N]
        affinity = self.softmax(query @ key)  # [B, N, N]
        value = self.value_conv(x).view(b, c, h * w)
        y = (value @ affinity.transpose(1, 2)).view(b, c, h, w)
        return self.head(self.gamma * y + x)


class LSTMClassifier(nn.Module):
    """Embedded tokens, a recurrent network, its last step, a classifier; ``cell`` is "LSTM", "GRU" or "RNN"."""

    def __init__(self, k: Knobs) -> None:
        super().__init__()
        both = k("bidirectional", False)
        self.cell = k("cell", "LSTM")
        self.embedding = make(k, "embedding", nn.Embedding, 20, 8, padding_idx=k("padding_idx", None))
        self.rnn = make(
            k, "rnn", getattr(nn, self.cell), 8, 8, num_layers=k("layers", 2), batch_first=True, bidirectional=both
        )
        self.fc = make(k, "fc", nn.Linear, 16 if both else 8, 8)
        self.dropout = make(k, "dropout", nn.Dropout, k("p", 0.0))
        self.classifier = make(k, "classifier", nn.Linear, 8, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        x, _ = self.rnn(self.embedding(tokens))
        return self.classifier(self.dropout(F.relu(self.fc(x[:, -1]))))
