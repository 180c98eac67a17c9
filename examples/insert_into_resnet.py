"""Plug five non-local blocks into a ResNet-50, as the paper does, in torch or in Paddle.

    python examples/insert_into_resnet.py torch
    python examples/insert_into_resnet.py paddle

The paper (arXiv:1711.07971, section 4) puts 2 blocks into res3 and 3 into res4, to every other residual block. The
model keeps its tensor names, so a pre-trained checkpoint loads before or after, and with zero-initialised blocks its
outputs do not change by a single bit until training moves the blocks.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

import nlblocks

SITES = ("layer2.1", "layer2.3", "layer3.1", "layer3.3", "layer3.5")
SIZE = (2, 3, 64, 64)  # small, to be quick; the paper's images are 224


def main(framework: str) -> None:
    model, forward = {"torch": torch_model, "paddle": paddle_model}[framework]()
    x = np.random.default_rng(0).normal(size=SIZE).astype(np.float32)
    before, names = forward(model, x), set(model.state_dict())

    nlblocks.insert_all(
        model,
        match=lambda path, module: path in SITES,
        spec=lambda channels: nlblocks.specs.NonLocal(in_channels=channels, sub_sample="after"),
        example=SIZE,
    )

    added = sorted(set(model.state_dict()) - names)
    print(f"{framework}: {len(SITES)} blocks, {len(added)} new tensors, e.g. {added[0]}")
    print(f"every old name is still there: {names <= set(model.state_dict())}")
    print(f"output unchanged, bit for bit: {np.array_equal(before, forward(model, x))}")

    try:
        nlblocks.insert(model, "layer3.0", nlblocks.specs.NonLocal(in_channels=512), example=SIZE)
    except nlblocks.InputError as error:
        print(f"a block that does not fit: {error}")


def torch_model() -> tuple[Any, Any]:
    """ResNet-50 with torchvision's names; ``torchvision.models.resnet50()`` can stand here as it is."""
    import torch
    from torch import nn

    class Bottleneck(nn.Module):
        def __init__(self, inplanes: int, planes: int, stride: int) -> None:
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(inplanes, planes, 1, bias=False), nn.BatchNorm2d(planes)
            self.conv2 = nn.Conv2d(planes, planes, 3, stride=stride, padding=1, bias=False)
            self.bn2 = nn.BatchNorm2d(planes)
            self.conv3, self.bn3 = nn.Conv2d(planes, 4 * planes, 1, bias=False), nn.BatchNorm2d(4 * planes)
            self.downsample = None
            if stride != 1 or inplanes != 4 * planes:
                shortcut = nn.Conv2d(inplanes, 4 * planes, 1, stride=stride, bias=False)
                self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(4 * planes))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = torch.relu(self.bn1(self.conv1(x)))
            y = torch.relu(self.bn2(self.conv2(y)))
            y = self.bn3(self.conv3(y))
            return torch.relu(y + (x if self.downsample is None else self.downsample(x)))

    def layer(inplanes: int, planes: int, blocks: int, stride: int) -> nn.Sequential:
        rest = [Bottleneck(4 * planes, planes, 1) for _ in range(blocks - 1)]
        return nn.Sequential(Bottleneck(inplanes, planes, stride), *rest)

    class ResNet50(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False), nn.BatchNorm2d(64)
            self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
            self.layer1, self.layer2 = layer(64, 64, 3, 1), layer(256, 128, 4, 2)
            self.layer3, self.layer4 = layer(512, 256, 6, 2), layer(1024, 512, 3, 2)
            self.fc = nn.Linear(2048, 1000)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.maxpool(torch.relu(self.bn1(self.conv1(x))))
            x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
            return self.fc(x.mean((2, 3)))

    @torch.no_grad()
    def forward(model: nn.Module, x: np.ndarray) -> np.ndarray:
        return model.eval()(torch.from_numpy(x)).numpy()

    return ResNet50(), forward


def paddle_model() -> tuple[Any, Any]:
    """Paddle's own ResNet-50."""
    import paddle

    @paddle.no_grad()
    def forward(model: paddle.nn.Layer, x: np.ndarray) -> np.ndarray:
        model.eval()
        return model(paddle.to_tensor(x)).numpy()

    return paddle.vision.models.resnet50(), forward


if __name__ == "__main__":
    if sys.argv[1:] not in (["torch"], ["paddle"]):
        sys.exit("usage: insert_into_resnet.py torch|paddle")
    main(sys.argv[1])
