"""Models of graphs, tables and embeddings as a torch user writes them; codes, quantised weights, losses."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class VQ(nn.Module):
    """The nearest code of a book for each place, the gradient passed straight through, and the two losses."""

    def __init__(self) -> None:
        super().__init__()
        self.enc, self.book, self.dec = nn.Conv2d(3, 4, 2, stride=2), nn.Embedding(6, 4), nn.ConvTranspose2d(4, 3, 2, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        z = self.enc(x).permute(0, 2, 3, 1)  # [B, H, W, D]
        flat = z.reshape(-1, 4)
        away = flat.pow(2).sum(1, keepdim=True) - 2.0 * flat @ self.book.weight.t() + self.book.weight.pow(2).sum(1)
        index = away.argmin(dim=1)
        q = self.book(index).view(z.shape)
        loss = F.mse_loss(q, z.detach()) + 0.25 * F.mse_loss(z, q.detach())
        q = z + (q - z).detach()
        return torch.sigmoid(self.dec(q.permute(0, 3, 1, 2))), loss, index


class Quantised(nn.Module):
    """Weights and activations rounded to few levels in the forward pass, straight through in the backward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2, self.step = nn.Linear(8, 8), nn.Linear(8, 4), nn.Parameter(torch.tensor([0.25]))

    def quantise(self, x: Tensor, step: float) -> Tensor:
        y = torch.clamp(torch.round(x / step), -7.0, 7.0) * step
        return x + (y - x).detach()

    def forward(self, x: Tensor) -> Tensor:
        x = F.linear(self.quantise(x, 0.25), self.quantise(self.fc1.weight, 0.125), self.fc1.bias)
        x = self.quantise(F.hardtanh(x, -1.0, 1.0), 0.25) * (1.0 + self.step.abs())
        spikes = (x > 0.25).to(x.dtype)
        return self.fc2(x * spikes)


class GCN(nn.Module):
    """Messages along the edges of a graph, added up; normalised by degree; the largest over the nodes."""

    def __init__(self) -> None:
        super().__init__()
        self.lin1, self.lin2, self.out = nn.Linear(6, 8), nn.Linear(8, 8, bias=False), nn.Linear(8, 3)

    def spread(self, x: Tensor, source: Tensor, target: Tensor) -> Tensor:
        total = torch.zeros_like(x).index_add(0, target, x[source])
        count = torch.zeros(x.shape[0], dtype=x.dtype).index_add(0, target, torch.ones(len(target), dtype=x.dtype))
        return total / count.clamp(min=1.0)[:, None]

    def forward(self, x: Tensor, edges: Tensor) -> tuple[Tensor, Tensor]:
        source, target = edges[0], edges[1]
        x = F.relu(self.lin1(x))
        x = x + F.elu(self.spread(self.lin2(x), source, target))
        return self.out(x.amax(dim=0)), F.normalize(x, dim=-1)


class DeepFM(nn.Module):
    """Fields embedded; the square of the sum less the sum of squares; a net with BatchNorm; a loss by logits."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.embed = nn.Embedding(12, 1), nn.Embedding(12, 4)
        self.fc1, self.bn, self.fc2 = nn.Linear(24, 8), nn.BatchNorm1d(8, momentum=0.125), nn.Linear(8, 1)
        self.drop = nn.Dropout(0.25)

    def forward(self, fields: Tensor) -> tuple[Tensor, Tensor]:
        e = self.embed(fields)  # [B, F, D]
        pairs = 0.5 * (e.sum(1).pow(2) - e.pow(2).sum(1)).sum(1, keepdim=True)
        deep = self.fc2(self.drop(F.relu(self.bn(self.fc1(e.flatten(1))))))
        logit = (self.first(fields).sum(1) + pairs + deep).squeeze(1)
        target = (fields[:, 0] % 2).to(logit.dtype)
        return torch.sigmoid(logit), F.binary_cross_entropy_with_logits(logit, target)


class Triplet(nn.Module):
    """Embeddings on a sphere; for each the nearest of another class and the farthest of its own; a margin."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2, self.centres = nn.Linear(6, 8), nn.Linear(8, 4), nn.Parameter(torch.randn(3, 4))

    def forward(self, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
        e = F.normalize(self.fc2(F.softplus(self.fc1(x))), dim=1)
        like = e @ e.t()
        same = labels[:, None] == labels[None, :]
        negative = like.masked_fill(same, float("-inf")).max(dim=1).values.clamp(min=-2.0)
        positive = like.masked_fill(~same, float("inf")).min(dim=1).values
        margin = F.relu(negative - positive + 0.5).mean()
        scores = F.cosine_similarity(e[:, None], self.centres[None], dim=-1)
        return {"margin": margin, "scores": scores, "loss": F.cross_entropy(8.0 * scores, labels)}


class Reader(nn.Module):
    """A CTC reader: convolutions over the columns, a recurrence, the loss against a text."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.rnn, self.fc = nn.Conv2d(1, 4, 3, (2, 1), 1), nn.LSTM(16, 5, batch_first=True), nn.Linear(5, 5)

    def forward(self, x: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
        x = F.relu(self.conv(x))  # [B, C, H, W]
        x, _ = self.rnn(x.permute(0, 3, 1, 2).flatten(2))
        y = F.log_softmax(self.fc(x), dim=-1)
        b, n, _ = y.shape
        lengths = torch.full((b,), n), torch.full((b,), text.shape[1])
        return F.ctc_loss(y.transpose(0, 1), text % 4 + 1, *lengths, reduction="sum"), y.argmax(-1)
