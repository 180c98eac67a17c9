"""Networks that sample grids, end in a loss, share weights, or work on tables."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.faults.knobs import Knobs
from benchmarks.faults.torch_models.layers import make


class SpatialTransformer(nn.Module):
    """Predicts an affine map, samples the image with it, classifies."""

    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.align = k("align_corners", (False, False))
        self.loc = make(k, "loc", nn.Conv2d, 3, 4, 5, stride=2, padding=2)
        self.theta = make(k, "theta", nn.Linear, 4 * 8 * 8, 6)
        self.conv = make(k, "conv", nn.Conv2d, 3, 6, 3, padding=1)
        self.fc = make(k, "fc", nn.Linear, 6, 10)

    def forward(self, x: Tensor) -> Tensor:
        theta = self.theta(torch.relu(self.loc(x)).flatten(1)).tanh().view(-1, 2, 3)
        grid = F.affine_grid(theta, list(x.shape), align_corners=self.align[0])
        x = F.grid_sample(x, grid, align_corners=self.align[1])
        return self.fc(torch.relu(self.conv(x)).mean((2, 3)))


class Losses(nn.Module):
    """A token tagger and a box regressor that return their losses: what a detection or language model does."""

    weight: Tensor | None

    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.body = make(k, "body", nn.Linear, 6, 8)
        self.tags = make(k, "tags", nn.Linear, 8, 5)
        self.boxes = make(k, "boxes", nn.Linear, 8, 4)
        self.smoothing, self.beta = k("label_smoothing", 0.0), k("beta", 1.0)
        weight = torch.tensor([0.5, 1.0, 2.0, 1.5, 0.25]) if k("weighted", False) else None
        self.register_buffer("weight", weight, persistent=False)

    def forward(self, x: Tensor, labels: Tensor, target: Tensor) -> dict[str, Tensor]:
        x = torch.relu(self.body(x))  # [B, N, D]
        logits = self.tags(x).flatten(0, 1)
        tagging = F.cross_entropy(logits, labels.flatten(), self.weight, label_smoothing=self.smoothing)
        return {"tagging": tagging, "boxes": F.smooth_l1_loss(self.boxes(x.mean(1)), target, beta=self.beta)}


class AutoEncoder(nn.Module):
    """Tied weights: the decoder is the encoder transposed; ``shared`` runs one hidden layer twice."""

    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.encoder = make(k, "encoder", nn.Linear, 12, 8, bias=False)
        self.hidden = make(k, "hidden", nn.Linear, 8, 8)
        self.again = self.hidden if k("shared", True) else make(k, "again", nn.Linear, 8, 8)
        self.act = make(k, "act", nn.SiLU, inplace=True)
        self.bias = nn.Parameter(torch.zeros(12))

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.encoder(x))
        x = self.act(self.again(self.act(self.hidden(x))))
        return F.linear(x, self.encoder.weight.t(), self.bias)


class Table(nn.Module):
    """A network on rows of features: padding of a matrix, robust centring, square layers, branches that may not run."""

    seen: Tensor

    def __init__(self, k: Knobs) -> None:
        super().__init__()
        width = k("width", 8)
        self.fc1 = make(k, "fc1", nn.Linear, 6, width)
        self.fc2 = make(k, "fc2", nn.Linear, width, width)
        self.fc3 = make(k, "fc3", nn.Linear, width, width)
        self.act1 = make(k, "act1", nn.ReLU)
        self.act2 = make(k, "act2", nn.Tanh)
        self.out = make(k, "out", nn.Linear, width, 3)
        self.median, self.pad, self.std = k("median", False), k("pad", False), k("std", False)
        self.unit, self.nan = k("unit", False), k("nan", False)
        self.kink, self.residual = k("kink", False), k("in_place_residual", None)
        self.alternate = k("alternate", False)
        if self.alternate:
            self.register_buffer("seen", torch.zeros(1))

    def forward(self, x: Tensor) -> Any:
        if self.pad:
            x = F.pad(x, (1, 0, 0, 0))[:, :-1]  # shifts the features by one
        if self.kink:
            x = F.leaky_relu(x, 0.01)
        x = self.act1(self.fc1(x))
        if self.median:
            x = x - x.median(dim=1, keepdim=True).values
        if self.std:
            x = (x - x.mean(1, keepdim=True)) / (x.std(1, keepdim=True) + 1e-5)
        x = self.fc2(x)
        if self.residual == "in place":
            x = F.relu_(x) + x  # the second x has been through the ReLU too
        x = self.act2(x)
        if self.unit:
            x = F.normalize(x, dim=1)
        if not self.alternate or self._runs():
            x = self.fc3(x)
        if self.nan:
            x = x / (x - x)
        return self.out(x)

    def _runs(self) -> bool:
        """A layer that every other training step leaves out."""
        even = self.seen.item() % 2 < 1
        if self.training:
            self.seen += 1
        return even or not self.training


class Pyramid(nn.Module):
    """Two outputs, a pooled context branch with BatchNorm (PSPNet, ASPP), frozen or batch statistics by choice."""

    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.conv = make(k, "conv", nn.Conv2d, 3, 8, 3, stride=2, padding=1, bias=False)
        self.bn = make(k, "bn", nn.BatchNorm2d, 8)
        self.dilated = make(k, "dilated", nn.Conv2d, 8, 8, 3, padding=2, dilation=2)
        self.pool_conv = make(k, "pool_conv", nn.Conv2d, 8, 8, 1)
        self.pool_bn = make(k, "pool_bn", nn.BatchNorm2d, 8) if k("pool_norm", False) else nn.Identity()
        self.pool = make(k, "pool", nn.MaxPool2d, 2, stride=2)
        self.coarse = make(k, "coarse", nn.Conv2d, 8, 2, 1)
        self.fine = make(k, "fine", nn.Conv2d, 16, 2, 1)
        self.frozen = k("frozen", False)
        self.outputs = k("outputs", "tuple")

    def train(self, mode: bool = True) -> Pyramid:
        super().train(mode)
        if self.frozen:
            self.bn.eval()
        return self

    def forward(self, x: Tensor) -> Any:
        x = F.relu(self.bn(self.conv(x)))
        y = F.relu(self.dilated(x))
        context = F.relu(self.pool_bn(self.pool_conv(F.adaptive_avg_pool2d(x, 1))))
        fine = self.fine(torch.cat([y, context.expand_as(y)], dim=1))
        coarse = self.coarse(self.pool(y))
        return (fine, coarse) if self.outputs == "tuple" else {"fine": fine, "coarse": coarse}


class Pruned(nn.Module):
    """Keeps the tokens that score highest: many scores are 0, and which of equal ones stay is nobody's promise."""

    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.body = make(k, "body", nn.Linear, 6, 8)
        self.head = make(k, "head", nn.Linear, 8, 3)

    def forward(self, x: Tensor, scores: Tensor) -> Tensor:
        x = torch.relu(self.body(x))  # [B, N, D]
        kept = scores.topk(8, 1)[1]
        return self.head(torch.gather(x, 1, kept[..., None].expand(-1, -1, 8)))
