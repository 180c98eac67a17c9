"""Held-out image classifiers and segmenters as a Paddle user ports them: ViT, SE-ResNeXt, DeepLab, DenseNet, Mixer."""

from __future__ import annotations

from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from benchmarks.faults.knobs import Knobs
from benchmarks.faults.paddle_models.layers import UnbiasedBatchNorm2D, make


class Attention(nn.Layer):
    def __init__(self, k: Knobs, d: int, heads: int) -> None:
        super().__init__()
        self.heads, self.scale = heads, k("scale", (d // heads) ** -0.5)
        self.kernel, self.order = k("kernel", "written out"), k("order", (0, 1, 2))
        self.qkv = make(k, "qkv", nn.Linear, d, 3 * d)
        self.proj = make(k, "proj", nn.Linear, d, d)

    def forward(self, x: Tensor) -> Tensor:
        b, n, d = x.shape
        qkv = self.qkv(x).reshape([b, n, 3, self.heads, d // self.heads]).transpose([2, 0, 3, 1, 4])
        q, k, v = (qkv[i] for i in self.order)  # [B, H, N, D]
        if self.kernel == "written out":
            attn = F.softmax(paddle.matmul(q, k, transpose_y=True) * self.scale, axis=-1)
            y = paddle.matmul(attn, v).transpose([0, 2, 1, 3])
        elif self.kernel == "fused":
            q, k, v = (z.transpose([0, 2, 1, 3]) for z in (q, k, v))  # [B, N, H, D]
            y = F.scaled_dot_product_attention(q, k, v)
        else:  # the layout of torch
            y = F.scaled_dot_product_attention(q, k, v).transpose([0, 2, 1, 3])
        return self.proj(y.reshape([b, n, d]))


class ViTMlp(nn.Layer):
    def __init__(self, k: Knobs, d: int) -> None:
        super().__init__()
        self.fc1 = make(k, "fc1", nn.Linear, d, 2 * d)
        self.act = make(k, "act", nn.GELU)
        self.fc2 = make(k, "fc2", nn.Linear, 2 * d, d)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.act(self.fc1(x)))


class ViTBlock(nn.Layer):
    def __init__(self, k: Knobs, d: int) -> None:
        super().__init__()
        self.norm1 = make(k, "norm1", nn.LayerNorm, d, epsilon=1e-6)
        self.attn = Attention(k.at("attn"), d, 4)
        self.norm2 = make(k, "norm2", nn.LayerNorm, d, epsilon=1e-6)
        self.mlp = ViTMlp(k.at("mlp"), d)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class PatchEmbed(nn.Layer):
    def __init__(self, k: Knobs, d: int) -> None:
        super().__init__()
        self.tokens = k("tokens", "flattened")
        self.proj = make(k, "proj", nn.Conv2D, 3, d, 4, stride=4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.proj(x)  # [B, D, H, W]
        if self.tokens == "as they lie":
            return x.reshape([x.shape[0], -1, x.shape[1]])
        if self.tokens == "channels last":
            return x.transpose([0, 2, 3, 1]).reshape([x.shape[0], -1, x.shape[1]])
        return x.flatten(2).transpose([0, 2, 1])


class ViT(nn.Layer):
    def __init__(self, k: Knobs) -> None:
        super().__init__()
        d = 16
        self.patch_embed = PatchEmbed(k.at("patch_embed"), d)
        self.cls_token = self.create_parameter([1, 1, d], default_initializer=nn.initializer.Constant(0.0))
        self.pos_embed = self.create_parameter([1, 17, d], default_initializer=nn.initializer.Normal(0.0, 0.02))
        self.blocks = nn.LayerList([ViTBlock(k.at(f"blocks.{i}"), d) for i in range(2)])
        self.norm = make(k, "norm", nn.LayerNorm, d, epsilon=1e-6)
        self.head = make(k, "head", nn.Linear, d, 5)
        self.pos_drop = make(k, "pos_drop", nn.Dropout, k("p", 0.0))
        self.first, self.placed, self.normed = k("first", True), k("placed", True), k("normed", True)
        self.pooled = k("pooled", "token")

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch_embed(x)
        token = self.cls_token.expand([x.shape[0], -1, -1])
        x = paddle.concat([token, x] if self.first else [x, token], axis=1)
        x = self.pos_drop(x + self.pos_embed if self.placed else x)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x) if self.normed else x
        return self.head(x.mean(axis=1) if self.pooled == "mean" else x[:, 0])


class ConvBN(nn.Layer):
    """A convolution, its normalisation and the activation named, if any."""

    def __init__(self, k: Knobs, c: int, out: int, size: int, act: str | None, norm: Any, **kwargs: Any) -> None:
        super().__init__()
        self.conv = make(k, "conv", nn.Conv2D, c, out, size, bias_attr=None if k("bias", False) else False, **kwargs)
        self.bn = make(k, "bn", norm, out)
        self.act = k("act", act)

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(self.conv(x))
        return getattr(F, self.act)(x) if self.act else x


class SE(nn.Layer):
    """Squeeze and excitation by Linear layers on [B, C]."""

    def __init__(self, k: Knobs, c: int) -> None:
        super().__init__()
        self.fc = nn.Sequential(
            make(k, "fc.0", nn.Linear, c, 4), nn.ReLU(), make(k, "fc.2", nn.Linear, 4, c), nn.Sigmoid()
        )
        self.added = k("added", False)

    def forward(self, x: Tensor) -> Tensor:
        gate = self.fc(paddle.mean(x, axis=[2, 3])).unsqueeze([2, 3])
        return x + gate if self.added else x * gate


class SEBottleneck(nn.Layer):
    def __init__(self, k: Knobs, c: int, out: int, stride: int) -> None:
        super().__init__()
        norm, early = UnbiasedBatchNorm2D, k("stride_first", False)
        self.a = ConvBN(k.at("a"), c, 8, 1, "relu", norm, stride=stride if early else 1)
        self.b = ConvBN(k.at("b"), 8, 8, 3, "relu", norm, stride=1 if early else stride, padding=1, groups=4)
        self.c = ConvBN(k.at("c"), 8, out, 1, None, norm)
        self.se = SE(k.at("se"), out)
        self.skip = nn.Sequential(make(k, "skip.1", nn.Conv2D, c, out, 1))
        if stride == 2:
            pool = make(k, "skip.0", nn.AvgPool2D, 3, stride=2, padding=1, exclusive=False)
            self.skip = nn.Sequential(pool, *self.skip)
        self.shuffled, self.early_relu, self.gated = k("shuffled", True), k("early_relu", False), k("gated", True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.a(x)
        b, c, h, w = y.shape
        y = y.reshape([b, 4, c // 4, h, w] if self.shuffled else [b, c // 4, 4, h, w])
        y = self.c(self.b(y.transpose([0, 2, 1, 3, 4]).reshape([b, c, h, w])))
        y = self.se(y) if self.gated else y
        return F.relu(y) + self.skip(x) if self.early_relu else F.relu(paddle.add(y, self.skip(x)))


class SENeXt(nn.Layer):
    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.stem = ConvBN(k.at("stem"), 3, 8, 3, "relu6", UnbiasedBatchNorm2D, padding=1)
        self.block1 = SEBottleneck(k.at("block1"), 8, 16, 1)
        self.block2 = SEBottleneck(k.at("block2"), 16, 16, 2)
        self.pool = make(k, "pool", nn.AdaptiveAvgPool2D, 1)
        self.drop = make(k, "drop", nn.Dropout, k("p", 0.0))
        self.fc = make(k, "fc", nn.Linear, 16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.block2(self.block1(self.stem(x))))
        return self.fc(self.drop(x.flatten(1)))


class DeepLab(nn.Layer):
    def __init__(self, k: Knobs) -> None:
        super().__init__()
        norm = nn.BatchNorm2D
        self.backbone = ConvBN(k.at("backbone"), 3, 8, 3, "relu", norm, stride=2, padding=1)
        self.aux_head = make(k, "aux_head", nn.Conv2D, 8, 5, 1)
        self.aspp1 = ConvBN(k.at("aspp1"), 8, 4, 1, "relu", norm)
        rates = k("rates", (2, 3))
        self.aspp2 = ConvBN(k.at("aspp2"), 8, 4, 3, "relu", norm, padding=rates[0], dilation=rates[0])
        self.aspp3 = ConvBN(k.at("aspp3"), 8, 4, 3, "relu", norm, padding=rates[1], dilation=rates[1])
        self.image_pool = make(k, "image_pool", nn.Conv2D, 8, 4, 1)
        self.bottleneck = ConvBN(k.at("bottleneck"), 16, 8, 1, "relu", norm)
        self.drop = make(k, "drop", nn.Dropout2D, k("p", 0.0))
        self.cls_head = make(k, "cls_head", nn.Conv2D, 8, 5, 1)
        self.resize = {"mode": k("mode", "bilinear"), "align_corners": k("align_corners", False)}
        self.pool_relu, self.context_first, self.outputs = (
            k("pool_relu", True), k("context_first", False), k("outputs", "dict"),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Any:
        features = self.backbone(x)
        h, w = features.shape[2:]
        context = self.image_pool(F.adaptive_avg_pool2d(features, 1))
        context = (F.relu(context) if self.pool_relu else context).expand([-1, -1, h, w])
        parts = [self.aspp1(features), self.aspp2(features), self.aspp3(features)]
        y = paddle.concat([context, *parts] if self.context_first else [*parts, context], axis=1)
        out = F.interpolate(self.cls_head(self.drop(self.bottleneck(y))), size=x.shape[2:], **self.resize)
        aux = F.interpolate(self.aux_head(features), size=x.shape[2:], mode="bilinear", align_corners=False)
        if self.outputs == "dict":
            return {"aux": aux, "out": out}
        return (out, aux) if self.outputs == "tuple" else out


class DenseLayer(nn.Layer):
    def __init__(self, k: Knobs, c: int, growth: int) -> None:
        super().__init__()
        self.bn_a = make(k, "bn_a", UnbiasedBatchNorm2D, c)
        self.squeeze = make(k, "squeeze", nn.Conv2D, c, 8, 1, bias_attr=False)
        self.bn_b = make(k, "bn_b", UnbiasedBatchNorm2D, 8)
        self.grow = make(k, "grow", nn.Conv2D, 8, growth, 3, padding=1, bias_attr=False)
        self.newest_first = k("newest_first", False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.grow(F.relu(self.bn_b(self.squeeze(F.relu(self.bn_a(x))))))
        return paddle.concat([y, x] if self.newest_first else [x, y], axis=1)


class DenseNet(nn.Layer):
    """Each layer hands on all features joined, where torch's keep a list."""

    def __init__(self, k: Knobs) -> None:
        super().__init__()
        self.conv = make(k, "conv", nn.Conv2D, 3, 6, 3, padding=1, bias_attr=False)
        self.bn = make(k, "bn", UnbiasedBatchNorm2D, 6)
        self.pool = make(k, "pool", nn.AvgPool2D, 3, stride=2, padding=1, exclusive=False)
        self.dense = nn.Sequential(*(DenseLayer(k.at(f"dense.{i}"), 6 + 4 * i, 4) for i in range(3)))
        self.trans_bn = make(k, "trans_bn", UnbiasedBatchNorm2D, 18)
        self.trans_conv = make(k, "trans_conv", nn.Conv2D, 18, 8, 1, bias_attr=False)
        self.last_bn = make(k, "last_bn", UnbiasedBatchNorm2D, 8)
        self.out = make(k, "out", nn.Linear, 8, 5)
        self.last_relu, self.pool_first, self.pooled = (
            k("last_relu", True), k("pool_first", False), k("pooled", "mean"),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        x = self.dense(self.pool(F.relu(self.bn(self.conv(x)))))
        x = F.relu(self.trans_bn(x))
        if self.pool_first:
            x = self.trans_conv(F.avg_pool2d(x, 2))
        else:
            x = F.avg_pool2d(self.trans_conv(x), kernel_size=2, stride=2)
        x = self.last_bn(x)
        x = F.relu(x) if self.last_relu else x
        return self.out(x.max(axis=[2, 3]) if self.pooled == "max" else x.mean(axis=[2, 3]))


class MixerLayer(nn.Layer):
    def __init__(self, k: Knobs, d: int, tokens: nn.Sequential) -> None:
        super().__init__()
        self.ln1 = make(k, "ln1", nn.LayerNorm, d)
        self.ln2 = make(k, "ln2", nn.LayerNorm, d)
        self.mix = tokens
        self.mlp = nn.Sequential(
            make(k, "mlp.0", nn.Linear, d, d), make(k, "mlp.1", nn.GELU), make(k, "mlp.2", nn.Linear, d, d)
        )
        self.turned, self.skip = k("turned", True), k("skip", "input")

    def forward(self, x: Tensor) -> Tensor:
        y = self.ln1(x)
        if self.turned:
            y = paddle.transpose(self.mix(paddle.transpose(y, perm=[0, 2, 1])), perm=[0, 2, 1])
        else:
            y = self.mix(y)
        x = x + y
        y = self.ln2(x)
        return (y if self.skip == "norm" else x) + self.mlp(y)


class Mixer(nn.Layer):
    def __init__(self, k: Knobs) -> None:
        super().__init__()
        d = 16
        self.embed = make(k, "embed", nn.Conv2D, 3, d, 4, stride=4)
        mixes = [
            nn.Sequential(
                make(k, "mix.0", nn.Linear, 16, 16), make(k, "mix.1", nn.GELU), make(k, "mix.2", nn.Linear, 16, 16)
            )
            for _ in range(1 if k("tied", True) else 2)
        ]
        self.stack = nn.Sequential(*(MixerLayer(k.at(f"stack.{i}"), d, mixes[i % len(mixes)]) for i in range(2)))
        self.ln = make(k, "ln", nn.LayerNorm, d)
        self.fc = make(k, "fc", nn.Linear, d, 5)
        self.axis = k("axis", 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        x = self.stack(x.reshape([x.shape[0], x.shape[1], -1]).transpose([0, 2, 1]))
        return self.fc(paddle.mean(self.ln(x), axis=self.axis))
