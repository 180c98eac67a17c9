"""Models of sequences as a torch user writes them: encoders, decoders, taggers, experts."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Bert(nn.Module):
    """Post-norm encoder on padded tokens; dropout; a pooled first token and a mask that is returned."""

    def __init__(self) -> None:
        super().__init__()
        self.word, self.place, self.kind = nn.Embedding(12, 8), nn.Embedding(6, 8), nn.Embedding(2, 8)
        self.norm, self.drop = nn.LayerNorm(8, eps=1e-12), nn.Dropout(0.1)
        self.query, self.key, self.value, self.dense = (nn.Linear(8, 8) for _ in range(4))
        self.up, self.down = nn.Linear(8, 16), nn.Linear(16, 8)
        self.norm1, self.norm2 = nn.LayerNorm(8), nn.LayerNorm(8)
        self.pooler = nn.Linear(8, 8)

    def forward(self, tokens: Tensor) -> dict[str, Tensor]:
        b, n = tokens.shape
        kinds = (tokens > 6).long()
        x = self.word(tokens) + self.place(torch.arange(n)) + self.kind(kinds)
        x = self.drop(self.norm(x))
        real = tokens != 0
        q, k, v = (f(x).view(b, n, 2, 4).transpose(1, 2) for f in (self.query, self.key, self.value))
        scores = q @ k.transpose(-1, -2) / math.sqrt(4)
        scores = scores.masked_fill(~real[:, None, None, :], -1e9)
        y = (self.drop(F.softmax(scores, dim=-1)) @ v).transpose(1, 2).reshape(b, n, 8)
        x = self.norm1(x + self.drop(self.dense(y)))
        x = self.norm2(x + self.down(F.gelu(self.up(x))))
        return {"hidden": x, "pooled": torch.tanh(self.pooler(x[:, 0])), "real": real}


class RMSNorm(nn.Module):
    def __init__(self, d: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(d))

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight


class Llama(nn.Module):
    """Rotary positions, keys that two heads share, SwiGLU, a causal mask of minus infinity."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.norm1, self.norm2, self.norm = nn.Embedding(12, 8), RMSNorm(8), RMSNorm(8), RMSNorm(8)
        self.q, self.k, self.v = (nn.Linear(8, d, bias=False) for d in (8, 4, 4))
        self.o, self.gate, self.up = (nn.Linear(8, d, bias=False) for d in (8, 16, 16))
        self.down, self.head = nn.Linear(16, 8, bias=False), nn.Linear(8, 12, bias=False)

    def rotate(self, x: Tensor) -> Tensor:
        angle = torch.arange(x.shape[1], dtype=x.dtype)[:, None] * torch.tensor([1.0, 0.01], dtype=x.dtype)
        cos, sin = angle.cos()[:, None], angle.sin()[:, None]  # [N, 1, D/2]
        a, b = x.chunk(2, dim=-1)
        return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens)
        b, n, _ = x.shape
        y = self.norm1(x)
        q, k = self.rotate(self.q(y).view(b, n, 2, 4)), self.rotate(self.k(y).view(b, n, 1, 4))
        k, v = (z.expand(b, n, 2, 4) for z in (k, self.v(y).view(b, n, 1, 4)))
        scores = torch.einsum("bqhd,bkhd->bhqk", q, k) * 0.5
        future = torch.full((n, n), float("-inf"), dtype=x.dtype).triu(1)
        y = torch.einsum("bhqk,bkhd->bqhd", torch.softmax(scores + future, dim=-1), v)
        x = x + self.o(y.reshape(b, n, 8))
        y = self.norm2(x)
        x = x + self.down(F.silu(self.gate(y)) * self.up(y))
        return self.head(self.norm(x))


class Experts(nn.Module):
    """The best two of four experts for each token, weighted by the softmax over both, and the load-balancing loss."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.router = nn.LayerNorm(8), nn.Linear(8, 4, bias=False)
        self.experts = nn.ModuleList([nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8)) for _ in range(4)])
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        y = self.norm(x).flatten(0, 1)  # [B * N, D]
        logits = self.router(y)
        best, index = logits.topk(2, dim=-1)
        gates = torch.zeros_like(logits).scatter(1, index, best.softmax(dim=-1))
        mixed = torch.stack([expert(y) for expert in self.experts], dim=1)  # [B * N, E, D]
        y = (gates.unsqueeze(-1) * mixed).sum(1).view_as(x)
        load = (gates > 0).to(x.dtype).mean(0)
        balance = (load * logits.softmax(-1).mean(0)).sum() * 4
        return self.head(x + y), balance, index


class GRUTagger(nn.Module):
    """Tags of padded words by a bidirectional GRU; a loss over the real ones."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.drop = nn.Embedding(12, 6), nn.Dropout(0.3)
        self.gru = nn.GRU(6, 5, bidirectional=True, batch_first=True)
        self.fc = nn.Linear(10, 4)

    def forward(self, words: Tensor) -> tuple[Tensor, Tensor]:
        x, _ = self.gru(self.drop(self.embed(words)))
        scores = F.log_softmax(self.fc(x), dim=-1)
        real = (words != 0).to(x.dtype)
        loss = F.nll_loss(scores.flatten(0, 1), (words % 4).flatten(), reduction="none").view_as(real)
        return (loss * real).sum() / real.sum().clamp(min=1.0), scores.argmax(dim=-1)


class WaveNet(nn.Module):
    """Gated dilated convolutions that look back only, with skips."""

    def __init__(self) -> None:
        super().__init__()
        self.start = nn.Conv1d(3, 6, 1)
        self.filters = nn.ModuleList([nn.Conv1d(6, 6, 2, dilation=2**i) for i in range(2)])
        self.gates = nn.ModuleList([nn.Conv1d(6, 6, 2, dilation=2**i) for i in range(2)])
        self.mixes = nn.ModuleList([nn.Conv1d(6, 6, 1) for _ in range(2)])
        self.end = nn.Conv1d(6, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.start(x)
        skips = torch.zeros_like(x)
        for i in range(2):
            y = F.pad(x, (2**i, 0))
            y = torch.tanh(self.filters[i](y)) * torch.sigmoid(self.gates[i](y))
            y = self.mixes[i](y)
            skips = skips + y
            x = (x + y) * math.sqrt(0.5)
        return self.end(F.relu(skips))[:, :, 1:]


class T5(nn.Module):
    """Buckets of relative positions, attention without a scale."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.norm, self.bias = nn.Embedding(12, 8), RMSNorm(8), nn.Embedding(6, 2)
        self.qkv, self.o, self.wi, self.wo = nn.Linear(8, 24), nn.Linear(8, 8), nn.Linear(8, 12), nn.Linear(12, 8)
        self.norm2 = RMSNorm(8)

    def buckets(self, n: int) -> Tensor:
        distance = torch.arange(n)[None, :] - torch.arange(n)[:, None]
        side = (distance > 0).long() * 3
        return side + distance.abs().clamp(max=2)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens)
        b, n, d = x.shape
        q, k, v = self.qkv(self.norm(x)).view(b, n, 3, 2, d // 2).permute(2, 0, 3, 1, 4).unbind(0)
        scores = q @ k.transpose(-1, -2) + self.bias(self.buckets(n)).permute(2, 0, 1)[None]
        scores = scores + (1.0 - (tokens != 0).to(x.dtype))[:, None, None, :] * -1e4
        x = x + self.o((scores.softmax(-1) @ v).transpose(1, 2).reshape(b, n, d))
        return x + self.wo(F.relu(self.wi(self.norm2(x))))


class Perceiver(nn.Module):
    """Learnt queries look at a sequence twice with the same weights."""

    def __init__(self) -> None:
        super().__init__()
        self.latents = nn.Parameter(torch.randn(3, 8))
        self.q, self.kv, self.o = nn.Linear(8, 8), nn.Linear(8, 16), nn.Linear(8, 8)
        self.norm_q, self.norm_x, self.head = nn.LayerNorm(8), nn.LayerNorm(8), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        z = self.latents.unsqueeze(0).expand(x.shape[0], -1, -1)
        k, v = self.kv(self.norm_x(x)).chunk(2, dim=-1)
        for _ in range(2):
            q = self.q(self.norm_q(z))
            weights = torch.softmax(torch.bmm(q, k.transpose(1, 2)) * 8**-0.5, dim=2)
            z = z + self.o(torch.bmm(weights, v))
        return F.softmax(self.head(z.mean(dim=1)), dim=-1)
