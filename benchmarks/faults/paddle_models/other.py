"""The same networks with grids, losses, shared weights and tables as a Paddle user writes them."""

from __future__ import annotations

from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from benchmarks.faults.knobs import Knobs
from benchmarks.faults.paddle_models.layers import UnbiasedBatchNorm2D, make


class SpatialTransformer(nn.Layer):
    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.align = k("align_corners", (False, False))
        self.sampling = k("sampling", {})
        self.localisation = make(k, "localisation", nn.Conv2D, 3, 4, 5, stride=2, padding=2)
        self.fc_loc = make(k, "fc_loc", nn.Linear, 4 * 8 * 8, 6)
        self.conv = make(k, "conv", nn.Conv2D, 3, 6, 3, padding=1)
        self.fc = make(k, "fc", nn.Linear, 6, 10)
        self.summed = k("summed", False)

    def forward(self, x: Tensor) -> Tensor:
        theta = F.tanh(self.fc_loc(F.relu(self.localisation(x)).flatten(1))).reshape([-1, 2, 3])
        grid = F.affine_grid(theta, x.shape, align_corners=self.align[0])
        x = F.grid_sample(x, grid, align_corners=self.align[1], **self.sampling)
        x = F.relu(self.conv(x))
        return self.fc(x.sum([2, 3]) if self.summed else x.mean([2, 3]))


class Losses(nn.Layer):
    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.body = make(k, "body", nn.Linear, 6, 8)
        self.tags = make(k, "tags", nn.Linear, 8, 5)
        self.boxes = make(k, "boxes", nn.Linear, 8, 4)
        self.smoothing, self.delta = k("label_smoothing", 0.0), k("delta", 1.0)
        self.weight = paddle.to_tensor([0.5, 1.0, 2.0, 1.5, 0.25]) if k("weighted", False) else None
        self.mean_over = k("mean_over", "valid")
        self.box_loss, self.reduction = k("box_loss", "smooth_l1"), k("reduction", "mean")

    def forward(self, x: Tensor, labels: Tensor, target: Tensor) -> dict[str, Tensor]:
        x = F.relu(self.body(x))  # [B, N, D]
        logits, labels = self.tags(x).flatten(0, 1), labels.flatten()
        weight = None if self.weight is None else self.weight.astype(x.dtype)
        if self.mean_over == "valid" and self.weight is None and not self.smoothing:
            total = F.cross_entropy(logits, labels, reduction="sum")
            tagging = total / (labels != -100).astype(x.dtype).sum()
        else:
            tagging = F.cross_entropy(logits, labels, weight, label_smoothing=self.smoothing)
        found = self.boxes(x.mean(1))
        if self.box_loss == "smooth_l1":
            boxes = F.smooth_l1_loss(found, target, reduction=self.reduction, delta=self.delta)
        else:
            boxes = F.mse_loss(found, target)
        return {"tagging": tagging, "boxes": boxes}


class AutoEncoder(nn.Layer):
    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.encoder = make(k, "encoder", nn.Linear, 12, 8, bias_attr=False)
        self.hidden = make(k, "hidden", nn.Linear, 8, 8)
        self.again = self.hidden if k("shared", True) else make(k, "again", nn.Linear, 8, 8)
        self.decoder_bias = self.create_parameter([12], is_bias=True)
        self.tied = k("tied", True)
        if not self.tied:
            self.decoder = self.create_parameter([8, 12])
        self.act = k("act", "silu")

    def forward(self, x: Tensor) -> Tensor:
        act = getattr(F, self.act)
        x = act(self.encoder(x))
        x = act(self.again(act(self.hidden(x))))
        if self.tied:
            return paddle.matmul(x, self.encoder.weight, transpose_y=True) + self.decoder_bias
        return paddle.matmul(x, self.decoder) + self.decoder_bias


class Table(nn.Layer):
    def __init__(self, k: Knobs) -> None:
        super().__init__()
        width = k("width", 8)
        self.fc1 = make(k, "fc1", nn.Linear, 6, width)
        self.functional = k("functional", False)
        if self.functional:  # no layer, only its parameters
            self.fc2_weight = self.create_parameter([width, width])
            self.fc2_bias = self.create_parameter([width], is_bias=True)
        else:
            self.fc2 = make(k, "fc2", nn.Linear, width, width)
        self.fc3 = make(k, "fc3", nn.Linear, width, width)
        self.act1 = make(k, "act1", nn.ReLU)
        self.act2 = make(k, "act2", nn.Tanh)
        self.out = make(k, "out", nn.Linear, width, 3)
        self.median, self.pad, self.std = k("median", None), k("pad", None), k("std", None)
        self.unit, self.nan = k("unit", None), k("nan", False)
        self.kink, self.order = k("kink", None), k("order", (2, 3))
        self.residual, self.reversed = k("in_place_residual", None), k("reversed", False)
        self.alternate = k("alternate", False)
        if self.alternate:
            self.register_buffer("seen", paddle.zeros([1]))

    def forward(self, x: Tensor) -> Any:
        if self.pad == "last axis":
            x = F.pad(x, [0, 0, 1, 0])[:, :-1]  # four values on a matrix: axis 0 first
        elif self.pad == "first axis":
            x = F.pad(x, [1, 0, 0, 0])[:-1]
        if self.kink == "native":
            x = F.leaky_relu(x, 0.01)
        elif self.kink == "where":
            x = paddle.where(x > 0, x, 0.01 * x)  # at 0 the slope's side, as torch
        x = self.act1(self.fc1(x.flip(axis=[1]) if self.reversed else x))
        if self.median:
            middle = paddle.median(x, axis=1, keepdim=True, mode=self.median)
            x = x - (middle[0] if self.median == "min" else middle)  # the lower middle comes with its index
        if self.std is not None:
            x = (x - x.mean(1, keepdim=True)) / (x.std(1, keepdim=True, unbiased=self.std) + 1e-5)
        second, third = (getattr(self, f"fc{i}", self._linear) for i in self.order)
        x = second(x)
        if self.residual == "copied":
            x = F.relu(x) + x
        x = self.act2(x)
        if self.unit is not None:
            x = F.normalize(x, axis=self.unit)
        if not self.alternate or self._runs():
            x = third(x)
        if self.nan:
            x = x / (x - x)
        return self.out(x)

    def _linear(self, x: Tensor) -> Tensor:
        return F.linear(x, self.fc2_weight, self.fc2_bias)

    def _runs(self) -> bool:
        even = self.seen.item() % 2 < 1
        if self.training:
            self.seen.set_value(self.seen + 1)
        return even or not self.training


class Pyramid(nn.Layer):
    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.conv = make(k, "conv", nn.Conv2D, 3, 8, 3, stride=2, padding=1, bias_attr=False)
        self.bn = make(k, "bn", UnbiasedBatchNorm2D, 8)
        self.dilated = make(k, "dilated", nn.Conv2D, 8, 8, 3, padding=2, dilation=2)
        self.pool_conv = make(k, "pool_conv", nn.Conv2D, 8, 8, 1)
        self.pool_bn = make(k, "pool_bn", UnbiasedBatchNorm2D, 8) if k("pool_norm", False) else nn.Identity()
        self.pool = make(k, "pool", nn.MaxPool2D, 2, stride=2)
        self.coarse = make(k, "coarse", nn.Conv2D, 8, 2, 1)
        self.fine = make(k, "fine", nn.Conv2D, 16, 2, 1)
        self.frozen = k("frozen", False)
        self.outputs = k("outputs", "tuple")
        self.context_first = k("context_first", False)

    def train(self) -> None:  # type: ignore[override]  # Paddle 3.0 has it without arguments
        super().train()
        if self.frozen:
            self.bn.eval()

    def forward(self, x: Tensor) -> Any:
        x = F.relu(self.bn(self.conv(x)))
        y = F.relu(self.dilated(x))
        context = F.relu(self.pool_bn(self.pool_conv(F.adaptive_avg_pool2d(x, 1)))).expand_as(y)
        fine = self.fine(paddle.concat([context, y] if self.context_first else [y, context], axis=1))
        coarse = self.coarse(self.pool(y))
        if self.outputs == "one":
            return fine
        if self.outputs == "swapped":
            return coarse, fine
        return (fine, coarse) if self.outputs == "tuple" else {"fine": fine, "coarse": coarse}


class Pruned(nn.Layer):
    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.body = make(k, "body", nn.Linear, 6, 8)
        self.head = make(k, "head", nn.Linear, 8, 3)
        self.sorted = k("sorted", False)

    def forward(self, x: Tensor, scores: Tensor) -> Tensor:
        x = F.relu(self.body(x))
        picked = paddle.argsort(scores, 1, descending=True) if self.sorted else paddle.topk(scores, 8, 1)[1]
        kept = picked[:, :8]
        return self.head(paddle.take_along_axis(x, kept.unsqueeze(-1).expand([-1, -1, 8]), 1))
