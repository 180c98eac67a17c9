"""The scores between vectors in torch, and float16, whose largest number they pass."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def affinity(left: Tensor, right: Tensor) -> Tensor:
    """Left [..., N, D] @ right [..., D, M]; where that would be float16, by itself or by autocast, it is float32.

    Scores pass its largest number, 65504, where features are far from it; :func:`narrowed` takes the map back.
    """
    if left.dtype != torch.float16 and not _cast_to_float16(left):
        return left @ right
    with torch.autocast(left.device.type, enabled=False):
        return left.float() @ right.float()


def relative_affinity(query: Tensor, height: Tensor, width: Tensor) -> Tensor:
    """What a query at (i, j) says of a key's place (k, l): q·height[k - i + K - 1] + q·width[l - j + L - 1].

    Query [..., I, J, D], height [2K - 1, D], width [2L - 1, D] → [..., I·J, K·L].
    """
    rows = _along(query, height)  # [..., I, J, K]
    columns = _along(query.transpose(-3, -2), width).transpose(-3, -2)  # [..., I, J, L]
    scores = rows.unsqueeze(-1) + columns.unsqueeze(-2)  # [..., I, J, K, L]
    return scores.flatten(-2).flatten(-3, -2)


def _along(query: Tensor, table: Tensor) -> Tensor:
    """Query [..., I, J, D], table [2K - 1, D] → q_ij·table[k - i + K - 1] as [..., I, J, K]."""
    queries, keys = query.shape[-3], (table.shape[0] + 1) // 2
    places = [torch.arange(count, device=table.device) for count in (queries, keys)]
    offsets = places[1].unsqueeze(0) - places[0].unsqueeze(1) + (keys - 1)  # [I, K]
    return affinity(query, F.embedding(offsets, table).transpose(1, 2))


def narrowed(attention: Tensor, like: Tensor) -> Tensor:
    """A map that was computed from :func:`affinity`, in float16 where the tensor ``like`` is."""
    return attention.half() if like.dtype == torch.float16 else attention


def _cast_to_float16(tensor: Tensor) -> bool:
    """Whether autocast makes a product float16, as of all but float64."""
    device = tensor.device.type
    to_float16 = torch.is_autocast_enabled(device) and torch.get_autocast_dtype(device) == torch.float16
    return to_float16 and tensor.dtype != torch.float64
