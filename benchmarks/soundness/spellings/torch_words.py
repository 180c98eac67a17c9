"""Steps of a model, each in several spellings that compute the same, as torch users write them.

An image step keeps [B, 8, 6, 6], a sequence step [B, 6, 8]; an end gives what the model returns.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.faults.torch_models.layers import BiasedBatchNorm2d

Make = Callable[[], Any]


class Spelled(nn.Module):
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


class Weights(nn.Module):
    """Parameters without a layer's forward."""

    def __init__(self, **shapes: tuple[int, ...]) -> None:
        super().__init__()
        for name, shape in shapes.items():
            setattr(self, name, nn.Parameter(torch.zeros(shape)))


class HandBatchNorm(nn.Module):
    """Batch normalisation written out; the running variance averages the biased estimate."""

    running_mean: torch.Tensor
    running_var: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(8)), nn.Parameter(torch.zeros(8))
        self.register_buffer("running_mean", torch.zeros(8))
        self.register_buffer("running_var", torch.ones(8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mean, var = self.running_mean, self.running_var
        if self.training:
            mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), unbiased=False)
            with torch.no_grad():
                self.running_mean.mul_(0.875).add_(0.125 * mean)
                self.running_var.mul_(0.875).add_(0.125 * var)
        y = (x - mean.view(1, 8, 1, 1)) / torch.sqrt(var.view(1, 8, 1, 1) + 2**-10)
        return y * self.weight.view(1, 8, 1, 1) + self.bias.view(1, 8, 1, 1)


def conv(*args: Any, **kwargs: Any) -> Make:
    return lambda: nn.Conv2d(*args, **kwargs)


def lin(i: int, o: int, bias: bool = True) -> Make:
    return lambda: nn.Linear(i, o, bias=bias)


def weights(**shapes: tuple[int, ...]) -> Make:
    return lambda: Weights(**shapes)


def channels_last(s: Any, x: Any) -> Any:
    return s.conv(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def by_hand(x: Any, axes: Any, eps: float) -> Any:
    return (x - x.mean(axes, keepdim=True)) / torch.sqrt(x.var(axes, unbiased=False, keepdim=True) + eps)


def grouped(s: Any, x: Any) -> Any:
    halves = [F.conv2d(a, w, padding=1) for a, w in zip(x.chunk(2, 1), s.conv.weight.chunk(2, 0), strict=True)]
    return torch.cat(halves, 1) + s.conv.bias.view(1, -1, 1, 1)


def heads(x: Any) -> Any:
    return x.reshape(x.shape[0], x.shape[1], 2, 4).transpose(1, 2)


def merged(x: Any) -> Any:
    return x.transpose(1, 2).reshape(x.shape[0], x.shape[2], 8)


def separate(s: Any, x: Any) -> Any:
    return heads(s.q(x)), heads(s.k(x)), heads(s.v(x))


def sliced(s: Any, x: Any) -> Any:
    y = s.qkv(x)
    return heads(y[..., :8]), heads(y[..., 8:16]), heads(y[..., 16:])


def unbound(s: Any, x: Any) -> Any:
    return s.qkv(x).reshape(x.shape[0], x.shape[1], 3, 2, 4).permute(2, 0, 3, 1, 4).unbind(0)


def native(s: Any, x: Any, **how: Any) -> Any:
    q, k, v = separate(s, x)
    return s.o(merged(F.scaled_dot_product_attention(q, k, v, **how)))


def hidden(x: Any) -> Any:
    return torch.ones(x.shape[-2], x.shape[-2], dtype=torch.bool).triu(1)


def scaled(q: Any, k: Any) -> Any:
    return q @ k.transpose(-1, -2) / math.sqrt(4)


QKV = {"q": lin(8, 8), "k": lin(8, 8), "v": lin(8, 8), "o": lin(8, 8)}
FUSED = {"qkv": lin(8, 24), "o": lin(8, 8)}
ATTENTION = (
    step(native, **QKV),
    step(lambda s, x: (lambda q, k, v: s.o(merged(scaled(q, k).softmax(-1) @ v)))(*separate(s, x)), **QKV),
    step(lambda s, x: (lambda q, k, v: s.o(merged(((q * 0.5) @ k.mT).softmax(-1) @ v)))(*sliced(s, x)), **FUSED),
    step(lambda s, x: (lambda q, k, v: s.o(merged(torch.einsum(
        "bhqk,bhkd->bhqd", (torch.einsum("bhqd,bhkd->bhqk", q, k) * 0.5).softmax(-1), v))))(*unbound(s, x)), **FUSED),
)  # fmt: skip
CAUSAL = (
    step(lambda s, x: native(s, x, is_causal=True), **QKV),
    step(lambda s, x: native(s, x, attn_mask=~hidden(x)), **QKV),
    step(lambda s, x: (lambda q, k, v: s.o(merged(
        scaled(q, k).masked_fill(hidden(x), -math.inf).softmax(-1) @ v)))(*separate(s, x)), **QKV),
    step(lambda s, x: (lambda q, k, v: s.o(merged(
        scaled(q, k).masked_fill(hidden(x), -1e9).softmax(-1) @ v)))(*unbound(s, x)), **FUSED),
    step(lambda s, x: (lambda q, k, v: s.o(merged((scaled(q, k) + torch.zeros(6, 6, dtype=x.dtype).masked_fill(
        hidden(x), -math.inf)).softmax(-1) @ v)))(*sliced(s, x)), **FUSED),
)  # fmt: skip

IMAGES: dict[str, tuple[Make, ...]] = {
    "1x1": (
        step(lambda s, x: s.conv(x), conv=conv(8, 8, 1)),
        step(channels_last, conv=lin(8, 8)),
        step(lambda s, x: torch.einsum("oi,bihw->bohw", s.conv.weight, x) + s.conv.bias[:, None, None],
             conv=weights(weight=(8, 8), bias=(8,))),
        step(lambda s, x: F.conv2d(x, s.conv.weight[:, :, None, None], s.conv.bias),
             conv=weights(weight=(8, 8), bias=(8,))),
    ),
    "3x3": (
        step(lambda s, x: s.conv(x), conv=conv(8, 8, 3, padding=1)),
        step(lambda s, x: s.conv(x), conv=conv(8, 8, 3, padding="same")),
        step(lambda s, x: s.conv(F.pad(x, (1, 1, 1, 1))), conv=conv(8, 8, 3)),
        step(lambda s, x: F.conv2d(x, s.conv.weight, padding=1) + s.conv.bias.view(1, 8, 1, 1), conv=conv(8, 8, 3)),
    ),
    "groups": (step(lambda s, x: s.conv(x), conv=conv(8, 8, 3, padding=1, groups=2)),
               step(grouped, conv=conv(8, 8, 3, groups=2))),
    "joined": (
        step(lambda s, x: s.conv(torch.cat([x, torch.tanh(x)], 1)), conv=conv(16, 8, 1)),
        step(lambda s, x: s.conv(torch.cat((x, x.tanh()), dim=-3)), conv=conv(16, 8, 1)),
    ),
    "batch norm": (
        step(lambda s, x: s.bn(x), bn=lambda: BiasedBatchNorm2d(8, momentum=0.125, eps=2**-10)),
        step(lambda s, x: s.bn(x), bn=lambda: HandBatchNorm()),
    ),
    "layer norm of channels": (
        step(channels_last, conv=lambda: nn.LayerNorm(8, eps=1e-6)),
        step(lambda s, x: by_hand(x, 1, 1e-6) * s.conv.weight[:, None, None] + s.conv.bias[:, None, None],
             conv=weights(weight=(8,), bias=(8,))),
    ),
    "group norm": (
        step(lambda s, x: s.gn(x), gn=lambda: nn.GroupNorm(2, 8)),
        step(lambda s, x: by_hand(x.reshape(x.shape[0], 2, -1), 2, 1e-5).reshape(x.shape) * s.gn.weight.view(1, 8, 1, 1)
             + s.gn.bias.view(1, 8, 1, 1), gn=weights(weight=(8,), bias=(8,))),
        step(lambda s, x: F.group_norm(x, 2, s.gn.weight, s.gn.bias), gn=weights(weight=(8,), bias=(8,))),
    ),
    "instance norm": plain(lambda x: F.instance_norm(x), lambda x: by_hand(x, (2, 3), 1e-5),
                           lambda x: F.group_norm(x, 8)),
    "scale": (
        step(lambda s, x: x * s.g.weight.view(1, 8, 1, 1), g=weights(weight=(8,))),
        step(lambda s, x: s.g.weight[None, :, None, None] * x, g=weights(weight=(8,))),
        step(lambda s, x: (x.permute(0, 2, 3, 1) * s.g.weight).permute(0, 3, 1, 2), g=weights(weight=(8,))),
    ),
    "squeeze and excite": (
        step(lambda s, x: x * s.b(F.relu(s.a(F.adaptive_avg_pool2d(x, 1)))).sigmoid(),
             a=conv(8, 4, 1), b=conv(4, 8, 1)),
        step(lambda s, x: torch.sigmoid(s.b(F.relu(s.a(x.mean((2, 3)))))).view(x.shape[0], 8, 1, 1) * x,
             a=lin(8, 4), b=lin(4, 8)),
        step(lambda s, x: x * torch.sigmoid(s.b(F.relu(s.a(x.flatten(2).mean(-1)))))[..., None, None],
             a=lin(8, 4), b=lin(4, 8)),
    ),
    "residual": (
        step(lambda s, x: x + s.c(F.relu(x)), c=conv(8, 8, 3, padding=1)),
        step(lambda s, x: s.c(torch.relu(x)) + x, c=conv(8, 8, 3, padding=1)),
        step(lambda s, x: s.c(x.relu()).add_(x), c=conv(8, 8, 3, padding=1)),
        step(lambda s, x: torch.add(x, s.c(x.clamp_min(0.0))), c=conv(8, 8, 3, padding=1)),
    ),
    "nearest, then means": plain(
        lambda x: F.avg_pool2d(F.interpolate(x, scale_factor=2, mode="nearest"), 2),
        lambda x: F.avg_pool2d(x.repeat_interleave(2, 2).repeat_interleave(2, 3), 2, stride=2),
    ),
    "bilinear": plain(
        lambda x: F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)[:, :, ::2, 1::2],
        lambda x: F.interpolate(x, size=(12, 12), mode="bilinear")[..., ::2, 1::2],
    ),
    "max pool": plain(
        lambda x: F.max_pool2d(x, 3, 1, 1), lambda x: F.max_pool2d(F.pad(x, (1, 1, 1, 1), value=-math.inf), 3, 1),
    ),
    "shuffle": plain(
        lambda x: x.view(-1, 2, 4, 6, 6).transpose(1, 2).reshape(-1, 8, 6, 6),
        lambda x: torch.stack(x.chunk(2, 1), 2).flatten(1, 2),
    ),
    "centred": plain(lambda x: x - x.mean((2, 3), keepdim=True), lambda x: x - F.adaptive_avg_pool2d(x, 1),
                     lambda x: x - x.sum((-1, -2), True) / 36),
}  # fmt: skip
POINTS: dict[str, tuple[Make, ...]] = {
    "relu": plain(F.relu, lambda x: x.clamp(min=0), lambda x: torch.maximum(x, torch.zeros_like(x)),
                  lambda x: x * (x > 0), lambda x: F.relu_(x.clone()), lambda x: torch.where(x > 0, x, 0.0 * x)),
    "relu6": plain(F.relu6, lambda x: x.clamp(0, 6), lambda x: F.hardtanh(x, 0.0, 6.0)),
    "hard swish": plain(F.hardswish, lambda x: x * F.relu6(x + 3) / 6, lambda x: x * F.hardsigmoid(x)),
    "hard sigmoid": plain(F.hardsigmoid, lambda x: F.relu6(x + 3.0) / 6.0, lambda x: (x / 6 + 0.5).clamp(0, 1)),
    "leaky": plain(lambda x: F.leaky_relu(x, 0.125), lambda x: torch.where(x > 0, x, 0.125 * x),
                   lambda x: torch.maximum(x, 0.125 * x), lambda x: F.relu(x) - 0.125 * F.relu(-x)),
    "silu": plain(F.silu, lambda x: x * torch.sigmoid(x), lambda x: x * x.sigmoid(), lambda x: x / (1 + (-x).exp())),
    "gelu": plain(F.gelu, lambda x: 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))),
    "gelu by tanh": plain(lambda x: F.gelu(x, approximate="tanh"), lambda x: 0.5 * x * (
        1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))),
    "mish": plain(F.mish, lambda x: x * F.softplus(x).tanh(), lambda x: x * torch.tanh(torch.log1p(x.exp()))),
    "softplus": plain(F.softplus, lambda x: torch.log1p(torch.exp(x)), lambda x: -F.logsigmoid(-x)),
    "sigmoid": plain(torch.sigmoid, lambda x: 1 / (1 + torch.exp(-x)), lambda x: 0.5 * (1 + torch.tanh(0.5 * x))),
    "tanh": plain(torch.tanh, lambda x: 2 * torch.sigmoid(2 * x) - 1),
    "elu": plain(F.elu, lambda x: torch.where(x > 0, x, torch.expm1(x)), lambda x: F.relu(x) - F.relu(1 - x.exp())),
    "square": plain(lambda x: x * x, lambda x: x**2, torch.square, lambda x: x.pow(2)),
    "softsign": plain(F.softsign, lambda x: x / (1 + x.abs())),
    "affine": plain(lambda x: 2.0 * x + 0.5, lambda x: torch.add(0.5, x, alpha=2), lambda x: (x + 0.25) * 2.0),
    "clip": plain(lambda x: x.clamp(-1.0, 1.0), F.hardtanh, lambda x: torch.minimum(x.clamp(min=-1.0), x.new_ones(()))),
    "dropout": (step(lambda s, x: s.d(x), d=lambda: nn.Dropout(0.25)),
                step(lambda s, x: F.dropout(x, 0.25, s.training))),
}  # fmt: skip
SEQUENCES: dict[str, tuple[Make, ...]] = {
    "linear": (
        step(lambda s, x: s.fc(x), fc=lin(8, 8)),
        step(lambda s, x: F.linear(x, s.fc.weight, s.fc.bias), fc=weights(weight=(8, 8), bias=(8,))),
        step(lambda s, x: x @ s.fc.weight.t() + s.fc.bias, fc=weights(weight=(8, 8), bias=(8,))),
        step(lambda s, x: torch.addmm(s.fc.bias, x.reshape(-1, 8), s.fc.weight.T).view(-1, 6, 8), fc=lin(8, 8)),
        step(lambda s, x: torch.einsum("bni,oi->bno", x, s.fc.weight) + s.fc.bias, fc=lin(8, 8)),
        step(lambda s, x: torch.baddbmm(s.fc.bias, x, s.fc.weight.t().expand(len(x), 8, 8)), fc=lin(8, 8)),
    ),
    "attention": ATTENTION,
    "causal attention": CAUSAL,
    "layer norm": (
        step(lambda s, x: s.ln(x), ln=lambda: nn.LayerNorm(8)),
        step(lambda s, x: F.layer_norm(x, (8,), s.ln.weight, s.ln.bias), ln=weights(weight=(8,), bias=(8,))),
        step(lambda s, x: by_hand(x, -1, 1e-5) * s.ln.weight + s.ln.bias, ln=weights(weight=(8,), bias=(8,))),
    ),
    "rms norm": (
        step(lambda s, x: s.rn.weight * (x * torch.rsqrt((x**2).mean(-1, True) + 1e-6)), rn=weights(weight=(8,))),
        step(lambda s, x: x / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt() * s.rn.weight, rn=weights(weight=(8,))),
    ),
    "swiglu": (
        step(lambda s, x: (lambda a, b: F.silu(a) * b)(*s.w(x).chunk(2, -1)), w=lin(8, 16)),
        step(lambda s, x: (lambda a, b: b * F.silu(a))(*s.w(x).split(8, dim=2)), w=lin(8, 16)),
        step(lambda s, x: (lambda y: y[..., 8:] * y[..., :8] * y[..., :8].sigmoid())(s.w(x)), w=lin(8, 16)),
    ),
    "glu": (step(lambda s, x: F.glu(s.w(x), -1), w=lin(8, 16)),
            step(lambda s, x: (lambda a, b: a * b.sigmoid())(*s.w(x).chunk(2, 2)), w=lin(8, 16))),
    "softmax": plain(lambda x: x.softmax(-1), lambda x: F.softmax(x, 2), lambda x: F.log_softmax(x, -1).exp(),
                     lambda x: x.exp() / x.exp().sum(-1, keepdim=True),
                     lambda x: (lambda e: e / e.sum(-1, True))((x - x.amax(-1, keepdim=True).detach()).exp())),
    "log-softmax": plain(lambda x: F.log_softmax(x, -1), lambda x: x - x.logsumexp(-1, keepdim=True),
                         lambda x: x.softmax(-1).log()),
    "unit length": plain(lambda x: F.normalize(x, dim=-1), lambda x: x / x.norm(dim=-1, keepdim=True),
                         lambda x: x * x.square().sum(-1, keepdim=True).rsqrt()),
    "running sum": plain(lambda x: x.cumsum(1), lambda x: torch.ones(6, 6, dtype=x.dtype).tril() @ x),
    "shift": plain(lambda x: F.pad(x, (0, 0, 1, 0))[:, :-1], lambda x: torch.cat([0 * x[:, :1], x[:, :-1]], 1)),
    "roll": plain(lambda x: x.roll(1, 1), lambda x: torch.cat([x[:, -1:], x[:, :-1]], dim=1)),
    "positions": (
        step(lambda s, x: x + s.p(torch.arange(6)), p=lambda: nn.Embedding(6, 8)),
        step(lambda s, x: s.p.weight.unsqueeze(0) + x, p=weights(weight=(6, 8))),
    ),
    "drop path": (
        step(lambda s, x: x * torch.floor(0.75 + torch.rand((len(x), 1, 1), dtype=x.dtype)) / 0.75
             if s.training else x),
        step(lambda s, x: x / 0.75 * (torch.rand(len(x), 1, 1, dtype=x.dtype) + 0.75).floor() if s.training else x),
    ),
    "standardised": plain(lambda x: (x - x.mean(1, True)) / (x.std(1, keepdim=True) + 1e-3),
                          lambda x: (x - x.mean(1, True)) / (x.var(1, keepdim=True).sqrt() + 1e-3)),
    "gathered": plain(lambda x: x[:, [2, 0, 1, 5, 4, 3]],
                      lambda x: x.index_select(1, torch.tensor([2, 0, 1, 5, 4, 3]))),
}  # fmt: skip


def target(x: Any) -> Any:
    return torch.arange(len(x)) % 4


IMAGE_ENDS: dict[str, tuple[Make, ...]] = {
    "mean": (
        step(lambda s, x: s.fc(x.mean((2, 3))), fc=lin(8, 4)),
        step(lambda s, x: s.fc(F.adaptive_avg_pool2d(x, 1).flatten(1)), fc=lin(8, 4)),
        step(lambda s, x: s.fc(x.flatten(2).mean(-1)), fc=lin(8, 4)),
        step(lambda s, x: s.fc(x).mean((2, 3)), fc=conv(8, 4, 1)),
    ),
    "largest": (
        step(lambda s, x: s.fc(x.flatten(2).max(-1).values), fc=lin(8, 4)),
        step(lambda s, x: s.fc(F.adaptive_max_pool2d(x, 1).flatten(1)), fc=lin(8, 4)),
        step(lambda s, x: s.fc(F.max_pool2d(x, 6)).squeeze(-1).squeeze(-1), fc=conv(8, 4, 1)),
    ),
    "cross entropy": (
        step(lambda s, x: F.cross_entropy(s.fc(x.mean((2, 3))), target(x)), fc=lin(8, 4)),
        step(lambda s, x: F.nll_loss(F.log_softmax(s.fc(x.mean((2, 3))), 1), target(x)), fc=lin(8, 4)),
        step(lambda s, x: -s.fc(x.mean((-2, -1))).log_softmax(1).gather(1, target(x)[:, None]).mean(), fc=lin(8, 4)),
    ),
}
SEQUENCE_ENDS: dict[str, tuple[Make, ...]] = {
    "mean": (step(lambda s, x: s.fc(x.mean(1)), fc=lin(8, 4)), step(lambda s, x: s.fc(x).sum(1) / 6, fc=lin(8, 4))),
    "first": (step(lambda s, x: torch.tanh(s.fc(x[:, 0])), fc=lin(8, 4)),
              step(lambda s, x: s.fc(x.select(1, 0)).tanh(), fc=lin(8, 4)),
              step(lambda s, x: torch.tanh(s.fc(x)[:, 0]), fc=lin(8, 4))),
    "mean square": (step(lambda s, x: F.mse_loss(s.fc(x), torch.zeros_like(x)), fc=lin(8, 8)),
                    step(lambda s, x: (s.fc(x) ** 2).mean(), fc=lin(8, 8))),
    "binary": (
        step(lambda s, x: F.binary_cross_entropy_with_logits(s.fc(x), torch.ones_like(x)), fc=lin(8, 8)),
        step(lambda s, x: F.softplus(-s.fc(x)).mean(), fc=lin(8, 8)),
        step(lambda s, x: F.binary_cross_entropy(torch.sigmoid(s.fc(x)), torch.ones_like(x)), fc=lin(8, 8)),
    ),
    "tokens": (step(lambda s, x: s.fc(x), fc=lin(8, 4)),
               step(lambda s, x: s.fc(x.flatten(0, 1)).view(-1, 6, 4), fc=lin(8, 4))),
}  # fmt: skip
