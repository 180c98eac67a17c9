"""torch models whose files hold what exporters make of layers: folded, spelled out, copied, left out."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class Plain(nn.Module):
    """Convolutions with norms behind them, pools, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8, eps=1e-3), nn.LeakyReLU(0.1),
            nn.MaxPool2d(2, ceil_mode=True), nn.Conv2d(8, 8, 3, groups=2, dilation=2, padding=2), nn.BatchNorm2d(8),
            nn.ReLU6(), nn.AvgPool2d(3, 2, 1, count_include_pad=False),
        )  # fmt: skip
        self.fc = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        return functional.log_softmax(self.fc(self.net(x).mean((2, 3))), -1)


class Mobile(nn.Module):
    """Hard-swish, a depth-wise convolution, squeeze and excitation."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.Hardswish())
        self.d = nn.Sequential(nn.Conv2d(8, 8, 5, 1, 2, groups=8, bias=False), nn.BatchNorm2d(8), nn.Hardswish())
        self.c1, self.c2, self.fc = nn.Conv2d(8, 4, 1), nn.Conv2d(4, 8, 1), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x)
        y = self.d(x)
        gate = functional.hardsigmoid(self.c2(functional.relu(self.c1(functional.adaptive_avg_pool2d(y, 1)))))
        return self.fc(functional.silu(x + y * gate).mean((2, 3)))


class UNet(nn.Module):
    """Transposed convolution, resizing, other norms and activations."""

    def __init__(self) -> None:
        super().__init__()
        self.d1 = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.PReLU())
        self.d2 = nn.Sequential(nn.Conv2d(8, 16, 3, 2, 1), nn.InstanceNorm2d(16, affine=True), nn.ELU())
        self.up, self.u = nn.ConvTranspose2d(16, 8, 2, 2), nn.Conv2d(16, 8, 3, padding=1, padding_mode="reflect")
        self.g, self.out = nn.GroupNorm(4, 8), nn.Conv2d(8, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        a = self.d1(x)
        b = functional.interpolate(self.d2(a), scale_factor=2, mode="bilinear", align_corners=False)
        up = functional.interpolate(self.up(b), size=a.shape[2:], mode="nearest")
        y = functional.softplus(self.g(self.u(torch.cat([a, up], 1))))
        y = functional.interpolate(y, scale_factor=2, mode="bilinear", align_corners=True)
        return torch.sigmoid(self.out(y))


class Block(nn.Module):
    """Attention written by hand, and a GELU."""

    def __init__(self, width: int = 16, heads: int = 4) -> None:
        super().__init__()
        self.heads, self.qkv, self.proj = heads, nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.n1, self.n2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width)
        self.f1, self.f2 = nn.Linear(width, 32), nn.Linear(32, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        q, k, v = self.qkv(self.n1(x)).reshape(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        a = ((q @ k.transpose(-2, -1)) * (width // self.heads) ** -0.5).softmax(-1)
        x = x + self.proj((a @ v).transpose(1, 2).reshape(batch, length, width))
        return x + self.f2(functional.gelu(self.f1(self.n2(x))))


class ViT(nn.Module):
    """A class token and positions before blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.patch, self.blocks = nn.Conv2d(3, 16, 4, 4), nn.Sequential(Block(), Block())
        self.cls, self.pos = nn.Parameter(torch.randn(1, 1, 16)), nn.Parameter(torch.randn(1, 5, 16))
        self.norm, self.head = nn.LayerNorm(16), nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], 1) + self.pos
        return self.head(self.norm(self.blocks(x))[:, 0])


class Encoder(nn.Module):
    """torch's own layer, in which attention is fused."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, activation="gelu")

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)


class Recurrent(nn.Module):
    """Two layers in both directions, and one of another kind."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(5, 6, num_layers=2, bidirectional=True, batch_first=True, dropout=0.3)
        self.gru, self.fc = nn.GRU(12, 4, batch_first=True), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.gru(self.lstm(x)[0])[0][:, -1])


SHAPES: dict[type[nn.Module], tuple[int, ...]] = {
    Plain: (2, 3, 12, 12), Mobile: (2, 3, 16, 16), UNet: (2, 3, 8, 8), ViT: (2, 3, 8, 8), Encoder: (2, 5, 16),
    Recurrent: (2, 4, 5),
}  # fmt: skip
"""The models, and what they take."""


def made(kind: Any, *, trained: bool) -> Any:
    """A model in evaluation, fresh or as if it were trained."""
    torch.manual_seed(0)
    model = kind().eval()
    for module in model.modules():
        if trained and isinstance(module, nn.BatchNorm2d | nn.LayerNorm | nn.GroupNorm | nn.InstanceNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.2)
        if trained and isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return model
