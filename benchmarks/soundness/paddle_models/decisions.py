"""The same models that decide as a Paddle user writes them."""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn


class Pruning(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.norm, self.mix, self.head = nn.Linear(8, 8), nn.LayerNorm(8), nn.Linear(8, 8), nn.Linear(8, 4)

    def forward(self, x: Tensor, score: Tensor) -> tuple[Tensor, Tensor]:
        best, index = paddle.topk(score, 4, axis=1)
        x = paddle.take_along_axis(self.embed(x), index.unsqueeze(-1).expand([-1, -1, 8]), 1)
        x = F.relu(self.mix(self.norm(x))) * F.sigmoid(best).unsqueeze(-1)
        return self.head(x), index


class Buckets(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.time, self.bin = nn.Embedding(9, 8), nn.Embedding(5, 8)
        self.fc1, self.fc2 = nn.Linear(8, 8), nn.Linear(8, 4)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        steps = (time.abs() * 2.0).clip(max=8.0).astype("int64")
        bins = paddle.floor(x[:, :4]).clip(-2.0, 2.0).astype("int64") + 2
        y = self.time(steps) + self.bin(bins).mean(1)
        y = paddle.where(x > 0.5, self.fc1(y), paddle.sign(x) * y)
        y = F.gelu(y) * (paddle.round(x) == x).astype(x.dtype) + y
        return self.fc2(y)


class Sampling(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2D(3, 4, 3, padding=1), nn.Linear(4, 4)

    def forward(self, x: Tensor, place: Tensor) -> Tensor:
        grid = (place / 3.0).clip(-1.0, 1.0).reshape([-1, 4, 4, 2])
        y = F.grid_sample(self.conv(x), grid, mode="nearest", padding_mode="zeros", align_corners=True)
        y = F.interpolate(F.elu(y), size=[6, 6], mode="nearest")
        y = F.max_pool2d(y, 2) - 0.5 * F.max_pool2d(x[:, :1], 2)
        return F.log_softmax(self.fc(y.mean([2, 3])), axis=1)


class Ranking(nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2, self.place = nn.Linear(8, 8), nn.Linear(8, 4), nn.Embedding(8, 8)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        order = paddle.sort(x, axis=-1, descending=True)
        y = self.fc1(order) + self.place(x.argmax(axis=-1))
        middle, _ = paddle.median(x, axis=-1, keepdim=True, mode="min")
        y = F.tanh(y) - middle
        share = (x >= x.mean(-1, keepdim=True)).astype(x.dtype).mean(-1, keepdim=True)
        y = y * share + x.amax(axis=-1, keepdim=True)
        return {"out": self.fc2(F.relu(y)), "largest": y.argmax(-1), "positive": y > 0}
