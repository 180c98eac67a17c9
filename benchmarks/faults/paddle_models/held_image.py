"""Held-out image models as a Paddle user ports them: a discriminator, a non-local net, super-resolution, a VAE, a net
without layers.
"""

from __future__ import annotations

from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from benchmarks.faults.knobs import Knobs
from benchmarks.faults.paddle_models.layers import UnbiasedBatchNorm2D, make


class Discriminator(nn.Layer):
    def __init__(self, k: Knobs) -> None:
        super().__init__()
        slope = k("slope", 0.2)
        self.first = nn.Sequential(
            make(k, "first.0", nn.Conv2D, 3, 6, 4, stride=2, padding=1), make(k, "first.1", nn.LeakyReLU, slope)
        )
        self.pad = make(k, "pad", nn.Pad2D, [0, 1, 0, 1], mode="reflect")
        self.second = nn.Sequential(
            make(k, "second.0", nn.Conv2D, 6, 8, 3, stride=2), make(k, "second.1", nn.InstanceNorm2D, 8),
            make(k, "second.2", nn.LeakyReLU, 0.2),
        )  # fmt: skip
        layers = [make(k, "third.0", nn.Conv2D, 8, 8, 3, padding=1), make(k, "third.1", nn.InstanceNorm2D, 8)]
        self.third = nn.Sequential(*(layers if k("third_norm", True) else layers[:1]), nn.LeakyReLU(0.2))
        self.fc = make(k, "fc", nn.Linear, 9 * 16, 1)
        self.unbiased, self.over, self.channels_last = k("unbiased", False), k("over", 0), k("channels_last", False)
        self.bounded, self.features_first = k("bounded", False), k("features_first", False)

    def forward(self, x: Tensor) -> Any:
        features = self.third(self.second(self.pad(self.first(x))))
        b, _, h, w = features.shape
        spread = paddle.std(features, axis=self.over, unbiased=self.unbiased).mean().reshape([1, 1, 1, 1])
        y = paddle.concat([features, paddle.tile(spread, [b, 1, h, w])], axis=1)
        y = y.transpose([0, 2, 3, 1]) if self.channels_last else y
        score = self.fc(paddle.flatten(y, start_axis=1))
        score = F.sigmoid(score) if self.bounded else score
        return (features, score) if self.features_first else (score, features)


class NonLocalNet(nn.Layer):
    """1x1 convolutions as Linear layers on positions."""

    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.stem = make(k, "stem", nn.Conv2D, 3, 8, 3, stride=2, padding=1)
        self.query = make(k, "query", nn.Linear, 8, 4)
        self.key = make(k, "key", nn.Conv2D, 8, 4, 1)
        self.value = make(k, "value", nn.Conv2D, 8, 4, 1)
        self.out = make(k, "out", nn.Conv2D, 4, 8, 1)
        self.out_bn = make(k, "out_bn", UnbiasedBatchNorm2D, 8, weight_attr=paddle.ParamAttr(
            initializer=nn.initializer.Constant(0.0)))  # fmt: skip
        self.spatial = make(k, "spatial", nn.Conv2D, 2, 1, 3, padding=1, bias_attr=False)
        self.fc = make(k, "fc", nn.Linear, 8, 5)
        self.pool, self.divided, self.softmax = k("pool", "max"), k("divided", True), k("softmax", None)
        self.residual, self.swapped, self.detached = (
            k("residual", True), k("swapped", False), k("detached", False),
        )  # fmt: skip
        self.centred, self.mean_first, self.gate_act = k("centred", False), k("mean_first", False), k("gate", True)

    def forward(self, x: Tensor) -> Tensor:
        if self.centred:
            first = self.centred == "first"
            top = paddle.take_along_axis(x, x.argmax(axis=1, keepdim=True), axis=1) if first else x.max(1, keepdim=True)
            x = x - top
        x = F.relu(self.stem(x))
        b, _, h, w = x.shape
        pool = F.max_pool2d if self.pool == "max" else F.avg_pool2d
        query = self.query(x.flatten(2).transpose([0, 2, 1]))  # [B, N, D]
        key, value = (self.value, self.key) if self.swapped else (self.key, self.value)
        key = pool(key(x), kernel_size=2).flatten(2)  # [B, D, M]
        value = pool(value(x), kernel_size=2).flatten(2)
        f = paddle.bmm(query, key)
        if self.softmax is not None:
            f = F.softmax(f, axis=self.softmax)
        elif self.divided:
            f = f / key.shape[-1]
        y = paddle.matmul(f, value, transpose_y=True).transpose([0, 2, 1]).reshape([b, -1, h, w])
        y = self.out_bn(self.out(y.detach() if self.detached else y))
        x = F.relu(y + x) if self.residual else F.relu(y)
        top, mean = paddle.max(x, axis=1, keepdim=True), paddle.mean(x, axis=1, keepdim=True)
        gate = self.spatial(paddle.concat([mean, top] if self.mean_first else [top, mean], axis=1))
        x = x * (F.sigmoid(gate) if self.gate_act else gate)
        return self.fc(x.flatten(2).max(axis=2))


class Block(nn.Layer):
    def __init__(self, k: Knobs, c: int) -> None:
        super().__init__()
        self.conv1 = make(k, "conv1", nn.Conv2D, c, c, 3, padding=1)
        self.prelu = make(k, "prelu", nn.PReLU)
        self.conv2 = make(k, "conv2", nn.Conv2D, c, c, 3, padding=1)
        self.scale = k("scale", 0.1)

    def forward(self, x: Tensor) -> Tensor:
        return paddle.add(paddle.scale(self.conv2(self.prelu(self.conv1(x))), self.scale), x)


class SuperResolution(nn.Layer):
    def __init__(self, k: Knobs) -> None:
        super().__init__()
        mean = paddle.to_tensor([0.4, 0.5, 0.3], dtype=paddle.get_default_dtype())
        self.register_buffer("mean", mean.reshape([1, 3, 1, 1]))
        self.conv_first = make(k, "conv_first", nn.Conv2D, 3, 8, 3, padding=1)
        self.trunk = nn.LayerList([Block(k.at(f"trunk.{i}"), 8) for i in range(2)])
        self.upconv = make(k, "upconv", nn.Conv2D, 8, 32, 3, padding=1)
        self.conv_last = make(k, "conv_last", nn.Conv2D, 8, 3, 3, padding=1, padding_mode="replicate")
        self.shuffle, self.clip, self.restored = k("shuffle", "native"), k("clip", (0.0, 1.0)), k("restored", True)
        self.skip, self.long_skip, self.detached = k("skip", {}), k("long_skip", True), k("detached", False)

    def forward(self, x: Tensor) -> Tensor:
        mean = self.mean
        head = self.conv_first(paddle.subtract(x, mean))
        y = head
        for block in self.trunk:
            y = block(y)
        y = y + (head.detach() if self.detached else head) if self.long_skip else y
        y = self.upconv(y)
        if self.shuffle == "native":
            y = F.pixel_shuffle(y, 2)
        else:  # channels split as [r, r, C], or [C, r, r] by hand
            b, c, h, w = y.shape
            if self.shuffle == "by hand":
                y = y.reshape([b, c // 4, 2, 2, h, w]).transpose([0, 1, 4, 2, 5, 3])
            else:
                y = y.reshape([b, 2, 2, c // 4, h, w]).transpose([0, 3, 4, 1, 5, 2])
            y = y.reshape([b, c // 4, 2 * h, 2 * w])
        y = self.conv_last(y)
        y = y + mean if self.restored else y
        base = F.interpolate(x, **{"scale_factor": 2, "mode": "bilinear", "align_corners": False, **self.skip})
        return paddle.clip(base + y, *self.clip)


class Encoder(nn.Layer):
    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.conv_in = make(k, "conv_in", nn.Conv2D, 3, 8, 3, padding=1)
        self.norm = make(k, "norm", nn.GroupNorm, 4, 8, epsilon=1e-6)
        self.down = make(k, "down", nn.Conv2D, 8, 8, 3, stride=2)
        self.conv_out = make(k, "conv_out", nn.Conv2D, 8, 8, 1)
        self.pad, self.act = k("pad", [0, 1, 0, 1]), k("act", "silu")

    def forward(self, x: Tensor) -> Tensor:
        y = getattr(F, self.act)(self.norm(self.conv_in(x)))
        return self.conv_out(self.down(F.pad(y, self.pad)))


class Decoder(nn.Layer):
    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.conv_in = make(k, "conv_in", nn.Conv2DTranspose, 4, 8, 3, stride=1, padding=1)
        self.up = make(k, "up", nn.Upsample, scale_factor=2, mode="nearest")
        self.norm = make(k, "norm", nn.GroupNorm, 4, 8, epsilon=1e-6)
        self.act = make(k, "act", nn.Silu)
        self.conv_out = make(k, "conv_out", nn.Conv2D, 8, 3, 3, padding=1)
        self.bounded = k("bounded", True)

    def forward(self, z: Tensor) -> Tensor:
        y = self.conv_in(z)
        y = self.act(self.norm(self.up(y)))
        y = self.conv_out(y)
        return paddle.tanh(y) if self.bounded else y


class VAE(nn.Layer):
    half: Any  # a number here, and a method of newer Layers

    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.encoder, self.decoder = Encoder(k.at("encoder")), Decoder(k.at("decoder"))
        self.order, self.clip, self.half = k("order", (0, 1)), k("clip", (-1.0, 1.0)), k("half", 0.5)
        self.returned, self.sampled = k("returned", ("image", "mean", "logvar")), k("sampled", True)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        halves = paddle.split(self.encoder(x), 2, axis=1)
        mean, logvar = (halves[i] for i in self.order)
        logvar = paddle.clip(logvar, min=self.clip[0], max=self.clip[1])
        z = mean + paddle.exp(logvar * self.half) if self.sampled else mean
        found = {"image": self.decoder(z), "mean": mean, "logvar": logvar}
        return {name: found[name] for name in self.returned}


class Bare(nn.Layer):
    def __init__(self, k: Knobs) -> None:
        super().__init__()
        zeros, ones = nn.initializer.Constant(0.0), nn.initializer.Constant(1.0)
        self.conv1_w = self.create_parameter([8, 3, 3, 3])
        self.conv1_b = self.create_parameter([8], default_initializer=zeros)
        self.conv2_w = self.create_parameter([8, 1, 3, 3])
        self.conv2_b = self.create_parameter([8], default_initializer=zeros)
        self.ln_w = self.create_parameter([8], default_initializer=ones)
        self.ln_b = self.create_parameter([8], default_initializer=zeros)
        self.fc_w = self.create_parameter([8, 5])
        self.fc_b = self.create_parameter([5], default_initializer=zeros)
        self.slope, self.second, self.epsilon = k("slope", 0.1), k("second", (2, 2)), k("epsilon", 1e-6)
        self.act, self.axis, self.pooled = k("act", "elu"), k("axis", -1), k("pooled", "mean")

    def forward(self, x: Tensor) -> Tensor:
        x = F.leaky_relu(F.conv2d(x, self.conv1_w, self.conv1_b, stride=2, padding=1), self.slope)
        padding, dilation = self.second
        x = F.conv2d(x, self.conv2_w, self.conv2_b, padding=padding, dilation=dilation, groups=8)
        x = F.layer_norm(x.transpose([0, 2, 3, 1]), [8], self.ln_w, self.ln_b, self.epsilon)
        x = getattr(F, self.act)(x)
        x = x.max(axis=[1, 2]) if self.pooled == "max" else x.mean(axis=[1, 2])
        return F.log_softmax(F.linear(x, self.fc_w, self.fc_b), axis=self.axis)
