"""The scores between vectors in torch, and float16, whose largest number they pass."""

from __future__ import annotations

import torch
from torch import Tensor


def affinity(left: Tensor, right: Tensor) -> Tensor:
    """Left [..., N, D] @ right [..., D, M]; where that would be float16, by itself or by autocast, it is float32.

    Scores pass its largest number, 65504, where features are far from it; :func:`narrowed` takes the map back.
    """
    if left.dtype != torch.float16 and not _cast_to_float16(left):
        return left @ right
    with torch.autocast(left.device.type, enabled=False):
        return left.float() @ right.float()


def narrowed(attention: Tensor, like: Tensor) -> Tensor:
    """A map that was computed from :func:`affinity`, in float16 where the tensor ``like`` is."""
    return attention.half() if like.dtype == torch.float16 else attention


def _cast_to_float16(tensor: Tensor) -> bool:
    """Whether autocast makes a product float16, as of all but float64."""
    device = tensor.device.type
    to_float16 = torch.is_autocast_enabled(device) and torch.get_autocast_dtype(device) == torch.float16
    return to_float16 and tensor.dtype != torch.float64
