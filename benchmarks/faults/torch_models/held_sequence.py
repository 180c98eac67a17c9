"""Held-out sequence models as a torch user writes them: a GRU translator, a post-norm decoder, an audio net."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.faults.knobs import Knobs
from benchmarks.faults.torch_models.layers import make


class Translator(nn.Module):
    """Bidirectional GRU, a bridge to the decoder's first state, a GRU decoder with dot-product attention."""

    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.embed = make(k, "embed", nn.Embedding, 20, 8)
        self.encoder = make(k, "encoder", nn.GRU, 8, 8, batch_first=True, bidirectional=True)
        self.bridge = make(k, "bridge", nn.Linear, 16, 8)
        self.decoder = make(k, "decoder", nn.GRU, 8, 8, batch_first=True)
        self.key = make(k, "key", nn.Linear, 16, 8, bias=False)
        self.combine = make(k, "combine", nn.Linear, 24, 8)
        self.out = make(k, "out", nn.Linear, 8, 20)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        memory, state = self.encoder(self.embed(source))
        start = torch.tanh(self.bridge(torch.cat([state[0], state[1]], dim=-1))).unsqueeze(0)
        y, _ = self.decoder(self.embed(target), start)
        scores = torch.einsum("btd,bsd->bts", y, self.key(memory))
        scores = scores.masked_fill((source == 0)[:, None, :], float("-inf"))
        context = torch.einsum("bts,bsd->btd", torch.softmax(scores, dim=-1), memory)
        return self.out(torch.tanh(self.combine(torch.cat([context, y], dim=-1))))


class Heads(nn.Module):
    """Multi-head attention by einsum; True in the mask hides."""

    def __init__(self, k: Knobs, d: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.wq = make(k, "wq", nn.Linear, d, d)
        self.wk = make(k, "wk", nn.Linear, d, d)
        self.wv = make(k, "wv", nn.Linear, d, d)
        self.wo = make(k, "wo", nn.Linear, d, d)

    def forward(self, x: Tensor, memory: Tensor, hidden: Tensor) -> Tensor:
        q, k, v = (z.unflatten(-1, (self.heads, -1)) for z in (self.wq(x), self.wk(memory), self.wv(memory)))
        scores = torch.einsum("bqhd,bkhd->bhqk", q, k) / math.sqrt(q.shape[-1])
        weights = scores.masked_fill(hidden, -1e9).softmax(-1)
        return self.wo(torch.einsum("bhqk,bkhd->bqhd", weights, v).flatten(2))


class DecoderLayer(nn.Module):
    def __init__(self, k: Knobs, d: int) -> None:
        super().__init__()
        self.self_attn = Heads(k.at("self_attn"), d, 4)
        self.norm1 = make(k, "norm1", nn.LayerNorm, d)
        self.cross = Heads(k.at("cross"), d, 4)
        self.norm2 = make(k, "norm2", nn.LayerNorm, d)
        self.ffn = nn.Sequential(
            make(k, "ffn.0", nn.Linear, d, 2 * d), nn.ReLU(inplace=True), make(k, "ffn.2", nn.Linear, 2 * d, d)
        )
        self.norm3 = make(k, "norm3", nn.LayerNorm, d)

    def forward(self, x: Tensor, memory: Tensor, later: Tensor, hidden: Tensor) -> Tensor:
        x = self.norm1(x + self.self_attn(x, x, later))
        x = self.norm2(x + self.cross(x, memory, hidden))
        return self.norm3(x + self.ffn(x))


class TextDecoder(nn.Module):
    """Scaled embeddings, sinusoids, two post-norm layers over a memory, logits through the embedding."""

    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.d = 16
        self.tokens = make(k, "tokens", nn.Embedding, 20, self.d)
        self.layers = nn.ModuleList([DecoderLayer(k.at(f"layers.{i}"), self.d) for i in range(2)])

    def forward(self, tokens: Tensor, memory: Tensor) -> dict[str, Tensor]:
        n = tokens.shape[1]
        x = self.tokens(tokens) * math.sqrt(self.d)
        angle = torch.arange(n, dtype=x.dtype)[:, None] / 10000 ** (torch.arange(0, self.d, 2, dtype=x.dtype) / self.d)
        table = torch.zeros(n, self.d, dtype=x.dtype)
        table[:, 0::2], table[:, 1::2] = torch.sin(angle), torch.cos(angle)
        x = x + table
        later = torch.triu(torch.ones(n, n, dtype=torch.bool), diagonal=1)
        hidden = torch.arange(memory.shape[1]) >= memory.shape[1] - 1
        for layer in self.layers:
            x = layer(x, memory, later, hidden)
        return {"logits": F.linear(x, self.tokens.weight), "states": x}


class BiasedBatchNorm1d(nn.BatchNorm1d):
    """BatchNorm1d whose running variance averages the biased estimate, as Paddle's does."""

    momentum: float
    running_mean: Tensor
    running_var: Tensor

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            mean, var = x.mean((0, 2)).detach(), x.var((0, 2), unbiased=False).detach()
            self.running_mean.mul_(1 - self.momentum).add_(self.momentum * mean)
            self.running_var.mul_(1 - self.momentum).add_(self.momentum * var)
            return F.batch_norm(x, None, None, self.weight, self.bias, True, 0.0, self.eps)
        return super().forward(x)


class ConvModule(nn.Module):
    """Conformer's convolution: pointwise, GLU, causal depthwise, BatchNorm, SiLU, pointwise, dropout."""

    def __init__(self, k: Knobs, c: int, dilation: int) -> None:
        super().__init__()
        self.pad = 4 * dilation
        self.norm = make(k, "norm", nn.LayerNorm, c)
        self.pw1 = make(k, "pw1", nn.Conv1d, c, 2 * c, 1)
        self.dw = make(k, "dw", nn.Conv1d, c, c, 5, groups=c, dilation=dilation)
        self.bn = make(k, "bn", BiasedBatchNorm1d, c)
        self.pw2 = make(k, "pw2", nn.Conv1d, c, c, 1)
        self.drop = make(k, "drop", nn.Dropout, k("p", 0.0))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x.transpose(1, 2)).transpose(1, 2)  # [B, C, L]
        y = F.glu(self.pw1(y), dim=1)
        y = F.silu(self.bn(self.dw(F.pad(y, (self.pad, 0)))))
        return x + self.drop(self.pw2(y))


class Audio(nn.Module):
    """A strided stem, two convolution modules, mean and standard deviation over time, a unit-length embedding."""

    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.stem = make(k, "stem", nn.Conv1d, 4, 8, 4, stride=2, padding=1)
        self.mods = nn.ModuleList([ConvModule(k.at(f"mods.{i}"), 8, i + 1) for i in range(2)])
        self.fc = make(k, "fc", nn.Linear, 16, 6)
        self.head = make(k, "head", nn.Linear, 6, 3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = F.gelu(self.stem(x))
        for module in self.mods:
            x = module(x)
        stats = torch.cat([x.mean(dim=2), x.var(dim=2, unbiased=True).clamp(min=1e-4).sqrt()], dim=1)
        embedding = F.normalize(self.fc(stats), dim=-1)
        return embedding, self.head(embedding)
