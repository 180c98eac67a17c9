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
    rows = value.transpose(1, 2).to(torch.promote_types(value.dtype, torch.float32))  # [B, M, E]
    a, b = a.to(rows.dtype), b.to(rows.dtype)
    weighted = (b / divisor).unsqueeze(2) * rows  # [B, M, E]
    plain, weighted = _OpenSum.apply(a, b, torch.cat([rows, weighted], dim=2)).chunk(2, dim=2)  # [B, N, E] each
    return torch.addcmul(weighted, (a / divisor).unsqueeze(2), plain).transpose(1, 2).to(value.dtype)


class _OpenSum(torch.autograd.Function):
    """S_i = Σ_j v_j over the j with a_i + b_j > 0: a [B, N], b [B, M], v [B, M, E] → [B, N, E].

    S is a step in a and b, so its gradient goes to v alone; and it is the same sum with a and b exchanged.
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, v: Tensor) -> Tensor:
        ctx.save_for_backward(a, b)
        return _open_sum(a, b, v)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[None, None, Tensor]:
        a, b = ctx.saved_tensors
        return None, None, _OpenSum.apply(b, a, grads[0])


def _open_sum(a: Tensor, b: Tensor, v: Tensor) -> Tensor:
    """Prefix sums of v by falling b, each a looked up in them. a + b > 0 is b > -a, in floating point as well."""
    ordered, order = b.sort(dim=1, descending=True)  # [B, M] each
    count = b.shape[1] - torch.searchsorted(ordered.flip(1).contiguous(), -a.contiguous(), right=True)  # [B, N], 0..M
    prefix = F.pad(_rows(v, order).cumsum(dim=1), (0, 0, 1, 0))  # [B, M + 1, E]
    return _rows(prefix, count)


def _rows(table: Tensor, index: Tensor) -> Tensor:
    """Table [B, M, E], index [B, N] → the rows [B, N, E]; whole rows, which is faster than by element."""
    b, m, e = table.shape
    start = torch.arange(b, device=table.device).unsqueeze(1) * m  # [B, 1]
    return table.reshape(b * m, e).index_select(0, (index + start).reshape(-1)).reshape(b, index.shape[1], e)
