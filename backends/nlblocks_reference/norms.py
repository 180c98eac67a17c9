"""Group and layer normalisation in NumPy."""

from __future__ import annotations

import math

import numpy as np

from nlblocks_reference.layers import per_channel
from nlblocks_reference.scope import Array, Scope


def group_norm(x: Array, p: Scope, groups: int, eps: float = 1e-5) -> Array:
    """x [B, C, ...]: each of ``groups`` groups of channels less its mean, by its deviation; p.weight, p.bias."""
    rows = x.reshape(x.shape[0], groups, math.prod(x.shape[1:]) // groups)
    normal = _normal(rows, -1, eps).reshape(x.shape)
    return normal * per_channel(p["weight"], x) + per_channel(p["bias"], x)


def layer_norm(x: Array, p: Scope, eps: float = 1e-5) -> Array:
    """x [B, C, ...]: each position less its mean over C, by its deviation; then p.weight and p.bias."""
    return _normal(x, 1, eps) * per_channel(p["weight"], x) + per_channel(p["bias"], x)


def _normal(x: Array, axis: int, eps: float) -> Array:
    centred = x - x.mean(axis, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis, keepdims=True) + eps)
