"""The public form of each block in torch, on the same weights; its convolutions alone; its two products alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Form = Callable[[Tensor], list[Tensor]]
no_grad = torch.no_grad


def random_input(shape: Sequence[int]) -> Tensor:
    return torch.randn(*shape)


def backward(outputs: list[Tensor], module: Any, x: Tensor) -> None:
    """Gradients of the sum of all outputs, of the input and of every parameter."""
    grads = [torch.ones_like(y) for y in outputs]
    torch.autograd.grad(outputs, [x, *module.parameters()], grads, allow_unused=True)


def track(x: Tensor) -> None:
    x.requires_grad_(True)


def forms(kind: str, module: Any, x: Tensor) -> dict[str, Form]:
    """Each form by name, as a function of x that returns its outputs."""
    public = Public(kind, module)
    found: dict[str, Form] = {"ours": lambda x: [module(x)], "public": lambda x: [public(x)]}
    if kind in CONVOLUTIONS:
        found["convolutions"] = lambda x: CONVOLUTIONS[kind](module, x)
    if (kind == "non_local" and "gaussian" in module.spec.mode) or kind == "position_attention":
        b, n = x.shape[0], x[0, 0].numel()
        inner, values = module.spec.inner, module.spec.inner if kind == "non_local" else x.shape[1]
        inner = x.shape[1] if getattr(module.spec, "mode", "") == "gaussian" else inner
        query, key, value = (torch.randn(b, *shape) for shape in ((n, inner), (inner, n), (n, values)))
        # x enters at little cost, so that there is something to differentiate
        found["products"] = lambda x: [((query + x[0, 0, 0, 0]) @ (key + x[0, 0, 0, 0])) @ (value + x[0, 0, 0, 0])]
    return found


class Public(torch.nn.Module):
    """The public form as public code has it: a module that is called. It computes with the parameters of ours."""

    def __init__(self, kind: str, module: Any) -> None:
        super().__init__()
        self.compute, self.module = PUBLIC[kind], module

    def forward(self, x: Tensor) -> Tensor:
        return self.compute(self.module, x)


def _rows(x: Tensor) -> Tensor:
    return x.view(*x.shape[:2], -1).permute(0, 2, 1)


def non_local(m: Any, x: Tensor) -> Tensor:
    b, d, mode = x.shape[0], m.spec.inner, m.spec.mode
    g = m.g(x).view(b, d, -1).permute(0, 2, 1)
    if mode == "concatenation":
        theta, phi = m.theta(x).view(b, d, -1, 1), m.phi(x).view(b, d, 1, -1)
        n = theta.size(2)
        pairs = torch.cat([theta.repeat(1, 1, 1, n), phi.repeat(1, 1, n, 1)], dim=1)
        f = F.relu(F.conv2d(pairs, m.w_f.view(1, -1, 1, 1))).view(b, n, n)
    elif mode == "gaussian":
        f = torch.matmul(x.view(b, x.shape[1], -1).permute(0, 2, 1), x.view(b, x.shape[1], -1))
    else:
        f = torch.matmul(m.theta(x).view(b, d, -1).permute(0, 2, 1), m.phi(x).view(b, d, -1))
    f = F.softmax(f, dim=-1) if "gaussian" in mode else f / f.size(-1)
    y = torch.matmul(f, g).permute(0, 2, 1).contiguous().view(b, d, *x.shape[2:])
    return m.norm(m.w_z(y)) + x


def position(m: Any, x: Tensor) -> Tensor:
    b, c, h, w = x.shape
    attention = torch.softmax(torch.bmm(_rows(m.query(x)), m.key(x).view(b, -1, h * w)), dim=-1)
    y = torch.bmm(m.value(x).view(b, -1, h * w), attention.permute(0, 2, 1))
    return m.gamma * y.view(b, c, h, w) + x


def channel(m: Any, x: Tensor) -> Tensor:
    b, c, h, w = x.shape
    rows = x.view(b, c, -1)
    energy = torch.bmm(rows, rows.permute(0, 2, 1))
    energy = torch.max(energy, -1, keepdim=True)[0].expand_as(energy) - energy
    return m.gamma * torch.bmm(torch.softmax(energy, dim=-1), rows).view(b, c, h, w) + x


def affinity(m: Any, x: Tensor) -> Tensor:
    b, _, h, w = x.shape
    theta, phi, g = (conv(x).view(b, -1, h * w) for conv in (m.theta, m.phi, m.g))
    y = torch.matmul(F.softmax(torch.matmul(theta, phi.permute(0, 2, 1)), dim=-1), g)
    return m.norm(m.w_z(y.view(b, -1, h, w))) + x


def criss_cross(m: Any, x: Tensor) -> Tensor:
    b, _, h, w = x.shape

    def columns(t: Tensor) -> Tensor:
        return t.permute(0, 3, 1, 2).contiguous().view(b * w, -1, h)

    def lines(t: Tensor) -> Tensor:
        return t.permute(0, 2, 1, 3).contiguous().view(b * h, -1, w)

    q, k, v = m.query(x), m.key(x), m.value(x)
    own = -torch.diag(torch.full((h,), float("inf")), 0).unsqueeze(0).repeat(b * w, 1, 1)
    energy_h = (torch.bmm(columns(q).permute(0, 2, 1), columns(k)) + own).view(b, w, h, h).permute(0, 2, 1, 3)
    energy_w = torch.bmm(lines(q).permute(0, 2, 1), lines(k)).view(b, h, w, w)
    attention = F.softmax(torch.cat([energy_h, energy_w], 3), dim=3)
    attention_h = attention[..., :h].permute(0, 2, 1, 3).contiguous().view(b * w, h, h)
    attention_w = attention[..., h:].contiguous().view(b * h, w, w)
    y_h = torch.bmm(columns(v), attention_h.permute(0, 2, 1)).view(b, w, -1, h).permute(0, 2, 3, 1)
    y_w = torch.bmm(lines(v), attention_w.permute(0, 2, 1)).view(b, h, -1, w).permute(0, 2, 1, 3)
    return m.gamma * (y_h + y_w) + x


def relation_aware(m: Any, x: Tensor) -> Tensor:
    b, c, h, w = x.shape

    def gate(part: Any, nodes: Tensor) -> Tensor:
        theta = F.relu(part.theta(nodes)).permute(0, 2, 1)
        relation = torch.matmul(theta, F.relu(part.phi(nodes)))
        joined = torch.cat((relation.permute(0, 2, 1), relation), 1)
        joined = F.relu(part.relation(joined))
        own = torch.mean(F.relu(part.feature(nodes)), dim=1, keepdim=True)
        return torch.sigmoid(part.gate(F.relu(part.hidden(torch.cat((own, joined), 1)))))

    x = gate(m.spatial, x.view(b, c, -1)).view(b, 1, h, w).expand_as(x) * x
    return gate(m.channel, x.view(b, c, -1).permute(0, 2, 1)).view(b, c, 1, 1).expand_as(x) * x


def squeeze(m: Any, x: Tensor) -> Tensor:
    pooled = F.adaptive_avg_pool2d(x, 1).view(*x.shape[:2])
    gate = torch.sigmoid(m.fc_2(F.relu(m.fc_1(pooled))))
    return x * gate.view(*x.shape[:2], 1, 1).expand_as(x)


def efficient(m: Any, x: Tensor) -> Tensor:
    pooled = F.adaptive_avg_pool2d(x, 1)
    gate = F.conv1d(pooled.squeeze(-1).transpose(-1, -2), m.conv.weight, padding=m.conv.weight.shape[-1] // 2)
    return x * torch.sigmoid(gate.transpose(-1, -2).unsqueeze(-1)).expand_as(x)


def cbam(m: Any, x: Tensor) -> Tensor:
    part = m.channel
    pools = (F.adaptive_avg_pool2d(x, 1), F.adaptive_max_pool2d(x, 1))
    gate = sum(part.fc_2(F.relu(part.fc_1(pool.view(*x.shape[:2])))) for pool in pools)
    x = x * torch.sigmoid(gate).unsqueeze(2).unsqueeze(3).expand_as(x)
    both = torch.cat((torch.max(x, 1)[0].unsqueeze(1), torch.mean(x, 1).unsqueeze(1)), dim=1)
    return x * torch.sigmoid(m.spatial.norm(m.spatial.conv(both)))


PUBLIC: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "non_local": non_local, "position_attention": position, "channel_attention": channel,
    "channel_affinity": affinity, "criss_cross_attention": criss_cross, "relation_aware_attention": relation_aware,
    "squeeze_excitation": squeeze, "efficient_channel_attention": efficient, "cbam": cbam,
}  # fmt: skip


def _embedded(m: Any, x: Tensor) -> list[Tensor]:
    g = m.g(x)
    return [m.w_z(g), *(getattr(m, name)(x) for name in ("theta", "phi") if hasattr(m, name))]


def _query_key_value(m: Any, x: Tensor) -> list[Tensor]:
    return [m.query(x), m.key(x), m.value(x)]


CONVOLUTIONS: dict[str, Callable[[Any, Tensor], list[Tensor]]] = {
    "non_local": _embedded, "channel_affinity": _embedded,
    "position_attention": _query_key_value, "criss_cross_attention": _query_key_value,
}  # fmt: skip
