"""The same steps as Paddle users spell them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import nn

Make = Callable[[], Any]


class Spelled(nn.Layer):
    """A step: its parts, and what is done with them."""

    def __init__(self, forward: Callable[..., Any], parts: dict[str, Make]) -> None:
        super().__init__()
        for name, make in parts.items():
            setattr(self, name, make())
        self.spelling = forward

    def forward(self, x: Any) -> Any:
        return self.spelling(self, x)


Chain = nn.Sequential


def step(forward: Callable[..., Any], **parts: Make) -> Make:
    return lambda: Spelled(forward, parts)


def plain(*forwards: Callable[[Any], Any]) -> tuple[Make, ...]:
    """Steps without parts."""
    return tuple(step(lambda s, x, f=f: f(x)) for f in forwards)


class Weights(nn.Layer):
    """Parameters without a layer's forward."""

    def __init__(self, **shapes: tuple[int, ...]) -> None:
        super().__init__()
        for name, shape in shapes.items():
            setattr(self, name, self.create_parameter(list(shape), is_bias=name == "bias"))


class HandBatchNorm(nn.Layer):
    """Batch normalisation written out; the running variance averages the biased estimate."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.bias = self.create_parameter([8]), self.create_parameter([8], is_bias=True)
        self.register_buffer("_mean", paddle.zeros([8]))
        self.register_buffer("_variance", paddle.ones([8]))

    def forward(self, x: Any) -> Any:
        mean, var = self._mean, self._variance
        if self.training:
            mean, var = x.mean([0, 2, 3]), x.var([0, 2, 3], unbiased=False)
            with paddle.no_grad():
                self._mean.set_value(0.875 * self._mean + 0.125 * mean)
                self._variance.set_value(0.875 * self._variance + 0.125 * var)
        y = (x - mean.reshape([1, 8, 1, 1])) / paddle.sqrt(var.reshape([1, 8, 1, 1]) + 2**-10)
        return y * self.weight.reshape([1, 8, 1, 1]) + self.bias.reshape([1, 8, 1, 1])


def conv(*args: Any, **kwargs: Any) -> Make:
    return lambda: nn.Conv2D(*args, **kwargs)


def lin(i: int, o: int) -> Make:
    return lambda: nn.Linear(i, o)


def weights(**shapes: tuple[int, ...]) -> Make:
    return lambda: Weights(**shapes)


def channels_last(s: Any, x: Any) -> Any:
    return s.conv(x.transpose([0, 2, 3, 1])).transpose([0, 3, 1, 2])


def by_hand(x: Any, axes: Any, eps: float) -> Any:
    return (x - x.mean(axes, keepdim=True)) / paddle.sqrt(x.var(axes, unbiased=False, keepdim=True) + eps)


def grouped(s: Any, x: Any) -> Any:
    pairs = zip(paddle.chunk(x, 2, axis=1), paddle.chunk(s.conv.weight, 2, axis=0), strict=True)
    return paddle.concat([F.conv2d(a, w, padding=1) for a, w in pairs], axis=1) + s.conv.bias.reshape([1, -1, 1, 1])


def heads(x: Any) -> Any:
    return x.reshape([0, 0, 2, 4]).transpose([0, 2, 1, 3])


def merged(x: Any) -> Any:
    return x.transpose([0, 2, 1, 3]).reshape([0, 0, 8])


def separate(s: Any, x: Any) -> Any:
    return heads(s.q(x)), heads(s.k(x)), heads(s.v(x))


def unbound(s: Any, x: Any) -> Any:
    return s.qkv(x).reshape([x.shape[0], x.shape[1], 3, 2, 4]).transpose([2, 0, 3, 1, 4]).unbind(0)


def sliced(s: Any, x: Any) -> Any:
    y = s.qkv(x)
    return heads(y[:, :, :8]), heads(y[:, :, 8:16]), heads(y[:, :, 16:])


def native(s: Any, x: Any, **how: Any) -> Any:
    """Paddle's own attention wants [B, N, H, D]."""
    q, k, v = (f(x).reshape([0, 0, 2, 4]) for f in (s.q, s.k, s.v))
    return s.o(F.scaled_dot_product_attention(q, k, v, **how).reshape([0, 0, 8]))


def hidden(x: Any) -> Any:
    return paddle.triu(paddle.ones([6, 6]), 1) > 0


def scaled(q: Any, k: Any) -> Any:
    return paddle.matmul(q, k, transpose_y=True) / math.sqrt(4)


def weighted(s: Any, scores: Any, v: Any) -> Any:
    return s.o(merged(paddle.matmul(F.softmax(scores, axis=-1), v)))


def masked(scores: Any, x: Any, value: float) -> Any:
    return paddle.where(hidden(x), paddle.full_like(scores, value), scores)


QKV = {"q": lin(8, 8), "k": lin(8, 8), "v": lin(8, 8), "o": lin(8, 8)}
FUSED = {"qkv": lin(8, 24), "o": lin(8, 8)}
ATTENTION = (
    step(native, **QKV),
    step(lambda s, x: (lambda q, k, v: weighted(s, scaled(q, k), v))(*separate(s, x)), **QKV),
    step(lambda s, x: (lambda q, k, v: weighted(s, scaled(q, k), v))(*unbound(s, x)), **FUSED),
    step(lambda s, x: (lambda q, k, v: weighted(s, paddle.einsum("bhqd,bhkd->bhqk", q * 0.5, k), v))(*sliced(s, x)),
         **FUSED),
)  # fmt: skip
CAUSAL = (
    step(lambda s, x: native(s, x, is_causal=True), **QKV),
    step(lambda s, x: native(s, x, attn_mask=~hidden(x)), **QKV),
    step(lambda s, x: (lambda q, k, v: weighted(s, masked(scaled(q, k), x, -math.inf), v))(*separate(s, x)), **QKV),
    step(lambda s, x: (lambda q, k, v: weighted(s, masked(scaled(q, k), x, -1e9), v))(*unbound(s, x)), **FUSED),
    step(lambda s, x: (lambda q, k, v: weighted(
        s, scaled(q, k) + paddle.triu(paddle.full([6, 6], -math.inf, dtype=x.dtype), 1), v))(*sliced(s, x)), **FUSED),
)  # fmt: skip

IMAGES: dict[str, tuple[Make, ...]] = {
    "1x1": (
        step(lambda s, x: s.conv(x), conv=conv(8, 8, 1)),
        step(channels_last, conv=lin(8, 8)),
        step(lambda s, x: paddle.einsum("io,bihw->bohw", s.conv.weight, x) + s.conv.bias.reshape([8, 1, 1]),
             conv=lin(8, 8)),
    ),
    "3x3": (
        step(lambda s, x: s.conv(x), conv=conv(8, 8, 3, padding=1)),
        step(lambda s, x: s.conv(x), conv=conv(8, 8, 3, padding="SAME")),
        step(lambda s, x: s.conv(F.pad(x, [1, 1, 1, 1])), conv=conv(8, 8, 3)),
        step(lambda s, x: F.conv2d(x, s.conv.weight, padding=1) + s.conv.bias.reshape([1, 8, 1, 1]),
             conv=conv(8, 8, 3)),
    ),
    "groups": (step(lambda s, x: s.conv(x), conv=conv(8, 8, 3, padding=1, groups=2)),
               step(grouped, conv=conv(8, 8, 3, groups=2))),
    "joined": (
        step(lambda s, x: s.conv(paddle.concat([x, F.tanh(x)], axis=1)), conv=conv(16, 8, 1)),
        step(lambda s, x: s.conv(paddle.concat((x, x.tanh()), axis=-3)), conv=conv(16, 8, 1)),
    ),
    "batch norm": (
        step(lambda s, x: s.bn(x), bn=lambda: nn.BatchNorm2D(8, momentum=0.875, epsilon=2**-10)),
        step(lambda s, x: s.bn(x), bn=lambda: HandBatchNorm()),
    ),
    "layer norm of channels": (
        step(channels_last, conv=lambda: nn.LayerNorm(8, epsilon=1e-6)),
        step(lambda s, x: by_hand(x, 1, 1e-6) * s.conv.weight.reshape([8, 1, 1]) + s.conv.bias.reshape([8, 1, 1]),
             conv=weights(weight=(8,), bias=(8,))),
    ),
    "group norm": (
        step(lambda s, x: s.gn(x), gn=lambda: nn.GroupNorm(2, 8)),
        step(lambda s, x: by_hand(x.reshape([0, 2, -1]), 2, 1e-5).reshape(x.shape) * s.gn.weight.reshape([1, 8, 1, 1])
             + s.gn.bias.reshape([1, 8, 1, 1]), gn=weights(weight=(8,), bias=(8,))),
    ),
    "instance norm": plain(lambda x: F.instance_norm(x), lambda x: by_hand(x, [2, 3], 1e-5)),
    "scale": (
        step(lambda s, x: x * s.g.weight.reshape([1, 8, 1, 1]), g=weights(weight=(8,))),
        step(lambda s, x: s.g.weight.unsqueeze([0, 2, 3]) * x, g=weights(weight=(8,))),
        step(lambda s, x: (x.transpose([0, 2, 3, 1]) * s.g.weight).transpose([0, 3, 1, 2]), g=weights(weight=(8,))),
    ),
    "squeeze and excite": (
        step(lambda s, x: x * F.sigmoid(s.b(F.relu(s.a(F.adaptive_avg_pool2d(x, 1))))),
             a=conv(8, 4, 1), b=conv(4, 8, 1)),
        step(lambda s, x: F.sigmoid(s.b(F.relu(s.a(x.mean([2, 3]))))).reshape([0, 8, 1, 1]) * x,
             a=lin(8, 4), b=lin(4, 8)),
        step(lambda s, x: x * F.sigmoid(s.b(F.relu(s.a(x.flatten(2).mean(-1))))).unsqueeze([2, 3]),
             a=lin(8, 4), b=lin(4, 8)),
    ),
    "residual": (
        step(lambda s, x: x + s.c(F.relu(x)), c=conv(8, 8, 3, padding=1)),
        step(lambda s, x: s.c(F.relu(x)) + x, c=conv(8, 8, 3, padding=1)),
        step(lambda s, x: paddle.add(x, s.c(F.relu(x))), c=conv(8, 8, 3, padding=1)),
        step(lambda s, x: s.c(F.relu(x)).add_(x), c=conv(8, 8, 3, padding=1)),
    ),
    "nearest, then means": plain(
        lambda x: F.avg_pool2d(F.interpolate(x, scale_factor=2, mode="nearest"), 2),
        lambda x: F.avg_pool2d(x.repeat_interleave(2, 2).repeat_interleave(2, 3), 2, stride=2),
    ),
    "bilinear": plain(
        lambda x: F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)[:, :, ::2, 1::2],
        lambda x: F.interpolate(x, size=[12, 12], mode="bilinear")[:, :, ::2, 1::2],
    ),
    "max pool": plain(
        lambda x: F.max_pool2d(x, 3, 1, 1), lambda x: F.max_pool2d(F.pad(x, [1, 1, 1, 1], value=-math.inf), 3, 1),
    ),
    "shuffle": plain(
        lambda x: x.reshape([0, 2, 4, 6, 6]).transpose([0, 2, 1, 3, 4]).reshape([0, 8, 6, 6]),
        lambda x: F.channel_shuffle(x, 2), lambda x: paddle.stack(paddle.chunk(x, 2, 1), 2).flatten(1, 2),
    ),
    "centred": plain(lambda x: x - x.mean([2, 3], keepdim=True),
                     lambda x: x - x.sum([-1, -2], keepdim=True) / 36),
}  # fmt: skip
POINTS: dict[str, tuple[Make, ...]] = {
    "relu": plain(F.relu, lambda x: paddle.clip(x, min=0), lambda x: paddle.maximum(x, paddle.zeros_like(x)),
                  lambda x: x * (x > 0).astype(x.dtype), lambda x: F.relu_(x.clone())),
    "relu6": plain(F.relu6, lambda x: x.clip(0, 6), lambda x: F.hardtanh(x, 0.0, 6.0)),
    "hard swish": plain(F.hardswish, lambda x: x * F.relu6(x + 3) / 6, lambda x: x * F.hardsigmoid(x)),
    "hard sigmoid": plain(F.hardsigmoid, lambda x: F.relu6(x + 3.0) / 6.0, lambda x: (x / 6 + 0.5).clip(0, 1)),
    "leaky": plain(lambda x: F.leaky_relu(x, 0.125), lambda x: paddle.where(x > 0, x, 0.125 * x),
                   lambda x: paddle.maximum(x, 0.125 * x)),
    "silu": plain(F.silu, F.swish, lambda x: x * F.sigmoid(x), lambda x: x / (1 + paddle.exp(-x))),
    "gelu": plain(F.gelu, lambda x: 0.5 * x * (1 + paddle.erf(x / math.sqrt(2)))),
    "gelu by tanh": plain(lambda x: F.gelu(x, approximate=True), lambda x: 0.5 * x * (
        1 + paddle.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))),
    "mish": plain(F.mish, lambda x: x * F.softplus(x).tanh(), lambda x: x * paddle.tanh(paddle.log1p(x.exp()))),
    "softplus": plain(F.softplus, lambda x: paddle.log1p(paddle.exp(x)), lambda x: -F.log_sigmoid(-x)),
    "sigmoid": plain(F.sigmoid, lambda x: 1 / (1 + paddle.exp(-x)), lambda x: 0.5 * (1 + paddle.tanh(0.5 * x))),
    "tanh": plain(F.tanh, lambda x: 2 * F.sigmoid(2 * x) - 1),
    "elu": plain(F.elu, lambda x: paddle.where(x > 0, x, paddle.expm1(x))),
    "square": plain(lambda x: x * x, lambda x: x**2, paddle.square, lambda x: x.pow(2)),
    "softsign": plain(F.softsign, lambda x: x / (1 + x.abs())),
    "affine": plain(lambda x: 2.0 * x + 0.5, lambda x: paddle.scale(x, 2.0, 0.5), lambda x: (x + 0.25) * 2.0),
    "clip": plain(lambda x: x.clip(-1.0, 1.0), F.hardtanh, lambda x: paddle.clip(x, -1, 1)),
    "dropout": (step(lambda s, x: s.d(x), d=lambda: nn.Dropout(0.25)),
                step(lambda s, x: F.dropout(x, 0.25, training=s.training))),
}  # fmt: skip
SEQUENCES: dict[str, tuple[Make, ...]] = {
    "linear": (
        step(lambda s, x: s.fc(x), fc=lin(8, 8)),
        step(lambda s, x: F.linear(x, s.fc.weight, s.fc.bias), fc=lin(8, 8)),
        step(lambda s, x: paddle.matmul(x, s.fc.weight) + s.fc.bias, fc=lin(8, 8)),
        step(lambda s, x: paddle.addmm(s.fc.bias, x.reshape([-1, 8]), s.fc.weight).reshape([-1, 6, 8]), fc=lin(8, 8)),
        step(lambda s, x: paddle.einsum("bni,io->bno", x, s.fc.weight) + s.fc.bias, fc=lin(8, 8)),
    ),
    "attention": ATTENTION,
    "causal attention": CAUSAL,
    "layer norm": (
        step(lambda s, x: s.ln(x), ln=lambda: nn.LayerNorm(8)),
        step(lambda s, x: F.layer_norm(x, [8], s.ln.weight, s.ln.bias), ln=weights(weight=(8,), bias=(8,))),
        step(lambda s, x: by_hand(x, -1, 1e-5) * s.ln.weight + s.ln.bias, ln=weights(weight=(8,), bias=(8,))),
    ),
    "rms norm": (
        step(lambda s, x: s.rn.weight * (x * paddle.rsqrt((x**2).mean(-1, keepdim=True) + 1e-6)),
             rn=weights(weight=(8,))),
        step(lambda s, x: x / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt() * s.rn.weight, rn=weights(weight=(8,))),
    ),
    "swiglu": (
        step(lambda s, x: (lambda a, b: F.silu(a) * b)(*s.w(x).chunk(2, -1)), w=lin(8, 16)),
        step(lambda s, x: (lambda y: y[1] * F.silu(y[0]))(paddle.split(s.w(x), [8, 8], axis=2)), w=lin(8, 16)),
        step(lambda s, x: F.swiglu(s.w(x)), w=lin(8, 16)),
        step(lambda s, x: (lambda y: y[:, :, 8:] * y[:, :, :8] * F.sigmoid(y[:, :, :8]))(s.w(x)), w=lin(8, 16)),
    ),
    "glu": (step(lambda s, x: F.glu(s.w(x), -1), w=lin(8, 16)),
            step(lambda s, x: (lambda a, b: a * F.sigmoid(b))(*s.w(x).chunk(2, 2)), w=lin(8, 16))),
    "softmax": plain(lambda x: F.softmax(x), lambda x: F.softmax(x, 2), lambda x: F.log_softmax(x, -1).exp(),
                     lambda x: x.exp() / x.exp().sum(-1, keepdim=True)),
    "log-softmax": plain(lambda x: F.log_softmax(x, -1), lambda x: x - x.logsumexp(-1, keepdim=True),
                         lambda x: F.softmax(x, -1).log()),
    "unit length": plain(lambda x: F.normalize(x, axis=-1), lambda x: x / x.norm(axis=-1, keepdim=True),
                         lambda x: x * x.square().sum(-1, keepdim=True).rsqrt()),
    "running sum": plain(lambda x: x.cumsum(1), lambda x: paddle.matmul(paddle.tril(paddle.ones([6, 6], x.dtype)), x)),
    "shift": plain(lambda x: F.pad(x, [1, 0], data_format="NLC")[:, :-1],
                   lambda x: paddle.concat([0 * x[:, :1], x[:, :-1]], 1)),
    "roll": plain(lambda x: x.roll(1, 1), lambda x: paddle.concat([x[:, -1:], x[:, :-1]], axis=1)),
    "positions": (
        step(lambda s, x: x + s.p(paddle.arange(6)), p=lambda: nn.Embedding(6, 8)),
        step(lambda s, x: s.p.weight.unsqueeze(0) + x, p=weights(weight=(6, 8))),
    ),
    "drop path": (
        step(lambda s, x: x * paddle.floor(0.75 + paddle.rand([x.shape[0], 1, 1], dtype=x.dtype)) / 0.75
             if s.training else x),
        step(lambda s, x: x.divide(paddle.full([], 0.75, dtype=x.dtype)) * (
            paddle.rand([x.shape[0], 1, 1], dtype=x.dtype) + 0.75).floor() if s.training else x),
    ),
    "standardised": plain(lambda x: (x - x.mean(1, True)) / (x.std(1, keepdim=True) + 1e-3),
                          lambda x: (x - x.mean(1, True)) / (x.var(1, keepdim=True).sqrt() + 1e-3)),
    "gathered": plain(lambda x: paddle.index_select(x, paddle.to_tensor([2, 0, 1, 5, 4, 3]), 1),
                      lambda x: paddle.gather(x, paddle.to_tensor([2, 0, 1, 5, 4, 3]), axis=1)),
}  # fmt: skip


def target(x: Any) -> Any:
    return paddle.arange(x.shape[0]) % 4


IMAGE_ENDS: dict[str, tuple[Make, ...]] = {
    "mean": (
        step(lambda s, x: s.fc(x.mean([2, 3])), fc=lin(8, 4)),
        step(lambda s, x: s.fc(F.adaptive_avg_pool2d(x, 1).flatten(1)), fc=lin(8, 4)),
        step(lambda s, x: s.fc(x.flatten(2).mean(-1)), fc=lin(8, 4)),
        step(lambda s, x: s.fc(x).mean([2, 3]), fc=conv(8, 4, 1)),
    ),
    "largest": (
        step(lambda s, x: s.fc(x.flatten(2).max(-1)), fc=lin(8, 4)),
        step(lambda s, x: s.fc(F.adaptive_max_pool2d(x, 1).flatten(1)), fc=lin(8, 4)),
        step(lambda s, x: s.fc(F.max_pool2d(x, 6)).squeeze([-1, -2]), fc=conv(8, 4, 1)),
    ),
    "cross entropy": (
        step(lambda s, x: F.cross_entropy(s.fc(x.mean([2, 3])), target(x)), fc=lin(8, 4)),
        step(lambda s, x: F.nll_loss(F.log_softmax(s.fc(x.mean([2, 3])), 1), target(x)), fc=lin(8, 4)),
        step(lambda s, x: -paddle.take_along_axis(
            F.log_softmax(s.fc(x.mean([-2, -1])), 1), target(x).unsqueeze(1), 1).mean(), fc=lin(8, 4)),
    ),
}  # fmt: skip
SEQUENCE_ENDS: dict[str, tuple[Make, ...]] = {
    "mean": (step(lambda s, x: s.fc(x.mean(1)), fc=lin(8, 4)), step(lambda s, x: s.fc(x).sum(1) / 6, fc=lin(8, 4))),
    "first": (step(lambda s, x: F.tanh(s.fc(x[:, 0])), fc=lin(8, 4)),
              step(lambda s, x: F.tanh(s.fc(x)[:, 0]), fc=lin(8, 4))),
    "mean square": (step(lambda s, x: F.mse_loss(s.fc(x), paddle.zeros_like(x)), fc=lin(8, 8)),
                    step(lambda s, x: (s.fc(x) ** 2).mean(), fc=lin(8, 8))),
    "binary": (
        step(lambda s, x: F.binary_cross_entropy_with_logits(s.fc(x), paddle.ones_like(x)), fc=lin(8, 8)),
        step(lambda s, x: F.softplus(-s.fc(x)).mean(), fc=lin(8, 8)),
    ),
    "tokens": (step(lambda s, x: s.fc(x), fc=lin(8, 4)),
               step(lambda s, x: s.fc(x.flatten(0, 1)).reshape([-1, 6, 4]), fc=lin(8, 4))),
}  # fmt: skip
