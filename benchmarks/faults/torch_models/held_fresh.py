"""Written after the engine was improved on the other held-out models: shifted windows, point clouds, text lines."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.faults.knobs import Knobs
from benchmarks.faults.torch_models.held_sequence import BiasedBatchNorm1d
from benchmarks.faults.torch_models.layers import make


class WindowBlock(nn.Module):
    """Attention within shifted windows of 2x2 with a table of relative positions, then an MLP."""

    index: Tensor

    def __init__(self, k: Knobs, d: int, shift: int) -> None:
        super().__init__()
        self.heads, self.shift = 2, shift
        self.norm1 = make(k, "norm1", nn.LayerNorm, d)
        self.qkv = make(k, "qkv", nn.Linear, d, 3 * d)
        self.table = nn.Parameter(torch.randn(9, self.heads))
        self.proj = make(k, "proj", nn.Linear, d, d)
        self.norm2 = make(k, "norm2", nn.LayerNorm, d)
        self.mlp = nn.Sequential(
            make(k, "mlp.0", nn.Linear, d, 2 * d), nn.GELU(), make(k, "mlp.2", nn.Linear, 2 * d, d)
        )
        at = torch.stack(torch.meshgrid(torch.arange(2), torch.arange(2), indexing="ij")).flatten(1)  # [2, 4]
        offset = at[:, :, None] - at[:, None, :] + 1
        self.register_buffer("index", offset[0] * 3 + offset[1])

    def forward(self, x: Tensor) -> Tensor:
        b, h, w, c = x.shape
        y = self.norm1(x)
        if self.shift:
            y = torch.roll(y, shifts=(-self.shift, -self.shift), dims=(1, 2))
        y = y.view(b, h // 2, 2, w // 2, 2, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, 4, c)  # [B * windows, 4, C]
        q, k, v = self.qkv(y).view(-1, 4, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        scores = (q * (c // self.heads) ** -0.5) @ k.transpose(-2, -1) + self.table[self.index].permute(2, 0, 1)
        if self.shift:
            region = torch.zeros(h, w, dtype=x.dtype)
            region[-self.shift :] += 1
            region[:, -self.shift :] += 2
            region = region.view(h // 2, 2, w // 2, 2).transpose(1, 2).reshape(-1, 4)
            apart = (region[:, None, :] != region[:, :, None]).to(x.dtype) * -100.0
            scores = scores + apart.repeat(b, 1, 1)[:, None]
        y = (scores.softmax(-1) @ v).transpose(1, 2).reshape(-1, 4, c)
        y = self.proj(y).view(b, h // 2, w // 2, 2, 2, c).permute(0, 1, 3, 2, 4, 5).reshape(b, h, w, c)
        if self.shift:
            y = torch.roll(y, shifts=(self.shift, self.shift), dims=(1, 2))
        x = x + y
        return x + self.mlp(self.norm2(x))


class Swin(nn.Module):
    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.patch = make(k, "patch", nn.Conv2d, 3, 8, 2, stride=2)
        self.blocks = nn.ModuleList([WindowBlock(k.at(f"blocks.{i}"), 8, i) for i in range(2)])
        self.merge_norm = make(k, "merge_norm", nn.LayerNorm, 32)
        self.merge = make(k, "merge", nn.Linear, 32, 12, bias=False)
        self.norm = make(k, "norm", nn.LayerNorm, 12)
        self.head = make(k, "head", nn.Linear, 12, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch(x).permute(0, 2, 3, 1)  # [B, H, W, C]
        for block in self.blocks:
            x = block(x)
        x = torch.cat([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], -1)
        x = self.norm(self.merge(self.merge_norm(x)))
        return self.head(x.mean((1, 2)))


class PointNet(nn.Module):
    """A transform predicted from the points, shared layers on every point, the maximum and mean over them."""

    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.tconv = make(k, "tconv", nn.Conv1d, 3, 8, 1)
        self.tfc = make(k, "tfc", nn.Linear, 8, 9)
        self.conv1 = make(k, "conv1", nn.Conv1d, 3, 8, 1)
        self.bn1 = make(k, "bn1", BiasedBatchNorm1d, 8)
        self.conv2 = make(k, "conv2", nn.Conv1d, 8, 10, 1)
        self.fc1 = make(k, "fc1", nn.Linear, 20, 8)
        self.drop = make(k, "drop", nn.Dropout, k("p", 0.0))
        self.fc2 = make(k, "fc2", nn.Linear, 8, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        t = F.relu(self.tconv(x)).max(dim=2).values
        t = self.tfc(t).view(-1, 3, 3) + torch.eye(3, dtype=x.dtype)
        x = torch.bmm(x.transpose(1, 2), t).transpose(1, 2)  # [B, 3, N]
        x = self.conv2(F.relu(self.bn1(self.conv1(x))))
        y = torch.cat([x.max(dim=2).values, x.mean(dim=2)], dim=1)
        y = self.drop(F.softplus(self.fc1(y)))
        return F.log_softmax(self.fc2(y), dim=1), t


class TextLine(nn.Module):
    """Convolutions that keep the width, a bidirectional LSTM over it, log-probabilities as [T, B, C]."""

    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.cnn = nn.Sequential(
            make(k, "cnn.0", nn.Conv2d, 1, 6, 3, padding=1), nn.ReLU(True), make(k, "cnn.2", nn.MaxPool2d, 2, 2),
            make(k, "cnn.3", nn.Conv2d, 6, 8, 3, padding=1), nn.ReLU(True),
            make(k, "cnn.5", nn.MaxPool2d, (2, 2), (2, 1), (0, 1)),
        )  # fmt: skip
        self.rnn = make(k, "rnn", nn.LSTM, 8, 6, bidirectional=True)
        self.fc = make(k, "fc", nn.Linear, 12, 7)

    def forward(self, x: Tensor) -> Tensor:
        x = self.cnn(x).mean(dim=2).permute(2, 0, 1)  # [T, B, C]
        x, _ = self.rnn(x)
        return F.log_softmax(self.fc(x), dim=2)
