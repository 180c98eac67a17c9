"""The product of an attention map with its values, without the map, in torch."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def softmax_product(query: Tensor, key: Tensor, value: Tensor, scale: float = 1.0) -> Tensor:
    """Query [B, D, N], key [B, D, M], value [B, E, M] → softmax(queryᵀ·key / scale)·valueᵀ as [B, E, N].

    torch's kernel that never holds the map wants rows that are contiguous and one width for all three: the narrower
    ones get columns of zeros, which change neither the affinities nor the values.
    """
    if query.dtype == torch.float16 and query.device.type == "cpu":
        # There its kernel takes six times as long in float16 as in float32 (measured), and rounds its gradients more.
        with torch.autocast("cpu", enabled=False):
            return softmax_product(query.float(), key.float(), value.float(), scale).half()
    width = max(query.shape[1], value.shape[1])
    q, k, v = (
        F.pad(tensor.transpose(1, 2), (0, width - tensor.shape[1])).contiguous().unsqueeze(1)  # [B, 1, N or M, width]
        for tensor in (query, key, value)
    )
    y = F.scaled_dot_product_attention(q, k, v, scale=1.0 / scale)  # [B, 1, N, width]
    return y.squeeze(1).transpose(1, 2)[:, : value.shape[1]]


def dot_product(query: Tensor, key: Tensor, value: Tensor, divisor: float) -> Tensor:
    """Query [B, D, N], key [B, D, M], value [B, E, M] → (queryᵀ·key / divisor)·valueᵀ as [B, E, N].

    The keys meet the values first: their product is [E, D], whatever N and M are.
    """
    return ((value / divisor) @ key.transpose(1, 2)) @ query


def ramp_product(a: Tensor, b: Tensor, value: Tensor, divisor: float) -> Tensor:
    """A [B, N], b [B, M], value [B, E, M] → y_i = Σ_j relu(a_i + b_j) value_j / divisor as [B, E, N].

    Where the ramp is open, relu(a_i + b_j) is a_i + b_j, so y_i = a_i Σ value_j + Σ b_j value_j over the open j.
    """
    wide = torch.promote_types(value.dtype, torch.float32)
    rows = (value.to(wide) / divisor).transpose(1, 2)  # [B, M, E]
    _, y = _RampProduct.apply(a.to(wide), b.to(wide), rows)  # [B, N, E]
    return y.transpose(1, 2).to(value.dtype)


class _RampProduct(torch.autograd.Function):
    """Σ_j v_j over the j with a_i + b_j > 0, and y_i = Σ_j (a_i + b_j) v_j over them: both [B, N, E].

    A [B, N], b [B, M], v [B, M, E]. The gradient of y for v is the same product with a and b exchanged, on the
    output's gradient; those for a and b come from the sums over what is open, which both products have at hand.
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        opened, y = _ramp(a, b, v)
        ctx.save_for_backward(a, b, v, opened)
        ctx.set_materialize_grads(False)
        return opened, y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        a, b, v, opened = ctx.saved_tensors
        grad_opened, grad = grads
        grad_a = grad_b = grad_v = None
        if grad is not None:
            opening, grad_v = _RampProduct.apply(b, a, grad)  # [B, M, E] each
            grad_a, grad_b = (opened * grad).sum(dim=2), (opening * v).sum(dim=2)
        if grad_opened is not None:  # only in gradients of gradients
            step, _ = _RampProduct.apply(b, a, grad_opened)
            grad_v = step if grad_v is None else grad_v + step
        return grad_a, grad_b, grad_v


def _ramp(a: Tensor, b: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """By falling b, the open j are the first ones: a + b > 0 is -b < a, in floating point as well.

    A row of zeros goes first, so that the prefix sums are those of the first 0, 1, ..., M rows.
    """
    threshold, order = (-b).sort(dim=1)  # [B, M] each
    count = torch.searchsorted(threshold, a.contiguous())  # [B, N], 0..M
    rows = _rows(F.pad(v, (0, 0, 0, 1)), F.pad(order, (1, 0), value=b.shape[1]))  # [B, M + 1, E]
    opened = _rows(rows.cumsum(dim=1), count)  # [B, N, E]
    weighted = _rows((F.pad(-threshold, (1, 0)).unsqueeze(2) * rows).cumsum(dim=1), count)  # [B, N, E]
    return opened, torch.addcmul(weighted, a.unsqueeze(2), opened)


def _rows(table: Tensor, index: Tensor) -> Tensor:
    """Table [B, M, E], index [B, N] → the rows [B, N, E]; whole rows, which is faster than by element."""
    b, m, e = table.shape
    start = torch.arange(b, device=table.device).unsqueeze(1) * m  # [B, 1]
    return table.reshape(b * m, e).index_select(0, (index + start).reshape(-1)).reshape(b, index.shape[1], e)
