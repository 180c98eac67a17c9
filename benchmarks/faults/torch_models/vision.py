"""Image networks as a torch user writes them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.faults.knobs import Knobs
from benchmarks.faults.torch_models.layers import make


class BasicBlock(nn.Module):
    def __init__(self, k: Knobs, c_in: int, c: int, stride: int) -> None:
        super().__init__()
        bias = k("bias", False)
        self.conv1 = make(k, "conv1", nn.Conv2d, c_in, c, 3, stride=stride, padding=1, bias=bias)
        self.bn1 = make(k, "bn1", nn.BatchNorm2d, c)
        self.relu = make(k, "relu", nn.ReLU, inplace=True)
        self.conv2 = make(k, "conv2", nn.Conv2d, c, c, 3, stride=1, padding=1, bias=bias)
        self.bn2 = make(k, "bn2", nn.BatchNorm2d, c)
        self.downsample = None
        if stride != 1 or c_in != c:
            self.downsample = nn.Sequential(
                make(k, "downsample.0", nn.Conv2d, c_in, c, 1, stride=stride, bias=bias),
                make(k, "downsample.1", nn.BatchNorm2d, c),
            )

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return self.relu(out + identity)


class ResNet(nn.Module):
    """Two stages of basic blocks; ``depth`` blocks in each."""

    def __init__(self, k: Knobs) -> None:
        super().__init__()
        depth, width = k("depth", 2), k("width", 8)
        self.conv1 = make(k, "conv1", nn.Conv2d, 3, width, 3, padding=1, bias=k("bias", False))
        self.bn1 = make(k, "bn1", nn.BatchNorm2d, width)
        self.relu = make(k, "relu", nn.ReLU, inplace=True)
        self.maxpool = make(k, "maxpool", nn.MaxPool2d, kernel_size=3, stride=2, padding=1)
        self.layer1 = self._stage(k.at("layer1"), width, width, 1, depth)
        self.layer2 = self._stage(k.at("layer2"), width, 2 * width, 2, depth)
        self.avgpool = make(k, "avgpool", nn.AdaptiveAvgPool2d, 1)
        self.fc = make(k, "fc", nn.Linear, 2 * width, 10)

    def _stage(self, k: Knobs, c_in: int, c: int, stride: int, depth: int) -> nn.Sequential:
        blocks = [BasicBlock(k.at("0"), c_in, c, stride)]
        return nn.Sequential(*blocks, *(BasicBlock(k.at(str(i)), c, c, 1) for i in range(1, depth)))

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer2(self.layer1(x))
        return self.fc(torch.flatten(self.avgpool(x), 1))


class DoubleConv(nn.Sequential):
    def __init__(self, k: Knobs, c_in: int, c: int) -> None:
        super().__init__(
            make(k, "0", nn.Conv2d, c_in, c, 3, padding=1),  # the bias is noise to the BatchNorm after it
            make(k, "1", nn.BatchNorm2d, c),
            make(k, "2", nn.ReLU, inplace=True),
            make(k, "3", nn.Conv2d, c, c, 3, padding=1),
            make(k, "4", nn.BatchNorm2d, c),
            make(k, "5", nn.ReLU, inplace=True),
        )


class UNet(nn.Module):
    """Two levels with skips; ``up`` is "transposed", "bilinear" or "nearest"."""

    def __init__(self, k: Knobs) -> None:
        super().__init__()
        w, up = 6, k("up", "transposed")
        self.enc1 = DoubleConv(k.at("enc1"), 3, w)
        self.enc2 = DoubleConv(k.at("enc2"), w, 2 * w)
        self.pool = make(k, "pool", nn.MaxPool2d, 2)
        self.bottleneck = DoubleConv(k.at("bottleneck"), 2 * w, 4 * w)
        self.up2 = self._up(k, "up2", 4 * w, 2 * w, up)
        self.dec2 = DoubleConv(k.at("dec2"), 4 * w, 2 * w)
        self.up1 = self._up(k, "up1", 2 * w, w, up)
        self.dec1 = DoubleConv(k.at("dec1"), 2 * w, w)
        self.head = make(k, "head", nn.Conv2d, w, 4, 1)

    def _up(self, k: Knobs, name: str, c_in: int, c: int, up: str) -> nn.Module:
        if up == "transposed":
            return make(k, name, nn.ConvTranspose2d, c_in, c, 2, stride=2)
        scale = {"mode": up, "align_corners": False} if up == "bilinear" else {"mode": up}
        return nn.Sequential(
            make(k, f"{name}.0", nn.Upsample, scale_factor=2, **scale),
            make(k, f"{name}.1", nn.Conv2d, c_in, c, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        skip1 = self.enc1(x)
        skip2 = self.enc2(self.pool(skip1))
        x = self.bottleneck(self.pool(skip2))
        x = self.dec2(torch.cat([skip2, self.up2(x)], dim=1))
        x = self.dec1(torch.cat([skip1, self.up1(x)], dim=1))
        return self.head(x)


class SqueezeExcite(nn.Module):
    def __init__(self, k: Knobs, c: int) -> None:
        super().__init__()
        self.fc1 = make(k, "fc1", nn.Conv2d, c, c // 2, 1)
        self.relu = make(k, "relu", nn.ReLU)
        self.fc2 = make(k, "fc2", nn.Conv2d, c // 2, c, 1)
        self.gate = make(k, "gate", nn.Hardsigmoid)

    def forward(self, x: Tensor) -> Tensor:
        pooled = F.adaptive_avg_pool2d(x, 1)  # [B, C, 1, 1]
        return x * self.gate(self.fc2(self.relu(self.fc1(pooled))))


class InvertedResidual(nn.Module):
    def __init__(self, k: Knobs, c_in: int, c: int, wide: int, stride: int) -> None:
        super().__init__()
        self.expand = nn.Sequential(
            make(k, "expand.0", nn.Conv2d, c_in, wide, 1, bias=False),
            make(k, "expand.1", nn.BatchNorm2d, wide, eps=1e-3, momentum=0.01),
            make(k, "expand.2", nn.Hardswish, inplace=True),
        )
        self.depthwise = nn.Sequential(
            make(k, "depthwise.0", nn.Conv2d, wide, wide, 5, stride, padding=2, groups=wide, bias=False),
            make(k, "depthwise.1", nn.BatchNorm2d, wide, eps=1e-3, momentum=0.01),
            make(k, "depthwise.2", nn.Hardswish, inplace=True),
        )
        self.se = SqueezeExcite(k.at("se"), wide)
        self.project = nn.Sequential(
            make(k, "project.0", nn.Conv2d, wide, c, 1, bias=False),
            make(k, "project.1", nn.BatchNorm2d, c, eps=1e-3, momentum=0.01),
        )
        self.residual = stride == 1 and c_in == c

    def forward(self, x: Tensor) -> Tensor:
        y = self.project(self.se(self.depthwise(self.expand(x))))
        return x + y if self.residual else y


class MobileNet(nn.Module):
    """MobileNetV3-like: hard-swish, squeeze and excitation, depthwise convolutions."""

    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.features = nn.Sequential(
            make(k, "features.0", nn.Conv2d, 3, 8, 3, stride=2, padding=1, bias=False),
            make(k, "features.1", nn.BatchNorm2d, 8, eps=1e-3, momentum=0.01),
            make(k, "features.2", nn.Hardswish, inplace=True),
            InvertedResidual(k.at("features.3"), 8, 8, 12, 1),
            InvertedResidual(k.at("features.4"), 8, 12, 16, 2),
            InvertedResidual(k.at("features.5"), 12, 12, 20, 1),
        )
        self.classifier = nn.Sequential(
            make(k, "classifier.0", nn.Linear, 12, 16),
            make(k, "classifier.1", nn.Hardswish),
            make(k, "classifier.2", nn.Dropout, p=k("dropout", 0.0)),
            make(k, "classifier.3", nn.Linear, 16, 10),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).mean((2, 3)))


class ConvNeXtBlock(nn.Module):
    def __init__(self, k: Knobs, c: int) -> None:
        super().__init__()
        self.dwconv = make(k, "dwconv", nn.Conv2d, c, c, 7, padding=3, groups=c)
        self.norm = make(k, "norm", nn.LayerNorm, c, eps=1e-6)
        self.pwconv1 = make(k, "pwconv1", nn.Linear, c, 4 * c)
        self.act = make(k, "act", nn.GELU)
        self.pwconv2 = make(k, "pwconv2", nn.Linear, 4 * c, c)
        self.gamma = nn.Parameter(torch.full((c,), 1e-6))

    def forward(self, x: Tensor) -> Tensor:
        y = self.dwconv(x).permute(0, 2, 3, 1)  # [B, H, W, C]
        y = self.pwconv2(self.act(self.pwconv1(self.norm(y)))) * self.gamma
        return x + y.permute(0, 3, 1, 2)


class ConvNeXt(nn.Module):
    """LayerNorm, GELU, a bare parameter that scales each block; ``image_norm`` is LayerNorm([C, 1, 1])-like."""

    def __init__(self, k: Knobs) -> None:
        super().__init__()
        w, depth = 8, k("depth", 2)
        self.stem = make(k, "stem", nn.Conv2d, 3, w, 4, stride=4)
        self.stem_norm = make(k, "stem_norm", nn.LayerNorm, [w, 4, 4])
        self.blocks = nn.ModuleList([ConvNeXtBlock(k.at(f"blocks.{i}"), w) for i in range(depth)])
        self.down_norm = make(k, "down_norm", nn.GroupNorm, 2, w)
        self.down = make(k, "down", nn.Conv2d, w, 2 * w, 2, stride=2)
        self.norm = make(k, "norm", nn.LayerNorm, 2 * w)
        self.head = make(k, "head", nn.Linear, 2 * w, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem_norm(self.stem(x))
        for block in self.blocks:
            x = block(x)
        x = self.down(self.down_norm(x))
        return self.head(self.norm(x.mean((-2, -1))))


class Inception(nn.Module):
    """Parallel branches that are concatenated: 1×1, 3×3, pooled; then a dense layer that joins all before it."""

    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.stem = make(k, "stem", nn.Conv2d, 3, 8, 3, padding=1)
        self.act = make(k, "act", nn.LeakyReLU, negative_slope=0.1)
        self.branch1 = make(k, "branch1", nn.Conv2d, 8, 6, 1)
        self.branch3 = make(k, "branch3", nn.Conv2d, 8, 6, 3, padding=1)
        self.pool = make(k, "pool", nn.AvgPool2d, 3, stride=1, padding=1)
        self.branch_pool = make(k, "branch_pool", nn.Conv2d, 8, 6, 1)
        self.elu = make(k, "elu", nn.ELU, alpha=0.3)
        self.dense = make(k, "dense", nn.Conv2d, 18, 6, 3, padding=1)
        self.reduce = make(k, "reduce", nn.MaxPool2d, 2)
        self.fc = make(k, "fc", nn.Linear, 24 * 64, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.stem(x))
        x = torch.cat([self.branch1(x), self.branch3(x), self.branch_pool(self.pool(x))], dim=1)
        x = self.elu(x)
        x = torch.cat([x, self.dense(x)], dim=1)
        return self.fc(torch.flatten(self.reduce(x), 1))


class Generator(nn.Module):
    """A DCGAN-like generator with InstanceNorm, LeakyReLU, a pixel shuffle and tanh."""

    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.project = make(k, "project", nn.Linear, 12, 16 * 4 * 4)
        self.up1 = make(k, "up1", nn.ConvTranspose2d, 16, 16, 4, stride=2, padding=1)
        self.norm1 = make(k, "norm1", nn.InstanceNorm2d, 16, affine=k("affine", True))
        self.act1 = make(k, "act1", nn.LeakyReLU, 0.2, inplace=True)
        self.conv = make(k, "conv", nn.Conv2d, 16, 12, 3, padding=1, padding_mode="reflect")
        self.shuffle = make(k, "shuffle", nn.PixelShuffle, 2)
        self.act2 = make(k, "act2", nn.PReLU, 3)
        self.out = make(k, "out", nn.Conv2d, 3, 3, 3, padding=1)
        self.tanh = make(k, "tanh", nn.Tanh)

    def forward(self, z: Tensor) -> Tensor:
        x = self.project(z).view(-1, 16, 4, 4)
        x = self.act1(self.norm1(self.up1(x)))
        x = self.act2(self.shuffle(self.conv(x)))
        return self.tanh(self.out(x))
