"""The same image networks as a Paddle user writes them: other names, other nesting, some layers functional."""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from benchmarks.faults.knobs import Knobs
from benchmarks.faults.paddle_models.layers import UnbiasedBatchNorm2D, make


class BasicBlock(nn.Layer):
    def __init__(self, k: Knobs, c_in: int, c: int, stride: int) -> None:
        super().__init__()
        bias = k("bias", False)
        self.conv1 = make(k, "conv1", nn.Conv2D, c_in, c, 3, stride=stride, padding=1, bias_attr=bias)
        self.norm1 = make(k, "norm1", UnbiasedBatchNorm2D, c)
        self.relu = make(k, "relu", nn.ReLU)
        self.conv2 = make(k, "conv2", nn.Conv2D, c, c, 3, stride=1, padding=1, bias_attr=bias)
        self.norm2 = make(k, "norm2", UnbiasedBatchNorm2D, c)
        self.shortcut = None
        if stride != 1 or c_in != c:
            self.shortcut = nn.Sequential(
                ("conv", make(k, "shortcut.conv", nn.Conv2D, c_in, c, 1, stride=stride, bias_attr=bias)),
                ("norm", make(k, "shortcut.norm", UnbiasedBatchNorm2D, c)),
            )
        self.residual = k("residual", "added")
        self.inner_relu = k("inner_relu", True)
        self.norm_first = k("norm_first", True)
        self.stop = k("stop_gradient", False)

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.shortcut is None else self.shortcut(x)
        if self.stop:
            identity = identity.detach()
        out = self.norm1(self.conv1(x)) if self.norm_first else self.conv1(self.norm1(x))
        if self.inner_relu:
            out = self.relu(out)
        out = self.norm2(self.conv2(out))
        if self.residual == "forgotten":
            return self.relu(out)
        if self.residual == "after the activation":
            return self.relu(out) + identity
        return self.relu(out + identity)


class ResNet(nn.Layer):
    def __init__(self, k: Knobs) -> None:
        super().__init__()
        depth, width = k("depth", 2), k("width", 8)
        self.conv1 = make(k, "conv1", nn.Conv2D, 3, width, 3, padding=1, bias_attr=k("bias", False))
        self.norm1 = make(k, "norm1", UnbiasedBatchNorm2D, width)
        self.relu = make(k, "relu", nn.ReLU)
        self.maxpool = make(k, "maxpool", nn.MaxPool2D, kernel_size=3, stride=2, padding=1)
        self.stages = nn.LayerList([
            self._stage(k.at("stages.0"), width, width, 1, depth),
            self._stage(k.at("stages.1"), width, 2 * width, 2, depth),
        ])  # fmt: skip
        self.pool = make(k, "pool", nn.AdaptiveAvgPool2D, 1)
        self.classifier = make(k, "classifier", nn.Linear, 2 * width, 10)
        self.order = k("order", (0, 1))
        self.flip = k("flip", False)
        self.squeeze = k("keep_pooled", False)
        self.softmax = k("softmax", False)
        self.narrow = k("narrow", "")
        self.input_axes = k("input_axes", None)

    def _stage(self, k: Knobs, c_in: int, c: int, stride: int, depth: int) -> nn.Sequential:
        blocks = [BasicBlock(k.at("0"), c_in, c, stride)]
        return nn.Sequential(*blocks, *(BasicBlock(k.at(str(i)), c, c, 1) for i in range(1, depth)))

    def forward(self, x: Tensor) -> Tensor:
        if self.input_axes:
            x = x.transpose(self.input_axes)
        x = self.maxpool(self.relu(self.norm1(self.conv1(x))))
        if self.narrow:
            x = x.astype(self.narrow).astype(x.dtype)
        for stage in self.stages:
            x = stage(x)
        y = self.classifier(paddle.flatten(self.pool(x), 1))
        if self.softmax:
            y = F.softmax(y)
        if self.flip:
            y = y.flip(axis=[0])
        return y.unsqueeze(1) if self.squeeze else y


class ConvNormAct(nn.Layer):
    def __init__(self, k: Knobs, c_in: int, c: int) -> None:
        super().__init__()
        self.conv = make(k, "conv", nn.Conv2D, c_in, c, 3, padding=1)
        self.norm = make(k, "norm", UnbiasedBatchNorm2D, c)
        self.order = k("order", "norm, act")
        self.slope = k("slope", 0.0)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        if self.order == "act, norm":
            return self.norm(F.relu(x))
        x = self.norm(x)
        if self.order == "norm":
            return x
        return F.leaky_relu(x, self.slope) if self.slope else F.relu(x)


def double(k: Knobs, c_in: int, c: int) -> nn.Sequential:
    return nn.Sequential(ConvNormAct(k.at("0"), c_in, c), ConvNormAct(k.at("1"), c, c))


class UNet(nn.Layer):
    """Encoder and decoder are lists of stages; activations and pooling are functions."""

    def __init__(self, k: Knobs) -> None:
        super().__init__()
        w, up = 6, k("up", "transposed")
        self.up, self.skip_first = up, k("skip_first", (True, True))
        self.pooling = k("pooling", {"kernel_size": 2})
        self.align = k("align_corners", False)
        self.skip_from = k("skip_from", "stage")
        self.down = nn.LayerList([double(k.at("down.0"), 3, w), double(k.at("down.1"), w, 2 * w)])
        self.mid = double(k.at("mid"), 2 * w, 4 * w)
        self.expand = nn.LayerList([self._up(k, "expand.0", 4 * w, 2 * w), self._up(k, "expand.1", 2 * w, w)])
        self.fuse = nn.LayerList([double(k.at("fuse.0"), 4 * w, 2 * w), double(k.at("fuse.1"), 2 * w, w)])
        self.head = make(k, "head", nn.Conv2D, w, 4, 1)

    def _up(self, k: Knobs, name: str, c_in: int, c: int) -> nn.Layer:
        if self.up == "transposed":
            return make(k, name, nn.Conv2DTranspose, c_in, c, 2, stride=2)
        return make(k, name, nn.Conv2D, c_in, c, 3, padding=1)

    def _expand(self, level: int, x: Tensor) -> Tensor:
        if self.up == "bilinear":
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=self.align)
        elif self.up == "nearest":
            x = F.interpolate(x, scale_factor=2, mode="nearest")
        return self.expand[level](x)

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for stage in self.down:
            x = stage(x)
            skips.append(x)
            x = F.max_pool2d(x, **self.pooling)
        x = self.mid(x)
        for level, skip in enumerate(reversed(skips)):
            x = self._expand(level, x)
            x = self.fuse[level](paddle.concat([skip, x] if self.skip_first[level] else [x, skip], axis=1))
        return self.head(x)


class SqueezeExcite(nn.Layer):
    def __init__(self, k: Knobs, c: int) -> None:
        super().__init__()
        self.conv1 = make(k, "conv1", nn.Conv2D, c, c // 2, 1)
        self.conv2 = make(k, "conv2", nn.Conv2D, c // 2, c, 1)
        self.slope, self.pooled = k("slope", 1 / 6), k("pooled", "avg")
        self.smooth = k("sigmoid", False)

    def forward(self, x: Tensor) -> Tensor:
        y = F.adaptive_avg_pool2d(x, 1) if self.pooled == "avg" else F.adaptive_max_pool2d(x, 1)  # [B, C, 1, 1]
        y = self.conv2(F.relu(self.conv1(y)))
        return x * (F.sigmoid(y) if self.smooth else F.hardsigmoid(y, slope=self.slope))


class InvertedResidual(nn.Layer):
    def __init__(self, k: Knobs, c_in: int, c: int, wide: int, stride: int) -> None:
        super().__init__()
        norm = {"epsilon": 1e-3, "momentum": 0.99}
        self.expand_conv = make(k, "expand_conv", nn.Conv2D, c_in, wide, 1, bias_attr=False)
        self.expand_bn = make(k, "expand_bn", UnbiasedBatchNorm2D, wide, **norm)
        self.expand_act = make(k, "expand_act", nn.Hardswish)
        self.dw_conv = make(k, "dw_conv", nn.Conv2D, wide, wide, 5, stride, padding=2, groups=wide, bias_attr=False)
        self.dw_bn = make(k, "dw_bn", UnbiasedBatchNorm2D, wide, **norm)
        self.dw_act = make(k, "dw_act", nn.Hardswish)
        self.mid_se = SqueezeExcite(k.at("mid_se"), wide)
        self.linear_conv = make(k, "linear_conv", nn.Conv2D, wide, c, 1, bias_attr=False)
        self.linear_bn = make(k, "linear_bn", UnbiasedBatchNorm2D, c, **norm)
        self.shortcut = stride == 1 and c_in == c and k("shortcut", True)
        self.se_first = k("se_before_activation", False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.expand_act(self.expand_bn(self.expand_conv(x)))
        y = self.dw_bn(self.dw_conv(y))
        y = self.dw_act(self.mid_se(y)) if self.se_first else self.mid_se(self.dw_act(y))
        y = self.linear_bn(self.linear_conv(y))
        return x + y if self.shortcut else y


class MobileNet(nn.Layer):
    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.conv = make(k, "conv", nn.Conv2D, 3, 8, 3, stride=2, padding=1, bias_attr=False)
        self.bn = make(k, "bn", UnbiasedBatchNorm2D, 8, epsilon=1e-3, momentum=0.99)
        self.act = make(k, "act", nn.Hardswish)
        self.blocks = nn.Sequential(
            InvertedResidual(k.at("blocks.0"), 8, 8, 12, 1),
            InvertedResidual(k.at("blocks.1"), 8, 12, 16, 2),
            InvertedResidual(k.at("blocks.2"), 12, 12, 20, 1),
        )
        self.last = make(k, "last", nn.Linear, 12, 16)
        self.last_act = make(k, "last_act", nn.Hardswish)
        self.dropout = make(k, "dropout", nn.Dropout, p=k("dropout", 0.0))
        self.fc = make(k, "fc", nn.Linear, 16, 10)
        self.mean_axes = k("mean_axes", (2, 3))

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(self.act(self.bn(self.conv(x)))).mean(self.mean_axes)
        return self.fc(self.dropout(self.last_act(self.last(x))))
