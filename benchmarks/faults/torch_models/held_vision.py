"""Held-out image classifiers and segmenters as a torch user writes them: ViT, SE-ResNeXt, DeepLab, DenseNet, Mixer."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.faults.knobs import Knobs
from benchmarks.faults.torch_models.layers import BiasedBatchNorm2d, make


class ViTBlock(nn.Module):
    """Attention and MLP in one module: no submodule for either."""

    def __init__(self, k: Knobs, d: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = make(k, "norm1", nn.LayerNorm, d, eps=1e-6)
        self.qkv = make(k, "qkv", nn.Linear, d, 3 * d)
        self.proj = make(k, "proj", nn.Linear, d, d)
        self.norm2 = make(k, "norm2", nn.LayerNorm, d, eps=1e-6)
        self.fc1 = make(k, "fc1", nn.Linear, d, 2 * d)
        self.act = make(k, "act", nn.GELU)
        self.fc2 = make(k, "fc2", nn.Linear, 2 * d, d)

    def forward(self, x: Tensor) -> Tensor:
        b, n, d = x.shape
        qkv = self.qkv(self.norm1(x)).reshape(b, n, 3, self.heads, d // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)  # [B, H, N, D]
        x = x + self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return x + self.fc2(self.act(self.fc1(self.norm2(x))))


class ViT(nn.Module):
    """Patches, a class token, positions, two blocks, the class token's head."""

    def __init__(self, k: Knobs) -> None:
        super().__init__()
        d = 16
        self.cls = nn.Parameter(torch.zeros(1, 1, d))
        self.pos = nn.Parameter(torch.randn(1, 17, d) * 0.02)
        self.patch = make(k, "patch", nn.Conv2d, 3, d, 4, stride=4)
        self.drop = make(k, "drop", nn.Dropout, k("p", 0.0))
        self.blocks = nn.Sequential(*(ViTBlock(k.at(f"blocks.{i}"), d, 4) for i in range(2)))
        self.norm = make(k, "norm", nn.LayerNorm, d, eps=1e-6)
        self.head = make(k, "head", nn.Linear, d, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch(x).flatten(2).transpose(1, 2)  # [B, N, D]
        x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], dim=1) + self.pos
        x = self.norm(self.blocks(self.drop(x)))
        return self.head(x[:, 0])


class SEBottleneck(nn.Module):
    """Grouped 3x3 between two 1x1, channels shuffled, squeeze and excitation by 1x1 convolutions, pooled shortcut."""

    def __init__(self, k: Knobs, c: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = make(k, "conv1", nn.Conv2d, c, 8, 1, bias=k("bias", False))
        self.bn1 = make(k, "bn1", nn.BatchNorm2d, 8)
        self.conv2 = make(k, "conv2", nn.Conv2d, 8, 8, 3, stride=stride, padding=1, groups=4, bias=False)
        self.bn2 = make(k, "bn2", nn.BatchNorm2d, 8)
        self.conv3 = make(k, "conv3", nn.Conv2d, 8, out, 1, bias=False)
        self.bn3 = make(k, "bn3", nn.BatchNorm2d, out)
        self.squeeze = make(k, "squeeze", nn.Conv2d, out, 4, 1)
        self.excite = make(k, "excite", nn.Conv2d, 4, out, 1)
        self.pool = make(k, "pool", nn.AvgPool2d, 3, stride=2, padding=1) if stride == 2 else nn.Identity()
        self.short = make(k, "short", nn.Conv2d, c, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        b, c, h, w = y.shape
        y = y.view(b, 4, c // 4, h, w).transpose(1, 2).reshape(b, c, h, w)
        y = F.relu(self.bn2(self.conv2(y)), inplace=True)
        y = self.bn3(self.conv3(y))
        gate = self.excite(F.relu(self.squeeze(F.adaptive_avg_pool2d(y, 1)))).sigmoid()
        return F.relu(y * gate + self.short(self.pool(x)))


class SENeXt(nn.Module):
    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            make(k, "stem.0", nn.Conv2d, 3, 8, 3, stride=1, padding=1, bias=False),
            make(k, "stem.1", nn.BatchNorm2d, 8),
            make(k, "stem.2", nn.ReLU6, inplace=True),
        )
        self.layers = nn.ModuleList([
            SEBottleneck(k.at("layers.0"), 8, 16, 1), SEBottleneck(k.at("layers.1"), 16, 16, 2)
        ])  # fmt: skip
        self.fc = make(k, "fc", nn.Linear, 16, 5)
        self.dropout = make(k, "dropout", nn.Dropout, k("p", 0.0))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for layer in self.layers:
            x = layer(x)
        return self.fc(self.dropout(x.mean([2, 3])))


def conv_bn_relu(k: Knobs, name: str, c: int, out: int, size: int, **kwargs: Any) -> nn.Sequential:
    return nn.Sequential(
        make(k, f"{name}.0", nn.Conv2d, c, out, size, bias=False, **kwargs),
        make(k, f"{name}.1", BiasedBatchNorm2d, out),
        nn.ReLU(inplace=True),
    )


class DeepLab(nn.Module):
    """A small backbone, dilated branches and pooled context joined, two heads at the input's size."""

    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.stem = conv_bn_relu(k, "stem", 3, 8, 3, stride=2, padding=1)
        self.aspp = nn.ModuleList([
            conv_bn_relu(k, "aspp.0", 8, 4, 1),
            conv_bn_relu(k, "aspp.1", 8, 4, 3, padding=2, dilation=2),
            conv_bn_relu(k, "aspp.2", 8, 4, 3, padding=3, dilation=3),
        ])  # fmt: skip
        self.context = nn.Sequential(nn.AdaptiveAvgPool2d(1), make(k, "context.1", nn.Conv2d, 8, 4, 1), nn.ReLU())
        self.project = conv_bn_relu(k, "project", 16, 8, 1)
        self.dropout = make(k, "dropout", nn.Dropout2d, k("p", 0.0))
        self.head = make(k, "head", nn.Conv2d, 8, 5, 1)
        self.aux = make(k, "aux", nn.Conv2d, 8, 5, 1)
        self.as_tuple = k("outputs", "dict") == "tuple"

    def forward(self, x: Tensor) -> Any:
        size = x.shape[-2:]
        features = self.stem(x)
        parts = [branch(features) for branch in self.aspp]
        context = F.interpolate(self.context(features), size=features.shape[-2:], mode="bilinear", align_corners=False)
        y = self.dropout(self.project(torch.cat([*parts, context], dim=1)))
        out = F.interpolate(self.head(y), size=size, mode="bilinear", align_corners=False)
        aux = F.interpolate(self.aux(features), size=size, mode="bilinear", align_corners=False)
        return (out, aux) if self.as_tuple else {"out": out, "aux": aux}


class DenseLayer(nn.Module):
    def __init__(self, k: Knobs, c: int, growth: int) -> None:
        super().__init__()
        self.norm1 = make(k, "norm1", nn.BatchNorm2d, c)
        self.relu1 = make(k, "relu1", nn.ReLU, inplace=True)
        self.conv1 = make(k, "conv1", nn.Conv2d, c, 8, 1, bias=False)
        self.norm2 = make(k, "norm2", nn.BatchNorm2d, 8)
        self.relu2 = make(k, "relu2", nn.ReLU, inplace=True)
        self.conv2 = make(k, "conv2", nn.Conv2d, 8, growth, 3, padding=1, bias=False)

    def forward(self, features: list[Tensor]) -> Tensor:
        x = torch.cat(features, 1)
        x = self.conv1(self.relu1(self.norm1(x)))
        return self.conv2(self.relu2(self.norm2(x)))


class DenseNet(nn.Module):
    """Every layer sees all features before it; 1x1 transition and pooling; normalised features pooled."""

    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.features = nn.Sequential()
        self.features.add_module("conv0", make(k, "features.conv0", nn.Conv2d, 3, 6, 3, padding=1, bias=False))
        self.features.add_module("norm0", make(k, "features.norm0", nn.BatchNorm2d, 6))
        self.features.add_module("relu0", nn.ReLU(inplace=True))
        self.features.add_module("pool0", make(k, "features.pool0", nn.AvgPool2d, 3, stride=2, padding=1))
        self.block = nn.ModuleList([DenseLayer(k.at(f"block.{i}"), 6 + 4 * i, 4) for i in range(3)])
        self.transition = nn.Sequential(
            make(k, "transition.0", nn.BatchNorm2d, 18),
            nn.ReLU(inplace=True),
            make(k, "transition.2", nn.Conv2d, 18, 8, 1, bias=False),
            make(k, "transition.3", nn.AvgPool2d, 2),
        )
        self.norm5 = make(k, "norm5", nn.BatchNorm2d, 8)
        self.classifier = make(k, "classifier", nn.Linear, 8, 5)

    def forward(self, x: Tensor) -> Tensor:
        features = [self.features(x)]
        for layer in self.block:
            features.append(layer(features))
        x = self.norm5(self.transition(torch.cat(features, 1)))
        return self.classifier(torch.flatten(F.adaptive_avg_pool2d(F.relu(x, inplace=True), (1, 1)), 1))


class Mlp(nn.Module):
    def __init__(self, k: Knobs, d: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = make(k, "fc1", nn.Linear, d, hidden)
        self.fc2 = make(k, "fc2", nn.Linear, hidden, d)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class MixerLayer(nn.Module):
    """One mixer layer around a token MLP that it may share with others."""

    def __init__(self, k: Knobs, d: int, tokens: Mlp) -> None:
        super().__init__()
        self.norm1 = make(k, "norm1", nn.LayerNorm, d)
        self.tokens = tokens
        self.norm2 = make(k, "norm2", nn.LayerNorm, d)
        self.channels = Mlp(k.at("channels"), d, d)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.tokens(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        return x + self.channels(self.norm2(x))


class Mixer(nn.Module):
    """As many tokens as channels, all square: a missing transpose has the right shape. One token MLP for all layers."""

    def __init__(self, k: Knobs) -> None:
        super().__init__()
        d = 16
        self.stem = make(k, "stem", nn.Conv2d, 3, d, 4, stride=4)
        tokens = Mlp(k.at("layers.0.tokens"), 16, 16)
        self.layers = nn.ModuleList([MixerLayer(k.at(f"layers.{i}"), d, tokens) for i in range(2)])
        self.norm = make(k, "norm", nn.LayerNorm, d)
        self.head = make(k, "head", nn.Linear, d, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).flatten(2).permute(0, 2, 1)  # [B, N, D]
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x).mean(dim=1))
