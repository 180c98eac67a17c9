"""Written after the engine was improved on the other held-out models: shifted windows, point clouds, text lines."""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from benchmarks.faults.knobs import Knobs
from benchmarks.faults.paddle_models.layers import make


def windows(x: Tensor, straight: bool) -> Tensor:
    """[B, H, W, C] as [B * windows, 4, C]."""
    b, h, w, c = x.shape
    x = x.reshape([b, h // 2, 2, w // 2, 2, c])
    return (x.transpose([0, 1, 3, 2, 4, 5]) if straight else x).reshape([-1, 4, c])


class WindowAttention(nn.Layer):
    def __init__(self, k: Knobs, d: int, heads: int) -> None:
        super().__init__()
        self.heads, self.scale = heads, k("scale", (d // heads) ** -0.5)
        self.bias_table = self.create_parameter([9, heads])
        self.qkv = make(k, "qkv", nn.Linear, d, 3 * d)
        self.proj = make(k, "proj", nn.Linear, d, d)
        at = np.stack(np.meshgrid([0, 1], [0, 1], indexing="ij")).reshape(2, -1)
        offset = at[:, :, None] - at[:, None, :] + 1
        index = offset[0] * 3 + offset[1]
        self.register_buffer("index", paddle.to_tensor(index if k("index", "own") == "own" else index.T))
        self.biased = k("biased", True)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        n, length, c = x.shape
        qkv = self.qkv(x).reshape([n, length, 3, self.heads, c // self.heads]).transpose([2, 0, 3, 1, 4])
        scores = paddle.matmul(qkv[0], qkv[1], transpose_y=True) * self.scale
        if self.biased:
            bias = paddle.gather(self.bias_table, self.index.flatten()).reshape([length, length, self.heads])
            scores = scores + bias.transpose([2, 0, 1]).unsqueeze(0)
        if mask is not None:
            scores = scores.reshape([-1, mask.shape[0], self.heads, length, length]) + mask.unsqueeze(1).unsqueeze(0)
            scores = scores.reshape([-1, self.heads, length, length])
        y = paddle.matmul(F.softmax(scores, axis=-1), qkv[2]).transpose([0, 2, 1, 3])
        return self.proj(y.reshape([n, length, c]))


class WindowBlock(nn.Layer):
    def __init__(self, k: Knobs, d: int, shift: int) -> None:
        super().__init__()
        self.shift, self.turn, self.straight = shift, k("turn", -1), k("straight", True)
        self.ln_1 = make(k, "ln_1", nn.LayerNorm, d)
        self.attn = WindowAttention(k.at("attn"), d, 2)
        self.ln_2 = make(k, "ln_2", nn.LayerNorm, d)
        self.fc1, self.fc2 = make(k, "fc1", nn.Linear, d, 2 * d), make(k, "fc2", nn.Linear, 2 * d, d)
        self.masked = k("masked", True)

    def forward(self, x: Tensor) -> Tensor:
        b, h, w, c = x.shape
        y, mask = self.ln_1(x), None
        if self.shift:
            y = paddle.roll(y, shifts=[self.turn * self.shift] * 2, axis=[1, 2])
            mask = self._mask(h, w).astype(x.dtype) if self.masked else None
        y = self.attn(windows(y, self.straight), mask).reshape([b, h // 2, w // 2, 2, 2, c])
        y = y.transpose([0, 1, 3, 2, 4, 5]).reshape([b, h, w, c])
        if self.shift:
            y = paddle.roll(y, shifts=[self.shift] * 2, axis=[1, 2])
        x = paddle.add(x, y)
        return paddle.add(x, self.fc2(F.gelu(self.fc1(self.ln_2(x)))))

    def _mask(self, h: int, w: int) -> Tensor:
        region = np.zeros((h, w))
        region[-self.shift :] += 1
        region[:, -self.shift :] += 2
        flat = region.reshape(h // 2, 2, w // 2, 2).transpose(0, 2, 1, 3).reshape(-1, 4)
        return paddle.to_tensor(np.where(flat[:, None] != flat[:, :, None], -100.0, 0.0))


class Swin(nn.Layer):
    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.patch_embed = make(k, "patch_embed", nn.Conv2D, 3, 8, 2, stride=2)
        self.layers = nn.LayerList([WindowBlock(k.at(f"layers.{i}"), 8, i) for i in range(2)])
        self.reduction_norm = make(k, "reduction_norm", nn.LayerNorm, 32)
        self.reduction = make(k, "reduction", nn.Linear, 32, 12, bias_attr=False)
        self.last_norm = make(k, "last_norm", nn.LayerNorm, 12)
        self.fc = make(k, "fc", nn.Linear, 12, 5)
        self.order, self.mean_first = k("order", (0, 1, 2, 3)), k("mean_first", False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch_embed(x).transpose([0, 2, 3, 1])
        for layer in self.layers:
            x = layer(x)
        parts = [x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]]
        x = self.reduction(self.reduction_norm(paddle.concat([parts[i] for i in self.order], axis=-1)))
        if self.mean_first:
            return self.fc(self.last_norm(x.flatten(1, 2).mean(1)))
        return self.fc(self.last_norm(x).flatten(1, 2).mean(1))


class PointNet(nn.Layer):
    """Points last in torch; here each point's features are."""

    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.stn = nn.Sequential(make(k, "stn.0", nn.Linear, 3, 8), nn.ReLU())
        self.stn_fc = make(k, "stn_fc", nn.Linear, 8, 9)
        self.lin1 = make(k, "lin1", nn.Conv1D, 3, 8, 1)
        self.norm = make(k, "norm", nn.BatchNorm1D, 8)
        self.lin2 = make(k, "lin2", nn.Conv1D, 8, 10, 1)
        self.head = nn.Sequential(
            make(k, "head.0", nn.Linear, 20, 8), make(k, "head.1", nn.Softplus),
            make(k, "head.2", nn.Dropout, k("p", 0.0)), make(k, "head.3", nn.Linear, 8, 4),
        )  # fmt: skip
        self.identity, self.turned, self.last_relu = k("identity", True), k("turned", False), k("last_relu", False)
        self.log, self.pooled = k("log", True), k("pooled", "max, mean")

    def forward(self, x: Tensor) -> Any:
        points = x.transpose([0, 2, 1])  # [B, N, 3]
        t = self.stn_fc(paddle.max(self.stn(points), axis=1)).reshape([-1, 3, 3])
        t = t + paddle.eye(3, dtype=x.dtype) if self.identity else t
        x = paddle.matmul(points, t, transpose_y=self.turned).transpose([0, 2, 1])
        x = self.lin2(F.relu(self.norm(self.lin1(x))))
        x = F.relu(x) if self.last_relu else x
        parts = {"max": x.max(-1), "mean": x.mean(-1)}
        y = self.head(paddle.concat([parts[name] for name in self.pooled.split(", ")], axis=-1))
        return (F.log_softmax(y, axis=-1) if self.log else F.softmax(y, axis=-1)), t


class TextLine(nn.Layer):
    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.conv1 = make(k, "conv1", nn.Conv2D, 1, 6, 3, padding=1)
        self.pool1 = make(k, "pool1", nn.MaxPool2D, 2, 2)
        self.conv2 = make(k, "conv2", nn.Conv2D, 6, 8, 3, padding=1)
        self.pool2 = make(k, "pool2", nn.MaxPool2D, (2, 2), (2, 1), (0, 1))
        self.lstm = make(k, "lstm", nn.LSTM, 8, 6, direction="bidirect")
        self.out = make(k, "out", nn.Linear, 12, 7)
        self.height, self.axis, self.swapped = k("height", "mean"), k("axis", -1), k("swapped", False)
        self.time_first = k("time_first", True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool2(F.relu(self.conv2(self.pool1(F.relu(self.conv1(x))))))
        x = paddle.mean(x, axis=2) if self.height == "mean" else paddle.max(x, axis=2)  # [B, C, T]
        x, _ = self.lstm(x.transpose([0, 2, 1]))
        x = paddle.concat(paddle.split(x, 2, axis=-1)[::-1], axis=-1) if self.swapped else x
        x = self.out(x).transpose([1, 0, 2]) if self.time_first else self.out(x)
        return F.log_softmax(x, axis=self.axis)
