"""Models that decide by what is given to them: the best few, a threshold, a whole number, the nearest pixel, an order.

Inputs with ties and whole numbers put them at the edge of a decision.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Pruning(nn.Module):
    """Keeps the tokens with the best given scores."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.norm, self.mix, self.head = nn.Linear(8, 8), nn.LayerNorm(8), nn.Linear(8, 8), nn.Linear(8, 4)

    def forward(self, x: Tensor, score: Tensor) -> tuple[Tensor, Tensor]:
        best, index = score.topk(4, dim=1)
        x = torch.gather(self.embed(x), 1, index.unsqueeze(-1).expand(-1, -1, 8))
        x = F.relu(self.mix(self.norm(x))) * torch.sigmoid(best).unsqueeze(-1)
        return self.head(x), index


class Buckets(nn.Module):
    """Times to whole numbers, values to bins and to signs."""

    def __init__(self) -> None:
        super().__init__()
        self.time, self.bin = nn.Embedding(9, 8), nn.Embedding(5, 8)
        self.fc1, self.fc2 = nn.Linear(8, 8), nn.Linear(8, 4)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        steps = (time.abs() * 2.0).clamp(max=8.0).long()
        bins = torch.floor(x[:, :4]).clamp(-2.0, 2.0).long() + 2
        y = self.time(steps) + self.bin(bins).mean(1)
        y = torch.where(x > 0.5, self.fc1(y), torch.sign(x) * y)
        y = F.gelu(y) * (torch.round(x) == x).to(x.dtype) + y
        return self.fc2(y)


class Sampling(nn.Module):
    """The nearest pixels at given places, nearest resizing by an odd factor, the largest around each."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(4, 4)

    def forward(self, x: Tensor, place: Tensor) -> Tensor:
        grid = (place / 3.0).clamp(-1.0, 1.0).view(-1, 4, 4, 2)
        y = F.grid_sample(self.conv(x), grid, mode="nearest", padding_mode="zeros", align_corners=True)
        y = F.interpolate(F.elu(y), size=(6, 6), mode="nearest")
        y = F.max_pool2d(y, 2) - 0.5 * F.max_pool2d(x[:, :1], 2)
        return F.log_softmax(self.fc(y.mean((2, 3))), dim=1)


class Ranking(nn.Module):
    """Sorts, takes the median and the place of the largest, and counts."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2, self.place = nn.Linear(8, 8), nn.Linear(8, 4), nn.Embedding(8, 8)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        order = x.sort(dim=-1, descending=True).values
        y = self.fc1(order) + self.place(x.argmax(dim=-1))
        y = torch.tanh(y) - x.median(dim=-1, keepdim=True).values
        share = (x >= x.mean(-1, keepdim=True)).to(x.dtype).mean(-1, keepdim=True)
        y = y * share + x.amax(dim=-1, keepdim=True)
        return {"out": self.fc2(F.relu(y)), "largest": y.argmax(-1), "positive": y > 0}
