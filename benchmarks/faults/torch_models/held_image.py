"""Held-out image models as a torch user writes them: a discriminator, a non-local net, super-resolution, a VAE, a net
without layers.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.faults.knobs import Knobs
from benchmarks.faults.torch_models.layers import make


class Discriminator(nn.Module):
    """Strided convolutions; the spread over the batch as one more channel; returns its features too."""

    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.conv1 = make(k, "conv1", nn.Conv2d, 3, 6, 4, stride=2, padding=1)
        self.conv2 = make(k, "conv2", nn.Conv2d, 6, 8, 3, stride=2)
        self.norm2 = make(k, "norm2", nn.InstanceNorm2d, 8, affine=True)
        self.conv3 = make(k, "conv3", nn.Conv2d, 8, 8, 3, padding=1)
        self.norm3 = make(k, "norm3", nn.InstanceNorm2d, 8, affine=True)
        self.score = make(k, "score", nn.Linear, 9 * 16, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = F.leaky_relu(self.conv1(x), 0.2)
        x = F.leaky_relu(self.norm2(self.conv2(F.pad(x, (0, 1, 0, 1), mode="reflect"))), 0.2, inplace=True)
        features = F.leaky_relu(self.norm3(self.conv3(x)), 0.2)
        spread = features.std(dim=0, unbiased=False).mean()
        spread = spread.expand(x.shape[0], 1, *x.shape[2:])
        x = torch.cat([features, spread], dim=1)
        return self.score(x.view(x.size(0), -1)), features


class NonLocalNet(nn.Module):
    """A non-local block (dot product, pooled keys), then a CBAM-like spatial gate, on small features."""

    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.conv1 = make(k, "conv1", nn.Conv2d, 3, 8, 3, stride=2, padding=1)
        self.theta = make(k, "theta", nn.Conv2d, 8, 4, 1)
        self.phi = make(k, "phi", nn.Conv2d, 8, 4, 1)
        self.g = make(k, "g", nn.Conv2d, 8, 4, 1)
        self.pool = make(k, "pool", nn.MaxPool2d, 2)
        self.w = nn.Sequential(make(k, "w.0", nn.Conv2d, 4, 8, 1), norm := make(k, "w.1", nn.BatchNorm2d, 8))
        nn.init.zeros_(norm.weight)
        self.gate = make(k, "gate", nn.Conv2d, 2, 1, 3, padding=1, bias=False)
        self.head = make(k, "head", nn.Linear, 8, 5)
        self.softmax, self.centred = k("softmax", False), k("centred", False)

    def forward(self, x: Tensor) -> Tensor:
        if self.centred:
            x = x - x.max(dim=1, keepdim=True).values
        x = F.relu(self.conv1(x))
        b, _, h, w = x.shape
        theta = self.theta(x).view(b, 4, -1).permute(0, 2, 1)  # [B, N, D]
        phi = self.pool(self.phi(x)).view(b, 4, -1)  # [B, D, M]
        g = self.pool(self.g(x)).view(b, 4, -1).permute(0, 2, 1)  # [B, M, D]
        f = torch.matmul(theta, phi)
        f = f.softmax(dim=-1) if self.softmax else f / f.shape[-1]
        y = torch.matmul(f, g).permute(0, 2, 1).contiguous().view(b, 4, h, w)
        x = F.relu(self.w(y) + x)
        pooled = torch.cat([x.amax(1, keepdim=True), x.mean(1, keepdim=True)], dim=1)
        x = x * torch.sigmoid(self.gate(pooled))
        return self.head(x.flatten(2).max(dim=2).values)


class ResidualBlock(nn.Module):
    def __init__(self, k: Knobs, c: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            make(k, "body.0", nn.Conv2d, c, c, 3, padding=1),
            make(k, "body.1", nn.PReLU),
            make(k, "body.2", nn.Conv2d, c, c, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + 0.1 * self.body(x)


class SuperResolution(nn.Module):
    """EDSR-like: mean subtracted, residual blocks, pixel shuffle, a bilinear skip, clipped."""

    mean: Tensor

    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.4, 0.5, 0.3]).view(1, 3, 1, 1))
        self.head = make(k, "head", nn.Conv2d, 3, 8, 3, padding=1)
        self.body = nn.Sequential(*(ResidualBlock(k.at(f"body.{i}"), 8) for i in range(2)))
        self.up = nn.Sequential(make(k, "up.0", nn.Conv2d, 8, 32, 3, padding=1), nn.PixelShuffle(2))
        self.tail = make(k, "tail", nn.Conv2d, 8, 3, 3, padding=1, padding_mode="replicate")

    def forward(self, x: Tensor) -> Tensor:
        base = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        y = self.head(x - self.mean)
        y = y + self.body(y)
        y = self.tail(self.up(y)) + self.mean
        return torch.clamp(base + y, 0.0, 1.0)


class VAE(nn.Module):
    """GroupNorm and SiLU; mean and log-variance from one convolution; a decoder that upsamples. No noise is drawn."""

    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.enc_in = make(k, "enc_in", nn.Conv2d, 3, 8, 3, padding=1)
        self.enc_norm = make(k, "enc_norm", nn.GroupNorm, 4, 8, eps=1e-6)
        self.down = make(k, "down", nn.Conv2d, 8, 8, 3, stride=2)
        self.moments = make(k, "moments", nn.Conv2d, 8, 8, 1)
        self.dec_in = make(k, "dec_in", nn.ConvTranspose2d, 4, 8, 3, stride=1, padding=1)
        self.dec_norm = make(k, "dec_norm", nn.GroupNorm, 4, 8, eps=1e-6)
        self.dec_out = make(k, "dec_out", nn.Conv2d, 8, 3, 3, padding=1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        y = F.silu(self.enc_norm(self.enc_in(x)))
        y = self.down(F.pad(y, (0, 1, 0, 1)))
        mean, logvar = self.moments(y).chunk(2, dim=1)
        logvar = logvar.clamp(-1.0, 1.0)
        z = mean + torch.exp(0.5 * logvar)
        y = F.interpolate(self.dec_in(z), scale_factor=2, mode="nearest")
        y = self.dec_out(F.silu(self.dec_norm(y)))
        return {"image": torch.tanh(y), "mean": mean, "logvar": logvar}


class Bare(nn.Module):
    """Parameters and functions, no layer at all."""

    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.w1 = nn.Parameter(torch.randn(8, 3, 3, 3))
        self.b1 = nn.Parameter(torch.zeros(8))
        self.w2 = nn.Parameter(torch.randn(8, 1, 3, 3))
        self.b2 = nn.Parameter(torch.zeros(8))
        self.scale = nn.Parameter(torch.ones(8))
        self.shift = nn.Parameter(torch.zeros(8))
        self.w3 = nn.Parameter(torch.randn(5, 8))
        self.b3 = nn.Parameter(torch.zeros(5))

    def forward(self, x: Tensor) -> Tensor:
        x = F.leaky_relu(F.conv2d(x, self.w1, self.b1, stride=2, padding=1), 0.1)
        x = F.conv2d(x, self.w2, self.b2, padding=2, dilation=2, groups=8)
        x = F.layer_norm(x.permute(0, 2, 3, 1), (8,), self.scale, self.shift, 1e-6)  # [B, H, W, C]
        x = F.elu(x).mean(dim=(1, 2))
        return F.log_softmax(F.linear(x, self.w3, self.b3), dim=-1)
