"""The same models of images as a Paddle user writes them."""

from __future__ import annotations

from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from benchmarks.faults.paddle_models.layers import UnbiasedBatchNorm2D


def norm(c: int) -> Any:
    return UnbiasedBatchNorm2D(c, momentum=0.875)


class MBConv(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.bn0 = nn.Conv2D(3, 6, 3, stride=2, padding=1, bias_attr=False), norm(6)
        self.expand, self.bn1 = nn.Conv2D(6, 12, 1, bias_attr=False), norm(12)
        self.depth = nn.Conv2D(12, 12, 3, padding=1, groups=12, bias_attr=False)
        self.bn2 = norm(12)
        self.squeeze, self.excite = nn.Conv2D(12, 3, 1), nn.Conv2D(3, 12, 1)
        self.project, self.bn3 = nn.Conv2D(12, 6, 1, bias_attr=False), norm(6)
        self.drop, self.head = nn.Dropout(0.2), nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = F.silu(self.bn0(self.stem(x)))
        y = F.silu(self.bn1(self.expand(x)))
        y = F.silu(self.bn2(self.depth(y)))
        s = F.adaptive_avg_pool2d(y, 1)
        y = y * F.sigmoid(self.excite(F.silu(self.squeeze(s))))
        x = self.bn3(self.project(y)) + x
        return self.head(self.drop(x.mean(axis=[2, 3])))


class ShuffleNet(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2D(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2D(3, 2, 1))
        self.a, self.b = nn.Conv2D(4, 4, 1), nn.Conv2D(4, 4, 1)
        self.depth = nn.Conv2D(4, 4, 3, padding=1, groups=4)
        self.groups, self.fc = 2, nn.Linear(8, 4)

    def shuffle(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        x = x.reshape([b, self.groups, c // self.groups, h, w])
        return x.transpose([0, 2, 1, 3, 4]).reshape([b, c, h, w])

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        kept, y = x[:, :4], x[:, 4:]
        y = F.relu(self.b(self.depth(F.relu(self.a(y)))))
        x = self.shuffle(paddle.concat([kept, y], axis=1))
        return self.fc(F.adaptive_max_pool2d(x, 1).flatten(1))


class Fire(nn.Layer):
    def __init__(self, c: int) -> None:
        super().__init__()
        self.squeeze, self.one, self.three = nn.Conv2D(c, 4, 1), nn.Conv2D(4, 4, 1), nn.Conv2D(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.squeeze(x))
        return paddle.concat([F.relu(self.one(x)), F.relu(self.three(x))], axis=1)


class SqueezeNet(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.pool = nn.Conv2D(3, 6, 3, stride=1), nn.MaxPool2D(3, 2, ceil_mode=True)
        self.fire1, self.fire2 = Fire(6), Fire(8)
        self.drop, self.classifier = nn.Dropout(0.5), nn.Conv2D(8, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.fire2(self.fire1(self.pool(F.relu(self.conv(x)))))
        return F.adaptive_avg_pool2d(F.relu(self.classifier(self.drop(x))), 1).flatten(1)


class PSP(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Conv2D(3, 6, 3, stride=2, padding=1)
        self.pools = nn.LayerList([nn.Conv2D(6, 3, 1) for _ in range(2)])
        self.last = nn.Conv2D(12, 3, 3, padding=1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        size = x.shape[2:]
        x = F.relu(self.body(x))
        parts = [x]
        for bins, conv in zip((1, 2), self.pools, strict=True):
            y = F.relu(conv(F.adaptive_avg_pool2d(x, bins)))
            parts.append(F.interpolate(y, size=x.shape[2:], mode="nearest"))
        y = F.interpolate(self.last(paddle.concat(parts, axis=1)), size=size, mode="bilinear", align_corners=False)
        return y, y.argmax(axis=1)


class Retina(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.c1, self.c2 = nn.Conv2D(3, 6, 3, 2, 1), nn.Conv2D(6, 6, 3, 2, 1)
        self.lat1, self.lat2, self.smooth = nn.Conv2D(6, 4, 1), nn.Conv2D(6, 4, 1), nn.Conv2D(4, 4, 3, 1, 1)
        self.cls, self.box = nn.Conv2D(4, 3, 3, padding=1), nn.Conv2D(4, 4, 3, padding=1)
        self.norm = nn.GroupNorm(2, 4)

    def anchors(self, like: Tensor) -> Tensor:
        at = paddle.arange(4, dtype=like.dtype) * 2.0 + 1.0
        y, x = paddle.meshgrid(at, at)
        return paddle.stack([x, y], -1).reshape([-1, 2])

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        c1 = F.relu(self.c1(x))
        p2 = self.lat2(F.relu(self.c2(c1)))
        p1 = self.smooth(self.lat1(c1) + F.interpolate(p2, scale_factor=2, mode="nearest"))
        p1 = F.relu(self.norm(p1))
        scores = F.sigmoid(self.cls(p1).flatten(2).transpose([0, 2, 1]))
        shift, size = self.box(p1).flatten(2).transpose([0, 2, 1]).chunk(2, axis=-1)
        centre, half = self.anchors(x) + shift, 0.5 * size.clip(max=4.0).exp()
        boxes = paddle.concat([centre - half, centre + half], axis=-1).clip(0.0, 8.0)
        best, label = paddle.topk(scores, 1, axis=-1)
        best, label = best.squeeze(-1), label.squeeze(-1)
        return {"boxes": boxes, "scores": best, "labels": label, "keep": best > 0.5}


class Diffusion(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.time1, self.time2 = nn.Linear(8, 8), nn.Linear(8, 8)
        self.inp, self.conv1 = nn.Conv2D(3, 8, 3, padding=1), nn.Conv2D(8, 8, 3, padding=1)
        self.norm1 = nn.GroupNorm(4, 8)
        self.down = nn.Conv2D(8, 8, 3, stride=2, padding=1)
        self.norm2, self.out = nn.GroupNorm(4, 16, epsilon=1e-6), nn.Conv2D(16, 3, 3, padding=1)

    def forward(self, x: Tensor, step: Tensor) -> Tensor:
        rate = paddle.exp(-2.0 * paddle.arange(4, dtype=x.dtype))
        angle = step.astype(x.dtype).unsqueeze(1) * rate.unsqueeze(0)
        time = self.time2(F.silu(self.time1(paddle.concat([angle.sin(), angle.cos()], axis=-1))))
        x = self.inp(x)
        h = self.conv1(F.silu(self.norm1(x + time.unsqueeze([2, 3]))))
        h = F.interpolate(self.down(h), scale_factor=2.0, mode="nearest")
        return self.out(F.silu(self.norm2(paddle.concat([x, h], axis=1))))


class Keypoints(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.heat = nn.Conv2D(3, 6, 3, padding=1), nn.Conv2D(6, 2, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        heat = self.heat(F.leaky_relu(self.conv(x), 0.125))
        b, k, h, w = heat.shape
        mass = F.softmax(heat.flatten(2), axis=-1).reshape([b, k, h, w])
        at = paddle.arange(h, dtype=x.dtype)
        expected = paddle.stack([(mass.sum(2) * at).sum(-1), (mass.sum(3) * at).sum(-1)], axis=-1)
        peak = (F.max_pool2d(heat, 3, stride=1, padding=1) == heat).astype(x.dtype)
        value, index = paddle.topk((heat * peak).flatten(2), 2, axis=-1)
        return expected, value, paddle.stack([index % w, index // w], axis=-1)


class AlexNet(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2D(3, 6, 3, padding=1), nn.Conv2D(6, 8, 3, padding=1, groups=2)
        self.pool, self.avg = nn.MaxPool2D(3, 2), nn.AvgPool2D(2, 1, 1, exclusive=True)
        self.drop, self.fc1, self.fc2 = nn.Dropout(0.5), nn.Linear(8 * 4, 8), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(F.relu(self.conv1(x)))
        x = x / (1.0 + 0.1 * F.avg_pool2d(x.square(), 3, 1, 1, exclusive=False)).pow(0.75)
        x = self.pool(self.avg(F.relu(self.conv2(x))))[:, :, :2, :2]
        x = F.pad(x, [1, 0, 1, 0])[:, :, :2, :2]
        x = self.drop(paddle.flatten(x, 1))
        return F.log_softmax(self.fc2(F.hardswish(self.fc1(x))), axis=1)
