"""The public form of each block in Paddle, on the same weights; its convolutions alone; its two products alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import Tensor

Form = Callable[[Tensor], list[Tensor]]
no_grad = paddle.no_grad


def random_input(shape: Sequence[int]) -> Tensor:
    return paddle.randn(list(shape))


def backward(outputs: list[Tensor], module: Any, x: Tensor) -> None:
    """Gradients of the sum of all outputs, of the input and of every parameter."""
    grads = [paddle.ones_like(y) for y in outputs]
    paddle.grad(outputs, [x, *module.parameters()], grads, allow_unused=True)


def track(x: Tensor) -> None:
    x.stop_gradient = False


def forms(kind: str, module: Any, x: Tensor) -> dict[str, Form]:
    """Each form by name, as a function of x that returns its outputs."""
    public = Public(kind, module)
    found: dict[str, Form] = {"ours": lambda x: [module(x)], "public": lambda x: [public(x)]}
    if kind in CONVOLUTIONS:
        found["convolutions"] = lambda x: CONVOLUTIONS[kind](module, x)
    if (kind == "non_local" and "gaussian" in module.spec.mode) or kind == "position_attention":
        b, n = x.shape[0], x.shape[2] * x.shape[3]
        inner, values = module.spec.inner, module.spec.inner if kind == "non_local" else x.shape[1]
        inner = x.shape[1] if getattr(module.spec, "mode", "") == "gaussian" else inner
        query, key, value = (paddle.randn([b, *shape]) for shape in ((n, inner), (inner, n), (n, values)))
        # x enters at little cost, so that there is something to differentiate
        found["products"] = lambda x: [((query + x[0, 0, 0, 0]) @ (key + x[0, 0, 0, 0])) @ (value + x[0, 0, 0, 0])]
    return found


class Public(paddle.nn.Layer):
    """The public form as public code has it: a module that is called. It computes with the parameters of ours."""

    def __init__(self, kind: str, module: Any) -> None:
        super().__init__()
        self.compute, self.module = PUBLIC[kind], module

    def forward(self, x: Tensor) -> Tensor:
        return self.compute(self.module, x)


def _rows(x: Tensor) -> Tensor:
    return x.reshape([*x.shape[:2], -1]).transpose([0, 2, 1])


def non_local(m: Any, x: Tensor) -> Tensor:
    b, d, mode = x.shape[0], m.spec.inner, m.spec.mode
    g = m.g(x).reshape([b, d, -1]).transpose([0, 2, 1])
    if mode == "concatenation":
        theta, phi = m.theta(x).reshape([b, d, -1, 1]), m.phi(x).reshape([b, d, 1, -1])
        n = theta.shape[2]
        pairs = paddle.concat([theta.tile([1, 1, 1, n]), phi.tile([1, 1, n, 1])], axis=1)
        f = F.relu(F.conv2d(pairs, m.w_f.reshape([1, -1, 1, 1]))).reshape([b, n, n])
    elif mode == "gaussian":
        f = paddle.matmul(x.reshape([b, x.shape[1], -1]).transpose([0, 2, 1]), x.reshape([b, x.shape[1], -1]))
    else:
        f = paddle.matmul(m.theta(x).reshape([b, d, -1]).transpose([0, 2, 1]), m.phi(x).reshape([b, d, -1]))
    f = F.softmax(f, axis=-1) if "gaussian" in mode else f / f.shape[-1]
    y = paddle.matmul(f, g).transpose([0, 2, 1]).reshape([b, d, *x.shape[2:]])
    return m.norm(m.w_z(y)) + x


def position(m: Any, x: Tensor) -> Tensor:
    b, c, h, w = x.shape
    attention = F.softmax(paddle.bmm(_rows(m.query(x)), m.key(x).reshape([b, -1, h * w])), axis=-1)
    y = paddle.bmm(m.value(x).reshape([b, -1, h * w]), attention.transpose([0, 2, 1]))
    return m.gamma * y.reshape([b, c, h, w]) + x


def channel(m: Any, x: Tensor) -> Tensor:
    b, c, h, w = x.shape
    rows = x.reshape([b, c, -1])
    energy = paddle.bmm(rows, rows.transpose([0, 2, 1]))
    energy = paddle.max(energy, -1, keepdim=True).expand_as(energy) - energy
    return m.gamma * paddle.bmm(F.softmax(energy, axis=-1), rows).reshape([b, c, h, w]) + x


def affinity(m: Any, x: Tensor) -> Tensor:
    b, _, h, w = x.shape
    theta, phi, g = (conv(x).reshape([b, -1, h * w]) for conv in (m.theta, m.phi, m.g))
    y = paddle.matmul(F.softmax(paddle.matmul(theta, phi.transpose([0, 2, 1])), axis=-1), g)
    return m.norm(m.w_z(y.reshape([b, -1, h, w]))) + x


def criss_cross(m: Any, x: Tensor) -> Tensor:
    b, _, h, w = x.shape

    def columns(t: Tensor) -> Tensor:
        return t.transpose([0, 3, 1, 2]).reshape([b * w, -1, h])

    def lines(t: Tensor) -> Tensor:
        return t.transpose([0, 2, 1, 3]).reshape([b * h, -1, w])

    q, k, v = m.query(x), m.key(x), m.value(x)
    own = -paddle.diag(paddle.full([h], float("inf")), 0).unsqueeze(0).tile([b * w, 1, 1])
    energy_h = (
        (paddle.bmm(columns(q).transpose([0, 2, 1]), columns(k)) + own).reshape([b, w, h, h]).transpose([0, 2, 1, 3])
    )
    energy_w = paddle.bmm(lines(q).transpose([0, 2, 1]), lines(k)).reshape([b, h, w, w])
    attention = F.softmax(paddle.concat([energy_h, energy_w], 3), axis=3)
    attention_h = attention[..., :h].transpose([0, 2, 1, 3]).reshape([b * w, h, h])
    attention_w = attention[..., h:].reshape([b * h, w, w])
    y_h = paddle.bmm(columns(v), attention_h.transpose([0, 2, 1])).reshape([b, w, -1, h]).transpose([0, 2, 3, 1])
    y_w = paddle.bmm(lines(v), attention_w.transpose([0, 2, 1])).reshape([b, h, -1, w]).transpose([0, 2, 1, 3])
    return m.gamma * (y_h + y_w) + x


def relation_aware(m: Any, x: Tensor) -> Tensor:
    b, c, h, w = x.shape

    def gate(part: Any, nodes: Tensor) -> Tensor:
        theta = F.relu(part.theta(nodes)).transpose([0, 2, 1])
        relation = paddle.matmul(theta, F.relu(part.phi(nodes)))
        joined = paddle.concat((relation.transpose([0, 2, 1]), relation), 1)
        joined = F.relu(part.relation(joined))
        own = paddle.mean(F.relu(part.feature(nodes)), axis=1, keepdim=True)
        return F.sigmoid(part.gate(F.relu(part.hidden(paddle.concat((own, joined), 1)))))

    x = gate(m.spatial, x.reshape([b, c, -1])).reshape([b, 1, h, w]).expand_as(x) * x
    return gate(m.channel, x.reshape([b, c, -1]).transpose([0, 2, 1])).reshape([b, c, 1, 1]).expand_as(x) * x


def squeeze(m: Any, x: Tensor) -> Tensor:
    pooled = F.adaptive_avg_pool2d(x, 1).reshape([*x.shape[:2]])
    gate = F.sigmoid(m.fc_2(F.relu(m.fc_1(pooled))))
    return x * gate.reshape([*x.shape[:2], 1, 1]).expand_as(x)


def efficient(m: Any, x: Tensor) -> Tensor:
    pooled = F.adaptive_avg_pool2d(x, 1)
    gate = F.conv1d(pooled.squeeze(-1).transpose([0, 2, 1]), m.conv.weight, padding=m.conv.weight.shape[-1] // 2)
    return x * F.sigmoid(gate.transpose([0, 2, 1]).unsqueeze(-1)).expand_as(x)


def cbam(m: Any, x: Tensor) -> Tensor:
    part = m.channel
    pools = (F.adaptive_avg_pool2d(x, 1), F.adaptive_max_pool2d(x, 1))
    gate = sum(part.fc_2(F.relu(part.fc_1(pool.reshape([*x.shape[:2]])))) for pool in pools)
    x = x * F.sigmoid(gate).unsqueeze(2).unsqueeze(3).expand_as(x)
    both = paddle.concat((paddle.max(x, 1).unsqueeze(1), paddle.mean(x, 1).unsqueeze(1)), axis=1)
    return x * F.sigmoid(m.spatial.norm(m.spatial.conv(both)))


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
